"""How long a command takes to start: CPU seconds of whole processes, least of several.

    python tests/benchmarks/bench_start.py

Rows: bare Python, `seqtools --help`, the first character of `seqtools generate` with the bundled model,
and, for comparison, `import torch` alone.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time

RUNS = 7


def cpu_seconds(command: list[str], *, first_character: bool = False) -> tuple[float, float]:
    """CPU and wall seconds of one run; with `first_character`, wall until stdout gives its first byte."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        if first_character:
            os.read(process.stdout.fileno(), 1)
            wall = time.perf_counter() - began
        process.stdout.read()
        process.wait()
    if not first_character:
        wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    """Print a table."""
    seqtools = [sys.executable, "-m", "seqtools"]
    rows = {
        "bare python": ([sys.executable, "-c", "pass"], False),
        "seqtools --help": ([*seqtools, "--help"], False),
        "seqtools generate, first character": (
            [*seqtools, "generate", "ROMEO:", "-n", "1", "--seed", "1"],
            True,
        ),
        "import torch": ([sys.executable, "-c", "import torch"], False),
    }
    print(f"{'':36}{'CPU s':>8}{'wall s':>8}   least of {RUNS}")
    for name, (command, first) in rows.items():
        measured = [cpu_seconds(command, first_character=first) for _ in range(RUNS)]
        print(f"{name:36}{min(cpu for cpu, _ in measured):8.3f}{min(wall for _, wall in measured):8.3f}")


if __name__ == "__main__":
    main()
