"""Frequencies: names, positions and stamps there and back, inference, seasons."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from seqtools.errors import DataError, UsageError
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.frequency_inference import aligned, common

NAMES = (
    *("s", "10s", "min", "15min", "h", "2h", "D", "3D", "B", "2B", "W-MON", "W-SUN", "2W-WED", "MS", "ME"),
    *("MS-15", "2MS", "QS", "QE", "QS-FEB", "QE-JAN", "YS", "YE", "YS-JUL", "2YS", "int", "10int"),
)
quick = settings(deadline=None, derandomize=True, max_examples=60)


def stamps(*texts: str) -> NDArray[Any]:
    return np.array(texts, "datetime64[s]")


@given(st.sampled_from(NAMES), st.lists(st.integers(-3000, 3000), min_size=1, max_size=30))
@quick
def test_positions_come_back_from_their_stamps(name: str, told: list[int]) -> None:
    frequency, positions = Frequency.parse(name), np.array(told)
    assert frequency.name == name
    assert (frequency.position(frequency.stamp(positions)) == positions).all()
    texts = frequency.text(positions)
    told_again = np.array(texts, "int64" if frequency.is_integer else "datetime64[s]")
    assert (frequency.position(told_again) == positions).all()


@given(st.sampled_from(NAMES), st.integers(-2000, 2000), st.integers(30, 90), st.integers(0, 10**6))
@quick
def test_a_grid_is_inferred_from_its_stamps(name: str, first: int, rows: int, seed: int) -> None:
    frequency = Frequency.parse(name)
    if frequency.unit == "business" and frequency.step > 1:
        return  # every other working day is a grid of no one's; it can only be asked for
    positions = first + np.arange(rows)
    kept = np.delete(positions, np.random.default_rng(seed).choice(np.arange(1, rows - 1), rows // 6, False))
    mixed = np.random.default_rng(seed).permutation(np.concatenate([kept, kept[:3]]))
    assert Frequency.infer(frequency.stamp(mixed)) == frequency


@given(st.integers(-(10**5), 10**5), st.integers(1, 400))
@quick
def test_business_days_are_numpys(first: int, count: int) -> None:
    epoch = np.datetime64("1970-01-01", "D")
    days = np.busday_offset(epoch, np.arange(first, first + count), roll="forward")
    found = Frequency.parse("B").position(days.astype("datetime64[s]"))
    assert (np.diff(found) == 1).all()
    assert (Frequency.parse("B").stamp(found).astype("datetime64[D]") == days).all()
    assert np.is_busday(days).all()


@given(st.sampled_from(NAMES))
@quick
def test_payloads_say_everything(name: str) -> None:
    frequency = Frequency.parse(name).styled("YYYY-MM-DD")
    assert Frequency.from_payload(frequency.payload()) == frequency
    assert frequency.payload()["name"] == name


@pytest.mark.parametrize(
    ("alias", "name"),
    [("H", "h"), ("T", "min"), ("W", "W-MON"), ("M", "MS"), ("Q", "QS"), ("A", "YS"), ("Y", "YS"),
     ("daily", "D"), ("hourly", "h"), ("30T", "30min"), ("24h", "D"), ("7D", "W-THU"), ("12MS", "YS")],
)  # fmt: skip
def test_aliases(alias: str, name: str) -> None:
    assert Frequency.parse(alias).name == name


@pytest.mark.parametrize("name", ["", "0h", "x", "15 minutes", "W-FOO", "h-MON", "QS-15", "MS-40", "Mx"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="there is no such frequency"):
        Frequency.parse(name)


@pytest.mark.parametrize(
    ("told", "name"),
    [
        (("2024-01-01", "2024-02-01"), "MS"),
        (("2024-01-31", "2024-02-29", "2024-03-31"), "ME"),
        (("2024-03-31", "2024-06-30", "2024-09-30"), "QE"),
        (("2024-01-15", "2024-02-15", "2024-04-15"), "MS-15"),
        (("2024-01-30", "2024-02-29", "2024-03-30"), "MS-30"),
        (("1999-07-01", "2000-07-01", "2001-07-01"), "YS-JUL"),
        (("2023-10-31", "2023-11-30", "2023-12-29", "2024-01-31"), "ME"),  # the last working day
        (("2024-01-01", "2024-01-29", "2024-02-26", "2024-03-25"), "4W-MON"),
        (("2024-01-01", "2024-01-02", "2024-01-05"), "D"),
        (("2024-01-04", "2024-01-05", "2024-01-08"), "B"),
        (("2024-01-04", "2024-01-05", "2024-01-08", "2024-01-13"), "D"),  # a Saturday
        (("2024-01-01 00:30", "2024-01-01 01:30", "2024-01-01 02:30"), "h"),
        (("2024-01-01 00:00:00", "2024-01-01 00:00:30"), "30s"),
        (("2024-01-01 00:00", "2024-01-01 02:00", "2024-01-01 04:00", "2024-01-01 05:00"), "h"),
    ],
)
def test_grids_of_few_stamps(told: tuple[str, ...], name: str) -> None:
    frequency = Frequency.infer(stamps(*told))
    assert frequency is not None and frequency.name == name
    assert (np.diff(frequency.position(stamps(*told))) > 0).all()


def test_stamps_keep_their_hour() -> None:
    half = stamps("2024-01-01 00:30", "2024-01-01 01:30", "2024-01-01 02:30")
    hourly = Frequency.infer(half)
    assert hourly is not None and (hourly.stamp(hourly.position(half)) == half).all()
    closing = stamps("2024-01-04 16:00", "2024-01-05 16:00", "2024-01-08 16:00")
    business = Frequency.infer(closing)
    assert business is not None and business.unit == "business"
    assert business.text(business.position(closing)[-1:] + 1) == ["2024-01-09 16:00:00"]


def test_one_stamp_has_no_grid_and_irregular_ones_are_told() -> None:
    assert Frequency.infer(stamps("2024-01-01")) is None
    assert Frequency.infer(stamps("2024-01-01", "2024-01-01")) is None
    uneven = np.cumsum([0, 61, 3, 977, 60, 31, 404]).astype("datetime64[s]")
    with pytest.raises(DataError, match=r"irregular.*--frequency"):
        Frequency.infer(uneven)
    with pytest.raises(DataError, match="irregular"):
        Frequency.infer(np.array([1, 100, 103, 1007, 50_000]))


@pytest.mark.parametrize(
    ("name", "style", "expected"),
    [
        ("MS", "YYYY-MM", "1970-02"),
        ("MS", "YYYY-MM-DD", "1970-02-01"),
        ("ME", "YYYY-MM", "1970-02-28"),  # a month would not say the day
        ("YS", "YYYY", "1971"),
        ("QS", "YYYY", "1970-04-01"),
        ("h", "YYYY-MM-DD", "1970-01-01 01:00:00"),  # the first stamp was a midnight
        ("h", "YYYY-MM-DD hh:mm", "1970-01-01 01:00"),
        ("h", "YYYY-MM-DDThh:mm:ssZ", "1970-01-01T01:00:00Z"),
        ("D", "YYYY-MM-DD hh:mm:ss", "1970-01-02 00:00:00"),
        ("B", "YYYY-MM-DD", "1970-01-02"),
        ("10s", "YYYY-MM-DD hh:mm", "1970-01-01 00:00:10"),
        ("int", "", "1"),
    ],
)
def test_stamps_are_written_as_they_came(name: str, style: str, expected: str) -> None:
    assert Frequency.parse(name).styled(style).text(np.array([1])) == [expected]


@pytest.mark.parametrize(
    ("name", "seasons"),
    [("h", (24, 168)), ("15min", (96, 672)), ("5min", (288, 2016)), ("min", (60, 1440)), ("s", (60, 3600)),
     ("D", (7,)), ("B", (5,)), ("W-SUN", (52,)), ("2W-SUN", (26,)), ("MS", (12,)), ("QE", (4,)),
     ("YS", ()), ("2YS", ()), ("5MS", ()), ("3D", ()), ("6MS", (2,)), ("7h", (24,)), ("12h", (2, 14))],
)  # fmt: skip
def test_seasons(name: str, seasons: tuple[int, ...]) -> None:
    assert Frequency.parse(name).seasons((9,)) == seasons


def test_counted_time_has_the_seasons_of_what_it_stands_for() -> None:
    counted = Frequency.parse("int")
    assert counted.seasons((9,)) == (9,) and counted.kind == "int"
    hourly = aligned(counted, "h")
    assert hourly.is_integer and hourly.seasons((9,)) == (24, 168) and hourly.kind == "h"
    assert hourly.text(np.array([7])) == ["7"]
    assert Frequency.from_payload(hourly.payload()) == hourly


@pytest.mark.parametrize("name", NAMES)
def test_periods_are_ratios_in_order(name: str) -> None:
    periods = Frequency.parse(name).periods
    lengths = [steps / per for steps, per in periods]
    assert all(length >= 2 for length in lengths) and all(a < b for a, b in pairwise(lengths))
    assert all(np.gcd(steps, per) == 1 for steps, per in periods)


def test_periods_of_a_year_are_exact() -> None:
    assert Frequency.parse("D").periods == ((7, 1), (1461, 4))
    assert Frequency.parse("h").periods[-1] == (8766, 1)
    assert Frequency.parse("MS").periods == ((12, 1),) and Frequency.parse("YS").periods == ()


def kind(name: str, rows: int, example: str = "a") -> tuple[str, int, Frequency]:
    return example, rows, Frequency.parse(name)


def test_series_share_a_grid() -> None:
    assert common([]) is None
    hourly = common([kind("h", 100), kind("2h", 5), kind("D", 3)])
    assert hourly is not None and hourly.name == "h"
    daily = common([kind("B", 100), kind("D", 100)])
    assert daily is not None and daily.name == "D"
    business = common([kind("B", 100), kind("D", 4)])
    assert business is not None and business.name == "B"
    weekly = common([kind("W-SUN", 100), kind("W-MON", 100)])
    assert weekly is not None and weekly.name == "W-SUN"


@pytest.mark.parametrize("other", ["D", "MS", "10min"])
def test_series_that_differ_are_named(other: str) -> None:
    kinds = [kind("h", 100, "first"), kind(other, 50, "second")]
    with pytest.raises(DataError, match=r"'first' and 'second'.*differ: h and "):
        common(kinds)
    loose = common(kinds, strict=False)
    assert loose is not None and loose.name == "h"


def test_a_frequency_given_lies_where_the_stamps_do() -> None:
    found = Frequency.infer(stamps("2024-01-01 00:30", "2024-01-01 01:30", "2024-01-01 02:30"))
    assert found is not None and aligned(found, "h").phase == 1800
    assert aligned(found, "D") == Frequency.parse("D")
    sunday = Frequency.parse("W-SUN")
    assert aligned(sunday, "W").name == "W-SUN" and aligned(sunday, "W-MON").name == "W-MON"
    assert aligned(Frequency.parse("QS-FEB"), "QS").name == "QS-FEB"
