"""A million tokens in one stream: does it slow down, does it grow?

    python tests/benchmarks/bench_stream.py [MODEL] [--tokens 1000000]

Prints CPU time of the first and the last 10,000 tokens and the growth of the resident set.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import seqtools

PART = 10_000


def resident() -> int:
    """Resident set of this process in bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def main() -> None:
    """Stream, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default=None)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    arguments = parser.parse_args()
    model = seqtools.load(arguments.model)
    produced, marks, sizes = 0, [], []
    began = time.process_time()
    for piece in model.stream("\n", max_tokens=arguments.tokens, seed=1):
        produced += len(piece)
        if produced >= PART * (len(marks) + 1):
            now = time.process_time()
            marks.append(now - began)
            sizes.append(resident())
            began = now
    first, last = marks[0], marks[-1]
    print(f"tokens {produced:,}   parts of {PART:,}: {len(marks)}")
    print(f"first part {first:.3f} s   last part {last:.3f} s   ratio {last / first:.3f}")
    middle = sorted(marks)[len(marks) // 2]
    print(f"median part {middle:.3f} s = {PART / middle:,.0f} characters/s CPU")
    print(f"resident after the first part {sizes[0] / 1e6:.1f} MB, at the end {sizes[-1] / 1e6:.1f} MB")
    print(f"growth {(sizes[-1] - sizes[0]) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
