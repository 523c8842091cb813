"""The store: what is written comes back, as views; broken ones are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqtools.errors import DataError
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.store import SeriesStore, from_arrays

LENGTHS = (5, 1, 9)


@pytest.fixture
def store(tmp_path: Path) -> SeriesStore:
    rng = np.random.default_rng(3)
    values = [rng.normal(size=(length, 2)) for length in LENGTHS]
    values[0][2] = np.nan
    return from_arrays(
        values,
        tmp_path / "store",
        frequency="D",
        names=["a", "b", "c"],
        starts=[100, -5, 0],
        past=(["p"], [np.full((length, 1), length) for length in LENGTHS]),
        future=(["f", "g"], [np.arange(2 * (length + 3)).reshape(-1, 2) for length in LENGTHS]),
        numbers=(["size"], np.array([[1.5], [np.nan], [2]])),
        categories={"town": ["Ulm", "Bonn", "Ulm"], "kind": ["x", "", "y"]},
    )


def test_series_come_back(store: SeriesStore) -> None:
    assert len(store) == 3 and [series.name for series in store] == ["a", "b", "c"]
    series = store[0]
    assert (len(series), series.start, series.end, series.ahead) == (5, 100, 105, 3)
    assert series.values.shape == (5, 2) and np.isnan(series.values[2]).all()
    assert series.past.tolist() == [[5]] * 5
    assert series.future.shape == (8, 2) and series.future[-1].tolist() == [14, 15]
    assert series.numbers.tolist() == [1.5] and series.categories == ("Ulm", "x")
    assert store[-1].name == "c" and store[1].categories == ("Bonn", "")
    assert store.targets == ("c1", "c2") and store.category_values == (("Bonn", "Ulm"), ("", "x", "y"))
    assert store.frequency == Frequency.parse("D")
    with pytest.raises(IndexError):
        store[3]


def test_flat_arrays_are_the_series(store: SeriesStore) -> None:
    for index, series in enumerate(store):
        begin, later = store.offsets[index], store.future_offsets[index]
        rows = slice(begin, begin + store.lengths[index])
        assert np.array_equal(store.values[rows], series.values, equal_nan=True)
        assert np.array_equal(store.past_rows[rows], series.past)
        end = later + store.lengths[index] + store.aheads[index]
        assert np.array_equal(store.future_rows[later:end], series.future)
    assert store.static_codes.tolist() == [[1, 1], [0, 0], [1, 2]]


def test_values_are_views_that_cannot_be_written(store: SeriesStore) -> None:
    with pytest.raises(ValueError, match="read-only"):
        store[0].values[0] = 1


def test_opening_again_gives_the_same(store: SeriesStore) -> None:
    again = SeriesStore.open(store.folder)
    assert again.digest() == store.digest()
    assert np.array_equal(again.values, store.values, equal_nan=True)


def test_the_digest_tells_contents_apart(tmp_path: Path) -> None:
    told = [
        from_arrays([np.arange(4.0)], tmp_path / "a"),
        from_arrays([np.arange(4.0) + 1], tmp_path / "b"),
        from_arrays([np.arange(4.0)], tmp_path / "c", frequency="h"),
        from_arrays([np.arange(4.0)], tmp_path / "d", starts=[1]),
        from_arrays([np.arange(4.0)], tmp_path / "e", names=["x"]),
    ]
    assert len({store.digest() for store in told}) == len(told)
    assert from_arrays([np.arange(4.0)], tmp_path / "f").digest() == told[0].digest()


def test_nothing_is_a_store_too(tmp_path: Path) -> None:
    store = from_arrays([], tmp_path)
    assert len(store) == 0 and list(store) == [] and store.values.shape == (0, 1)


def test_covariates_ahead_must_cover_the_horizon(store: SeriesStore, tmp_path: Path) -> None:
    store.require_ahead(3)
    with pytest.raises(DataError, match=r"series 'a'.*cover 3 of 4 steps.*f, g"):
        store.require_ahead(4)
    gappy = from_arrays(
        [np.arange(3.0)],
        tmp_path / "gap",
        frequency="D",
        future=(["f"], [np.array([[1.0]] * 4 + [[np.nan]])]),
    )
    with pytest.raises(DataError, match=r"covariate 'f' is missing at 1970-01-05\. Fill it in, or ask"):
        gappy.require_ahead(2)
    gappy.require_ahead(1)
    gappy.require_ahead(2, [])


@pytest.mark.parametrize("broken", ["store.json", "values.f64", "future.f64"])
def test_a_store_that_is_not_whole_is_refused(store: SeriesStore, broken: str) -> None:
    path = store.folder / broken
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match="Read the table again"):
        SeriesStore.open(store.folder)


def test_no_store_and_another_version_are_refused(store: SeriesStore, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no series"):
        SeriesStore.open(tmp_path / "nowhere")
    told = (store.folder / "store.json").read_text(encoding="utf-8")
    (store.folder / "store.json").write_text(told.replace('"format": 1', '"format": 99'), encoding="utf-8")
    with pytest.raises(DataError, match="another version"):
        SeriesStore.open(store.folder)
