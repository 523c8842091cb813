"""How long a command takes to start: CPU seconds of whole processes, least of several.

    python tests/benchmarks/bench_start.py

Rows: bare Python, `seqtools --help`, the first character of `seqtools generate` and a line of `seqtools
translate` with the bundled models, and, for comparison, `import torch` alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

RUNS = 7


def cpu_seconds(command: list[str], *, first_character: bool = False) -> tuple[float, float, float]:
    """CPU and wall seconds and resident MB of one run; with `first_character`, wall until the first byte."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        if first_character:
            os.read(process.stdout.fileno(), 1)
            wall = time.perf_counter() - began
        process.stdout.read()
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    if not first_character:
        wall = time.perf_counter() - began
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024


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
        "seqtools translate, one line": ([*seqtools, "translate", "¿Dónde está mi libro?"], True),
        "import torch": ([sys.executable, "-c", "import torch"], False),
    }
    print(f"{'':36}{'CPU s':>8}{'wall s':>8}{'MB':>6}   least of {RUNS}, most of MB")
    for name, (command, first) in rows.items():
        measured = [cpu_seconds(command, first_character=first) for _ in range(RUNS)]
        cpu, wall, memory = zip(*measured, strict=True)
        print(f"{name:36}{min(cpu):8.3f}{min(wall):8.3f}{max(memory):6.0f}")


if __name__ == "__main__":
    main()
