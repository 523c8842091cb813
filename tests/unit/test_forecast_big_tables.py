"""Memory stays bounded by the number of series, not of rows."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from seqtools_forecast.blocks import Source, text_blocks
from seqtools_forecast.store import SeriesStore

SERIES, STEPS = 300, 1000


def rows(steps: int) -> Iterator[str]:
    """Series interleaved: every stamp of all series, then the next one."""
    stamps = np.datetime_as_string(np.arange(steps).astype("datetime64[h]").astype("datetime64[s]"))
    tails = [f",{place}.25\n" for place in range(SERIES)]
    yield "unique_id,ds,y\n"
    for stamp in stamps.tolist():
        middle = f",{stamp.replace('T', ' ')}"
        yield "".join(f"series {place}{middle}{tails[place]}" for place in range(SERIES))


PROGRAM = """
import sys
from pathlib import Path
from seqtools_forecast.reading import read_series
from seqtools_forecast.recipe import SeriesDataConfig

def most():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024

before = most()
read_series([sys.argv[1]], SeriesDataConfig(), Path(sys.argv[2]))
print(most() - before)
"""


def peak(folder: Path, steps: int) -> float:
    """MB that a process grew by, at most, while it read a table."""
    path, store = folder / f"{steps}.csv", folder / f"store{steps}"
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(rows(steps))
    return grown(path, store)


def grown(path: Path, store: Path) -> float:
    """MB that a process grew by, at most, while it read a table into a store."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, path, store], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux only")
def test_interleaved_series_in_bounded_memory(tmp_path: Path) -> None:
    small, large = peak(tmp_path, STEPS // 10), peak(tmp_path, STEPS)
    # Cells alone would be 900,000 texts, of some 50 MB; pages of mapped files count as well here.
    assert (tmp_path / f"{STEPS}.csv").stat().st_size > 9_000_000
    assert large < small + 25
    store = SeriesStore.open(tmp_path / f"store{STEPS}")
    assert len(store) == SERIES and (store.lengths == STEPS).all() and store.frequency.name == "h"
    assert all((series.values == place + 0.25).all() for place, series in enumerate(store))
    assert (store.starts == 0).all() and store.report["unsorted"]["series"] == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is told by Linux only")
def test_a_series_costs_little_memory(tmp_path: Path) -> None:
    most = {}
    for count in (1000, 9000):
        path = tmp_path / f"{count}.csv"
        lines = (f"series {place},2024-01-0{day},{place}\n" for place in range(count) for day in range(1, 6))
        path.write_text("unique_id,ds,y\n" + "".join(lines))
        most[count] = grown(path, tmp_path / f"store{count}")
    assert most[9000] - most[1000] < 8000 * 2500 / 2**20  # 50,000 of them fit some 120 MB
    assert len(SeriesStore.open(tmp_path / "store9000")) == 9000


def test_a_pipe_is_not_kept_either(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        """Rows made when they are asked for."""

        def __init__(self) -> None:
            self._rows, self._held = rows(200), b""

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            view = memoryview(buffer)  # type: ignore[arg-type]
            while len(self._held) < len(view) and (text := next(self._rows, "")):
                self._held += text.encode()
            count = min(len(view), len(self._held))
            view[:count], self._held = self._held[:count], self._held[count:]
            return count

    stream = io.BufferedReader(Pipe())
    blocks = list(text_blocks(Source(stream, "pipe")))
    assert len(blocks) > 1 and all(block.text.endswith("\n") for block in blocks)
    assert sum(block.text.count("\n") for block in blocks) == 200 * SERIES + 1
    assert blocks[1].line == blocks[0].text.count("\n") + 1
