"""Series of very many rows: read as short ones are, in memory that does not grow with them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seqtools.errors import DataError
from seqtools_forecast import pieces, tail
from seqtools_forecast.facts import look
from seqtools_forecast.past import last_windows, scales
from seqtools_forecast.reading import read_series
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.scales import series_scales
from seqtools_forecast.splits import Held, split
from seqtools_forecast.spreads import training_figures
from seqtools_forecast.store import SeriesStore, from_arrays

MANY = 600


@pytest.fixture
def short_pieces(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """So many rows make a series long."""
    return lambda rows: monkeypatch.setattr(pieces, "ROWS", rows)


def written(path: Path, minutes: np.ndarray, values: np.ndarray, future: np.ndarray | None = None) -> Path:
    """A table of one series; the stamps are minutes since 2020."""
    stamps = np.datetime64("2020-01-01T00:00:00") + minutes.astype("timedelta64[m]")
    texts = ["" if np.isnan(value) else repr(value) for value in values.tolist()]
    columns = [np.datetime_as_string(stamps).tolist(), texts]
    if future is not None:
        columns.append([repr(value) for value in future.tolist()])
    head = "ds,y,price\n" if future is not None else "ds,y\n"
    path.write_text(head + "".join(",".join(row) + "\n" for row in zip(*columns, strict=True)))
    return path


def untidy(rng: np.random.Generator, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Minutes and values with gaps, empty cells, stamps told twice, in order or not."""
    minutes = np.sort(rng.choice(2 * MANY, MANY, replace=False))
    if "twice" in kind:
        minutes = np.sort(rng.choice(minutes, MANY))
    if "unsorted" in kind:
        minutes = rng.permutation(minutes)
    values = rng.normal(size=MANY).round(3)
    values[rng.random(MANY) < 0.1] = np.nan
    return minutes, values


def same(one: SeriesStore, other: SeriesStore) -> None:
    assert one.frequency == other.frequency and one.report == other.report
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.start, a.ahead) == (b.start, b.ahead)
        np.testing.assert_allclose(a.values, b.values, rtol=1e-12)
        np.testing.assert_array_equal(a.future, b.future)


@pytest.mark.parametrize("kind", ["gaps", "gaps twice", "unsorted", "unsorted twice"])
@pytest.mark.parametrize("duplicates", ["last", "first", "mean", "sum"])
@pytest.mark.parametrize("frequency", ["", "15min"])
def test_long_series_are_read_like_short_ones(
    tmp_path: Path, short_pieces: Callable[[int], None], kind: str, duplicates: str, frequency: str
) -> None:
    path = written(tmp_path / "a.csv", *untidy(np.random.default_rng(7), kind))
    data = replace(SeriesDataConfig(), duplicates=duplicates, frequency=frequency)
    whole = read_series([path], data, tmp_path / "whole")
    assert whole.report["gaps"]["count"] > 0 or frequency
    assert bool(whole.report["unsorted"]["series"]) == ("unsorted" in kind)
    short_pieces(50)
    same(read_series([path], data, tmp_path / "pieces"), whole)
    names = {"store.json", "names.json", "index.npy", "numbers.npy", "codes.npy"}
    assert {item.name for item in (tmp_path / "pieces").iterdir()} == names | {
        f"{kind}.f64" for kind in ("values", "past", "future")
    }


@pytest.mark.parametrize("mixed", [False, True])
def test_covariates_ahead_and_other_series_around(
    tmp_path: Path, short_pieces: Callable[[int], None], mixed: bool
) -> None:
    minutes = np.concatenate([np.arange(500), np.arange(510, 600)])
    values = np.where(minutes < 550, minutes / 7, np.nan)
    path = written(tmp_path / "a.csv", minutes, values, minutes * 2.0)
    if mixed:
        lines = path.read_text().splitlines()
        rows = [f"{name},{line}" for line in lines[1:] for name in ("a", "b")]
        path.write_text("\n".join([f"id,{lines[0]}", *rows, "c,2020-01-01T00:00:00,1,1", ""]))
    data = replace(SeriesDataConfig(), future="price")
    whole = read_series([path], data, tmp_path / "whole")
    assert whole.aheads[0] == 50
    short_pieces(64)
    same(read_series([path], data, tmp_path / "pieces"), whole)


@pytest.mark.parametrize("step", [1440, 1440 * 7, 60])
def test_frequencies_of_long_series(tmp_path: Path, short_pieces: Callable[[int], None], step: int) -> None:
    days = np.arange(0, 400 * step, step)
    if step == 1440:  # working days: 2020-01-01 is a Wednesday
        days = days[(np.arange(400) + 2) % 7 < 5]
    path = written(tmp_path / "a.csv", np.delete(days, [7, 60]), np.ones(len(days) - 2))
    whole = read_series([path], SeriesDataConfig(), tmp_path / "whole")
    assert whole.frequency.name == {1440: "B", 1440 * 7: "W-WED", 60: "h"}[step]
    short_pieces(32)
    same(read_series([path], SeriesDataConfig(), tmp_path / "pieces"), whole)


