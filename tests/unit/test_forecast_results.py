"""Levels, noise, tables, windows as a host makes them."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError, UsageError
from seqtools.forecaster import ForecastShape
from seqtools_forecast.about import About
from seqtools_forecast.asked_levels import at, check, chosen, ends, intervals
from seqtools_forecast.feeding import feeds
from seqtools_forecast.forecasts import Forecasts, tidy
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.matching import match, remarks
from seqtools_forecast.noise import noise
from seqtools_forecast.store import from_arrays
from seqtools_forecast.taking import taken

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def normal(mean: float, sd: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([NormalDist(mean, sd).inv_cdf(level) for level in LEVELS])


def test_intervals_are_read_and_refused() -> None:
    assert intervals("95, 80,80") == (80.0, 95.0)
    assert ends(80) == pytest.approx((0.1, 0.9))
    for text in ("", "80,", "0", "100", "-5", "abc", "nan"):
        with pytest.raises(UsageError, match="percentage"):
            intervals(text)
    check([50, 90], LEVELS)
    with pytest.raises(UsageError, match="beyond intervals of 90 %"):
        check([95], LEVELS)
    with pytest.raises(UsageError, match="tells no interval"):
        check([80], (0.5,))


def test_shares_are_not_taken_for_percentages_nor_percentages_for_levels() -> None:
    for ask in (lambda: intervals("80,0.9"), lambda: check([0.9], LEVELS)):
        with pytest.raises(UsageError, match=r"an interval of 0\.9 %\. Percentages are asked for: write 90"):
            ask()
    for wrong in (0, 100, float("nan")):
        with pytest.raises(UsageError, match="no percentage"):
            check([wrong], LEVELS)
    for beyond in (0.96, 0.01, 80, 0):
        with pytest.raises(UsageError, match=r"levels that the model tells\. Ask for 0\.05 to 0\.95"):
            at(np.zeros((1, len(LEVELS))), LEVELS, beyond)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(st.floats(0.05, 0.95), st.floats(-100, 100), st.floats(0.1, 50))
def test_levels_between_are_exact_for_a_normal_distribution(level: float, mean: float, sd: float) -> None:
    found = at(normal(mean, sd)[None], LEVELS, level)[0]
    assert found == pytest.approx(NormalDist(mean, sd).inv_cdf(level), rel=1e-6, abs=1e-6)


def test_told_levels_are_told_exactly() -> None:
    rows = np.random.default_rng(0).normal(size=(7, 5))
    for place, level in enumerate(LEVELS):
        assert (at(rows, LEVELS, level) == rows[:, place]).all()
    assert (at(rows[:, 2:3], (0.5,), 0.5) == rows[:, 2]).all()


def test_noise_belongs_to_seed_series_path_and_step() -> None:
    rows = np.array([3, 9])
    whole = noise(5, rows, 4, 6)
    assert whole.shape == (2, 4, 6, 2) and whole.dtype == np.float32
    assert whole.min() > 0 and whole.max() < 1
    assert (noise(5, rows, 2, 3) == whole[:, :2, :3]).all()
    assert (noise(5, rows[1:], 4, 6) == whole[1:]).all()
    assert len(np.unique(whole)) == whole.size
    assert not (noise(6, rows, 4, 6) == whole).any()
    many = noise(1, np.arange(10), 100, 24)
    assert abs(many.mean() - 0.5) < 0.003 and abs(many.var() - 1 / 12) < 0.002


def forecasts(targets: int = 1) -> Forecasts:
    mean = np.arange(2 * 3 * targets, dtype=float).reshape(2, 3, targets)
    quantiles = mean[..., None] + normal(0, 1)
    names = tuple(f"t{place}" for place in range(targets))
    frequency = Frequency.parse("D")
    return Forecasts(["a", "b"], np.array([0, 31]), mean, quantiles, LEVELS, names, frequency)


def test_a_table_has_a_row_for_each_step() -> None:
    table = forecasts().table((50, 90))
    assert list(table) == ["unique_id", "ds", "mean", "lo-90", "lo-50", "hi-50", "hi-90"]
    assert table["unique_id"].tolist() == ["a"] * 3 + ["b"] * 3
    assert table["ds"].tolist()[:4] == ["1970-01-01", "1970-01-02", "1970-01-03", "1970-02-01"]
    assert table["mean"].tolist() == [0, 1, 2, 3, 4, 5]
    assert (table["lo-90"] < table["lo-50"]).all() and (table["hi-50"] < table["hi-90"]).all()


def test_targets_have_columns_of_their_own() -> None:
    columns = forecasts(2).columns((80,))
    assert columns == [
        "unique_id",
        "ds",
        "t0-mean",
        "t0-lo-80",
        "t0-hi-80",
        "t1-mean",
        "t1-lo-80",
        "t1-hi-80",
    ]


def test_paths_are_columns_too() -> None:
    plain = forecasts()
    drawn = Forecasts(
        plain.names, plain.first, plain.mean, plain.quantiles, LEVELS, ("y",), plain.frequency,
        samples=np.arange(12.0).reshape(2, 2, 3, 1),
    )  # fmt: skip
    assert drawn.columns(samples=True) == ["unique_id", "ds", "sample-0", "sample-1"]
    assert [row.tolist() for row in next(iter(drawn.rows(samples=True)))[2:]] == [[0, 1, 2], [3, 4, 5]]


def test_windows_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=length) for length in (3, 8, 20)]
    past = [rng.normal(size=(len(array), 2)) for array in arrays]
    future = [rng.normal(size=(len(array) + 4, 1)) for array in arrays]
    store = from_arrays(
        arrays, tmp_path, past=(["p", "q"], past), future=(["f"], future), starts=[10, 0, -5],
        numbers=(["n"], np.array([[1.0], [2.0], [3.0]])), categories={"kind": ["x", "y", "x"]},
    )  # fmt: skip
    shape = ForecastShape(horizon=4, context=6, past=2, future=1, numbers=1, categories=(3,))
    series, origin = np.array([0, 1, 2, 2]), np.array([3, 5, 20, 7])
    made = feeds(store, series, origin, shape)
    for row, (which, at_step) in enumerate(zip(series, origin, strict=True)):
        for place, step in enumerate(range(at_step - 6, at_step)):
            wanted = arrays[which][step] if step >= 0 else np.nan
            np.testing.assert_equal(made["history"][row, place], np.float32(wanted))
            told = past[which][step] if step >= 0 else np.full(2, np.nan)
            np.testing.assert_equal(made["past"][row, place], told.astype(np.float32))
        for place, step in enumerate(range(at_step - 6, at_step + 4)):
            wanted = future[which][step, 0] if 0 <= step < len(future[which]) else np.nan
            np.testing.assert_equal(made["future"][row, place, 0], np.float32(wanted))
    assert made["position"].tolist() == [13, 5, 15, 2]
    assert made["numbers"][:, 0].tolist() == [1, 2, 3, 3]
    assert made["categories"][:, 0].tolist() == ["x", "y", "x", "x"]


def about(**shape: Any) -> About:
    return About(ForecastShape(horizon=2, context=4, **shape), Frequency.parse("h"))


def test_what_a_file_says_of_itself_goes_there_and_back() -> None:
    told = About(
        ForecastShape(horizon=2, context=4, seasons=(24, 168), periods=((24, 1), (1461, 4)), categories=(3,)),
        Frequency.parse("W-MON"), ("a", "b"), ("p",), ("f",), ("n",), {"kind": ("x", "y")}, "segment",
        {"80": 0.79},
    )  # fmt: skip
    assert About.from_payload(told.payload()) == told


def test_series_of_another_kind_are_refused(tmp_path: Path) -> None:
    hourly = from_arrays([np.arange(9.0)], tmp_path / "h", frequency="h")
    daily = from_arrays([np.arange(9.0)], tmp_path / "d", frequency="D")
    counted = from_arrays([np.arange(9.0)], tmp_path / "i")
    wide = from_arrays([np.ones((9, 2))], tmp_path / "w", frequency="h")
    more = from_arrays([np.arange(9.0)], tmp_path / "p", frequency="h", past=(["p"], [np.ones((9, 1))]))
    match(about(), hourly, dated=True)
    match(about(), counted, dated=False)
    for store, dated, cause in (
        (daily, False, "their step is D, and the model was trained on steps of h"),
        (counted, True, "no stamps"),
        (wide, False, "2 targets, and the model tells 1"),
        (more, False, "the model has no past covariates, and these series have the past covariates p"),
    ):
        with pytest.raises(DataError, match=cause):
            match(about(), store, dated=dated)


def test_arrays_are_taken_as_they_come(tmp_path: Path) -> None:
    one, many = about(), [np.arange(3.0), [1, 2], np.array([np.nan, 4.0])]
    for place, (series, lengths) in enumerate(
        [(np.arange(5.0), [5]), (np.ones((2, 4)), [4, 4]), (many, [3, 2, 2]), ([1, 2, 3], [3])]
    ):
        store = taken(series, one, tmp_path / str(place))
        assert store.lengths.tolist() == lengths
    both = About(ForecastShape(horizon=2, context=4, targets=2), Frequency.parse("h"), ("a", "b"))
    assert taken(np.ones((5, 2)), both, tmp_path / "two").targets == ("a", "b")
    wrongs: tuple[Any, ...] = (
        np.ones((2, 3, 4)), 3.0, "abc", [], np.array([]), [np.arange(3.0), []], [[1, 2], ["a"]], None,
    )  # fmt: skip
    for place, wrong in enumerate(wrongs):
        with pytest.raises(DataError, match=r"shape|no numbers"):
            taken(wrong, one, tmp_path / f"wrong{place}")
    with pytest.raises(DataError, match="infinite"):
        taken([1.0, np.inf], one, tmp_path / "inf")
    with pytest.raises(DataError, match="complex"):
        taken(np.array([1.0, 2j]), one, tmp_path / "complex")


def test_what_a_mask_hides_is_missing(tmp_path: Path) -> None:
    masked = np.ma.masked_equal([3, -1, 5], -1)
    for place, series in enumerate([masked, [masked]]):
        values = taken(series, about(), tmp_path / str(place))[0].values[:, 0]
        assert values == pytest.approx([3, np.nan, 5], nan_ok=True)


def test_frames_are_taken_by_their_columns(tmp_path: Path) -> None:
    class Frame(dict[str, Any]):
        columns = ("unique_id", "ds", "y")

    frame = Frame(
        unique_id=np.array(["b", "a", "b"], object),
        ds=np.array(["2024-01-02", "2024-01-01", "2024-01-01"], "datetime64[ns]"),
        y=np.array([2.5, np.nan, 1e-3]),
    )
    store = taken(frame, about(), tmp_path)
    assert store.names == ["b"] and store[0].values[:, 0].tolist() == [1e-3, 2.5]


def test_what_is_wrong_with_a_frame_is_told_without_files_and_options(tmp_path: Path) -> None:
    class Frame(dict[str, Any]):
        columns = property(lambda self: list(self))

    days = np.array(["2024-01-01", "2024-01-02", "2024-01-03"])
    broken = Frame(ds=days, y=np.array(["1", "2", "much"], object))
    for place, (frame, subject, cause) in enumerate([
        (broken, "data frame, row 3", "'much', which is no number"),
        (Frame(ds=days), "data frame", "no column holds numbers to forecast; there are 'ds'"),
        (Frame(ds=days, v=np.arange(3.0), z=np.arange(3.0)), "data frame", "2 columns hold numbers: v, z"),
    ]):  # fmt: skip
        with pytest.raises(DataError, match=cause) as raised:
            taken(frame, about(), tmp_path / str(place))
        assert (raised.value.subject, "--" in raised.value.cure) == (subject, False)


def test_arrow_tables_are_frames(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    hours = (np.datetime64("2024-01-01", "h") + np.arange(3)).astype("datetime64[us]")
    frame = arrow.table({"unique_id": ["a"] * 3, "ds": hours, "y": [1.0, None, 3.0]})
    store = taken(frame, about(), tmp_path)
    assert (store.names, store.frequency.name) == (["a"], "h")
    np.testing.assert_equal(store[0].values[:, 0], [1, np.nan, 3])


class Column:
    """A column of a frame with an index, as pandas has it."""

    def __init__(self, values: Any, index: Any) -> None:
        self.values, self.index = values, np.asarray(index)

    def to_frame(self, name: str) -> Indexed:
        return Indexed({name: self.values}, self.index)


class Indexed:
    """A frame with an index."""

    def __init__(self, columns: dict[str, Any], index: Any) -> None:
        self.columns, self._values = list(columns), columns
        self.index = Index(index)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]


class Index:
    name = None

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self._values


def test_an_index_of_stamps_is_the_time(tmp_path: Path) -> None:
    hours = np.datetime64("2024-01-01", "h") + np.arange(5)
    column = Column(np.array([1.0, 2, np.nan, 4, 5]), hours)
    for place, frame in enumerate((column, column.to_frame("y"))):
        store = taken(frame, about(), tmp_path / str(place))
        assert (store.time_name, store.frequency.name) == ("ds", "h")
        np.testing.assert_equal(store[0].values[:, 0], [1, 2, np.nan, 4, 5])
    counted = taken(Column(np.arange(5.0), np.arange(5)), about(), tmp_path / "counted")
    assert counted.frequency.is_integer and len(counted[0]) == 5


def test_whole_days_are_told_as_days(tmp_path: Path) -> None:
    days = np.array(["2024-01-01", "2024-01-02", "2024-01-03"], "datetime64[ns]")
    model = About(ForecastShape(horizon=2, context=4), Frequency.parse("D"))
    store = taken(Column(np.array(["1", "<NA>", "3"], object), days), model, tmp_path)
    assert store.frequency.text(store.starts + store.lengths) == ["2024-01-04"]
    np.testing.assert_equal(store[0].values[:, 0], [1, np.nan, 3])


def test_targets_have_noise_of_their_own() -> None:
    both = noise(5, np.array([3]), 2, 4, targets=2)
    assert both.shape == (1, 2, 4, 4) and len(np.unique(both)) == both.size


def test_values_are_told_with_the_digits_they_have() -> None:
    values = np.array([0.1, 123456.789, 1e-12, -(2.0**70), 0.0, np.nan, np.inf, 1 / 3]).astype(np.float32)
    told = tidy(values.astype(float))
    assert told.tolist()[:5] == [0.1, 123456.79, 1e-12, -1.1805916e21, 0.0]
    assert np.isnan(told[5]) and np.isinf(told[6])
    assert (told[[0, 1, 2, 3, 7]].astype(np.float32) == values[[0, 1, 2, 3, 7]]).all()


def test_values_that_logarithms_or_counts_cannot_be(tmp_path: Path) -> None:
    store = from_arrays([np.array([-1.0, 0, 2, np.nan])], tmp_path)
    assert "1 value is 0; the model sees logarithms" in remarks({"network": {"transform": "log"}}, store)[0]
    assert "1 value is below 0" in remarks({"network": {"head": "negbin"}}, store)[0]
    assert remarks({"network": {"transform": "asinh", "head": "normal"}}, store) == remarks({}, store) == []


def test_without_a_wish_the_usual_intervals_are_told_as_far_as_there_are_any() -> None:
    assert chosen((), (0.025, 0.1, 0.5, 0.9, 0.975)) == (80.0, 95.0)
    assert chosen((), (0.1, 0.5, 0.9)) == (80.0,)
    assert chosen((), (0.25, 0.5, 0.75)) == (50.0,)
    assert chosen((), (0.5,)) == ()
    assert chosen((50.0,), (0.1, 0.5, 0.9)) == (50.0,)
    with pytest.raises(UsageError, match=r"interval of 95 %"):
        chosen((95.0,), (0.1, 0.5, 0.9))


def test_figures_of_any_size_have_the_digits_of_single_precision() -> None:
    values = np.array([0.1, 3.9635912e31, 1.234567891e-30, -0.25, 0.0, math.nan]).astype(np.float32)
    found = [repr(float(value)) for value in tidy(values.astype(np.float64))]
    assert found == ["0.1", "3.9635912e+31", "1.2345679e-30", "-0.25", "0.0", "nan"]
