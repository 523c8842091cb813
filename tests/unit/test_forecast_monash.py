"""Files of the Monash archive: `.tsf`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqtools.errors import DataError
from seqtools_forecast.reading import read_series
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.store import SeriesStore

HEADER = """\
# Dataset Information
# a comment: with a colon

@relation tourism
@attribute series_name string
@attribute start_timestamp date
@frequency {}
@horizon 4
@missing true
@equallength false
@data
"""


def read(folder: Path, text: str, frequency: str = "", report: list[str] | None = None) -> SeriesStore:
    path = folder / "data.tsf"
    path.write_text(text, encoding="utf-8")
    say = None if report is None else report.append
    return read_series([path], SeriesDataConfig(frequency=frequency), folder / "store", say)


def test_series_with_their_own_starts(tmp_path: Path) -> None:
    told: list[str] = []
    lines = "T1:1979-01-01 00-00-00:25.5,?,24.25\nT2:1979-03-01 00-00-00:1,2\n"
    store = read(tmp_path, HEADER.format("monthly") + lines, report=told)
    assert told[0].endswith("data.tsf: Monash archive, a series a line")
    assert store.names == ["T1", "T2"] and store.frequency.name == "MS"
    np.testing.assert_array_equal(store[0].values[:, 0], [25.5, np.nan, 24.25])
    assert store.frequency.text(np.array([store[0].start, store[1].end])) == ["1979-01-01", "1979-05-01"]


@pytest.mark.parametrize(
    ("told", "start", "name", "following"),
    [
        ("yearly", "1960-12-31 00-00-00", "YE", "1963-12-31"),
        ("quarterly", "1975-02-01 00-00-00", "QS-FEB", "1975-11-01"),
        ("monthly", "1975-01-31 00-00-00", "ME", "1975-04-30"),
        ("weekly", "2020-01-01 00-00-00", "W-WED", "2020-01-22"),
        ("daily", "2020-02-28 00-00-00", "D", "2020-03-02"),
        ("hourly", "2020-01-01 22-00-00", "h", "2020-01-02 01:00:00"),
        ("half_hourly", "2020-01-01 00-00-01", "30min", "2020-01-01 01:30:01"),
        ("10_minutes", "2020-01-01 00-00-00", "10min", "2020-01-01 00:30:00"),
        ("4_seconds", "2020-01-01 00-00-00", "4s", "2020-01-01 00:00:12"),
    ],
)
def test_frequencies(tmp_path: Path, told: str, start: str, name: str, following: str) -> None:
    store = read(tmp_path, HEADER.format(told) + f"a:{start}:1,2,3\n")
    assert store.frequency.name == name
    assert store.frequency.text(np.array([store[0].end])) == [following]


def test_other_attributes_are_static_and_no_start_counts_steps(tmp_path: Path) -> None:
    head = "@attribute name string\n@attribute state string\n@attribute size numeric\n@data\n"
    store = read(tmp_path, head + "a:NSW:2.5:1,2,3\nb:VIC:4:5,6\n")
    assert store.names == ["a", "b"] and store.frequency.is_integer
    assert store[0].numbers.tolist() == [2.5] and store[1].categories == ("VIC",)
    assert [len(series) for series in store] == [3, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEADER.format("fortnightly") + "a:2020-01-01 00-00-00:1,2\n", ["line 7", "'fortnightly'", "hourly"]),
        (HEADER.format("daily") + "a:1,2\n", ["line 12", "1 attribute before its values, the header 2"]),
        (HEADER.format("daily") + "a:2020-01-01 00-00-00:1,x\n", ["line 12", "'x', which is no number"]),
        (HEADER.format("daily") + "a:yesterday:1,2\n", ["line 12", "'yesterday', which is no time stamp"]),
        (HEADER.format("daily"), ["it holds no series"]),
        (HEADER.format("daily").replace("@data", ""), ["no @data line"]),
        ("@relation a\nT1:1,2\n", ["line 2", "begins with no @"]),
        ("@relation a\n@data\nT1:1,2\n", ["line 2", "no @attribute line"]),
        ("@attribute a colour\n@data\n", ["line 1", "no attribute of a kind that is known"]),
        ("@attribute a date\n@data\n2020-01-01 00-00-00:1,2\n", ["line 3", "how far apart", "--frequency"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(DataError) as raised:
        read(tmp_path, text)
    assert all(word in str(raised.value) for word in words), str(raised.value)


def test_a_frequency_that_is_given_counts(tmp_path: Path) -> None:
    store = read(tmp_path, HEADER.format("daily") + "a:2020-01-01 00-00-00:1,2,3\n", frequency="h")
    assert store.frequency.name == "h" and len(store[0]) == 3


def test_a_table_that_begins_with_a_hash_is_a_table(tmp_path: Path) -> None:
    store = read(tmp_path, "#,y\n1,5\n2,6\n3,7\n")
    assert store[0].values[:, 0].tolist() == [5, 6, 7]