def test_a_long_series_of_irregular_steps_is_refused(
    tmp_path: Path, short_pieces: Callable[[int], None]
) -> None:
    short_pieces(50)
    minutes = np.cumsum(np.random.default_rng(1).choice([7, 11, 13, 100], 300))
    path = written(tmp_path / "a.csv", minutes, np.ones(300))
    with pytest.raises(DataError, match="irregular"):
        read_series([path], SeriesDataConfig(), tmp_path / "store")
    path = written(tmp_path / "b.csv", np.append(np.arange(300), 10**8), np.ones(301))
    with pytest.raises(DataError, match="would span"):
        read_series([path], SeriesDataConfig(), tmp_path / "store")
    assert not (tmp_path / "store" / "long.grid").exists()


@pytest.mark.parametrize("kind", ["gaps", "gaps twice", "unsorted", "unsorted twice"])
@pytest.mark.parametrize("frequency", ["", "15min"])
def test_a_tail_is_the_end_of_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, frequency: str
) -> None:
    path = written(tmp_path / "a.csv", *untidy(np.random.default_rng(3), kind))
    data = replace(SeriesDataConfig(), duplicates="sum", frequency=frequency)
    whole = read_series([path], data, tmp_path / "whole")
    monkeypatch.setattr(tail, "PRUNED_AT", 100)
    monkeypatch.setattr("seqtools_forecast.blocks.BLOCK", 1024)
    told: list[str] = []
    kept = read_series([path], data, tmp_path / "kept", told.append, tail=20)
    assert told[1].endswith(f"kept of {MANY} rows, as a forecast needs no more")
    assert kept.report["rows"] == MANY and kept.report["steps"] < MANY
    assert kept[0].end == whole[0].end and len(kept[0]) == 20
    np.testing.assert_array_equal(kept[0].values, whole[0].values[-20:])


def test_tails_of_many_series_whatever_the_order_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    rows = [(name, step) for name in range(9) for step in range(200 + 10 * name)]
    lines = [f"{name},{step},{name}.{step:03}" for name, step in rng.permutation(rows).tolist()]
    lines += [f"{name},{step}," for name in range(9) for step in range(500, 530)]  # nothing is known there
    path = tmp_path / "a.csv"
    path.write_text("unique_id,ds,y\n" + "\n".join(lines) + "\n")
    monkeypatch.setattr(tail, "PRUNED_AT", 300)
    monkeypatch.setattr("seqtools_forecast.blocks.BLOCK", 2048)
    store = read_series([path], SeriesDataConfig(), tmp_path / "store", tail=10)
    assert sorted(store.names) == [str(name) for name in range(9)]
    for series in store:
        length = 200 + 10 * int(series.name)
        assert series.end == length
        assert series.values[:, 0].tolist() == [
            float(f"{series.name}.{step:03}") for step in range(length - 10, length)
        ]


def peak(path: Path, folder: Path, last: int) -> int:
    """Bytes that Python and numpy held at most while a table was read.

    The least of three readings: what is counted is the whole process, whose table of interned strings takes
    7.7 MB at once when it grows beyond 345,000 of them, which many tests together reach.
    """
    return min(_peak(path, folder.with_name(f"{folder.name}-{turn}"), last) for turn in range(3))


def _peak(path: Path, folder: Path, last: int) -> int:
    tracemalloc.start()
    try:
        read_series([path], SeriesDataConfig(), folder, tail=last)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("last", [0, 50])
def test_memory_does_not_grow_with_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short_pieces: Callable[[int], None], last: int
) -> None:
    short_pieces(500)
    monkeypatch.setattr(tail, "PRUNED_AT", 1000)
    monkeypatch.setattr("seqtools_forecast.blocks.BLOCK", 1 << 14)
    most = {}
    for rows in (3_000, 18_000):
        minutes = np.delete(np.random.default_rng(1).permutation(rows), [5, 9, 100])
        path = written(tmp_path / f"{rows}.csv", minutes, np.ones(rows - 3))
        most[rows] = peak(path, tmp_path / f"store{rows}", last)
    # 15,000 more stamps and values would be a quarter of a megabyte.
    assert most[18_000] < most[3_000] + 60_000


def test_figures_of_long_series_are_those_of_short_ones(
    tmp_path: Path, short_pieces: Callable[[int], None]
) -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(5, 2, (400, 2)).round(2)
    values[rng.random((400, 2)) < 0.1] = np.nan
    store = from_arrays([values, np.full((300, 2), 4.0), np.zeros((50, 2))], tmp_path / "store")
    splits = split(store.lengths, 5, 20, Held(2, 2, 5))
    windows = last_windows(store.lengths, 5, 30, 3)

    def figures() -> list[np.ndarray]:
        facts = look(store)
        first = [np.array([*facts.least[::2], facts.ratio]), series_scales(store, splits, 7)]
        spread = [part for pair in training_figures(store, splits).values() for part in pair]
        return [*first, *spread, scales(store, windows, 7), scales(store, windows, 1)]

    whole = figures()
    assert whole[1][1].tolist() == [4, 4] and whole[1][2].tolist() == [1, 1]
    short_pieces(37)
    for one, other in zip(figures(), whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
