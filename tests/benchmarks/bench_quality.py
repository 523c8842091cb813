"""Train a preset on a text, then score the file it made under both protocols beside the n-gram.

    python tests/benchmarks/bench_quality.py TEXT --preset char-small [-o RUN] [-- further training options]

Prints the CPU time of the training process and what `seqtools evaluate` says of the last tenth of the text.
The time counts everything: reading, evaluations, the floor, the export.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path


def run(*words: object) -> float:
    """CPU seconds of a seqtools command; its output goes to the terminal."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "seqtools", *map(str, words)],
        check=True,
        env={"OMP_NUM_THREADS": "1", **os.environ},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Train, evaluate, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("text", type=Path)
    parser.add_argument("--preset", default="char-small")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("rest", nargs="*")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        output = arguments.output or Path(folder) / "run"
        words = ["train", "generate", arguments.text, "-o", output, "--preset", arguments.preset]
        print(f"training took {run(*words, *arguments.rest):.0f} s of CPU")
        run("evaluate", "-m", output / "model.onnx", arguments.text)


if __name__ == "__main__":
    main()
