"""Time stamps as people write them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.stamp_texts import is_stamp
from seqtools_forecast.stamps import StampReader
from seqtools_forecast.years import meaning


def where(row: int) -> str:
    return f"t.csv, line {row + 2}"


def read(*cells: str, name: str = "ds") -> list[str]:
    reader = StampReader(name)
    seconds = reader.read(list(cells), where)
    assert reader.integer is False
    return np.datetime_as_string(seconds.astype("datetime64[s]")).tolist()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2024-01-31", "2024-01-31T00:00:00"),
        ("2024-01-31 17:05", "2024-01-31T17:05:00"),
        ("2024-01-31T17:05:09", "2024-01-31T17:05:09"),
        ("2024-01-31T17:05:09Z", "2024-01-31T17:05:09"),
        ("2024-01-31 17:05:09.000", "2024-01-31T17:05:09"),
        ("2024-01-31 17:05:09+02:00", "2024-01-31T15:05:09"),
        ("2024-01-31T17:05:09-0530", "2024-01-31T22:35:09"),
        ("1749-01", "1749-01-01T00:00:00"),
        ("2024-1-5", "2024-01-05T00:00:00"),
        ("2024/01/31", "2024-01-31T00:00:00"),
        ("31.01.2024", "2024-01-31T00:00:00"),
        ("31.01.2024 17:05", "2024-01-31T17:05:00"),
        ("1/31/2024", "2024-01-31T00:00:00"),
        ("31/1/2024 5:05 PM", "2024-01-31T17:05:00"),
        ("12/31/2024 12:00 AM", "2024-12-31T00:00:00"),
        ("20240131", "2024-01-31T00:00:00"),
        ("2024Q3", "2024-07-01T00:00:00"),
        ("2024-Q1", "2024-01-01T00:00:00"),
        (" 2024-01-31 ", "2024-01-31T00:00:00"),
    ],
)
def test_dates(cell: str, expected: str) -> None:
    assert is_stamp(cell)
    assert read(cell) == [expected]


def test_the_day_is_told_from_the_month_by_other_rows() -> None:
    assert read("02/01/2024", "13/01/2024") == ["2024-01-02T00:00:00", "2024-01-13T00:00:00"]
    assert read("02/01/2024", "02/13/2024") == ["2024-02-01T00:00:00", "2024-02-13T00:00:00"]
    assert read("01/01/2024") == ["2024-01-01T00:00:00"]
    with pytest.raises(DataError, match="the day or the month in front"):
        read("02/01/2024", "03/01/2024")


def test_years_count_as_dates_only_where_the_column_says_so() -> None:
    assert read("1700", "1701", name="YEAR") == ["1700-01-01T00:00:00", "1701-01-01T00:00:00"]
    counted = StampReader("t")
    assert counted.read(["1700", "1701"], where).tolist() == [1700, 1701]
    assert counted.integer is True


@pytest.mark.parametrize("name", ["ds", "Date", "date_time", "timestamp"])
@pytest.mark.parametrize(
    ("told", "years"),
    [
        ((1700, 1701, 1702), True),
        ((1702, 1700, 1701, 1700), True),  # of two series, and out of order
        ((1700, 1702, 1704), False),
        ((1499, 1500), False),
        ((2100, 2101), False),
        ((1700,), False),
        ((1, 2, 3), False),
    ],
)
def test_whole_numbers_one_after_the_other_may_be_years(
    name: str, told: tuple[int, ...], years: bool
) -> None:
    for column in ([str(year) for year in told], np.array(told)):
        reader = StampReader(name)
        found = reader.read(column, where)
        assert reader.integer is not years
        assert found.tolist() == (
            [int(np.datetime64(str(year), "s").astype(np.int64)) for year in told] if years else list(told)
        )
        assert ("was read as years; --frequency int" in reader.remark) == years


@pytest.mark.parametrize(
    ("asked", "known", "name", "years"),
    [
        ("", "", "ds", True),
        ("int", "", "ds", False),
        ("int", "YS", "year", False),
        ("", "int", "ds", False),
        ("YE", "", "t", True),
        ("", "YS", "t", True),
        ("h", "", "ds", False),
        ("", "D", "ds", False),
        ("", "D", "year", True),
    ],
)
def test_a_frequency_says_whether_numbers_are_years(asked: str, known: str, name: str, years: bool) -> None:
    grids = [Frequency.parse(text) if text else None for text in (asked, known)]
    reader = StampReader(name, meaning(*grids))
    reader.read(["1801", "1802"], where)
    assert reader.integer is not years


@pytest.mark.parametrize("digits", [0, 3, 6, 9])
def test_large_integers_count_from_1970(digits: int) -> None:
    reader = StampReader("timestamp")
    told = [str((1_700_000_000 + 60 * row) * 10**digits) for row in range(3)]
    assert reader.read(told, where).tolist() == [1_700_000_000, 1_700_000_060, 1_700_000_120]
    assert reader.integer is False and "since 1970" in reader.remark
    with pytest.raises(DataError, match=r"t\.csv, line 3.*finer than a second") if digits else _nothing():
        reader.read([told[0], str(int(told[1]) + 1)], where)


class _nothing:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("cells", "line", "shown"),
    [
        (("2024-01-01", "yesterday"), 3, "'yesterday'"),
        (("2024-01-01", ""), 3, "is empty"),
        (("2024-01-01", "2024-02-30"), 3, "'2024-02-30'"),
        (("2024-01-01", "2024-13-01"), 3, "'2024-13-01'"),
        (("2024-01-01 10:00", "2024-01-01 25:00"), 3, "25:00"),
        (("2024-01-01 10:00", "2024-01-01 9:61"), 3, "9:61"),
        (("soon",), 2, "'soon'"),
        (("1", "2", "x"), 4, "'x'"),
        (("1", "2.5"), 3, "'2.5'"),
        (("1/31/2024", "31"), 3, "'31'"),
        (("2024-01-01T00:00:00Z", "2024-01-01T01:00:00"), 3, "2024-01-01T01:00:00"),
        (("2024-01-01", "20240102x"), 3, "20240102x"),
        (("2024-01-01", "20240102"), 3, "20240102"),
        (("2024-01-01 13:00", "1:00 PM"), 3, "1:00 PM"),
        (("2024-01-01 1:00 PM", "2024-01-01 13:00 PM"), 3, "13:00 PM"),
    ],
)
def test_what_is_no_stamp_is_told_with_its_line(cells: tuple[str, ...], line: int, shown: str) -> None:
    with pytest.raises(DataError, match=f"line {line}") as caught:
        read(*cells)
    assert shown in str(caught.value)


def test_offsets_are_told_and_utc_is_written() -> None:
    reader = StampReader("ds")
    reader.read(["2024-01-31T17:05:09+02:00", "2024-01-31T17:05:09-01:00"], where)
    assert reader.remark == "stamps with an offset were taken to UTC"
    assert reader.style == "YYYY-MM-DD hh:mm:ssZ"


def test_arrays_with_a_type() -> None:
    reader = StampReader("ds")
    days = np.array(["2024-01-01", "2024-01-02"], "datetime64[ns]")
    assert reader.read(days, where).tolist() == [1704067200, 1704153600]
    with pytest.raises(DataError, match=r"line 3.*is empty"):
        reader.read(np.array(["2024-01-01", "NaT"], "datetime64[ns]"), where)
    with pytest.raises(DataError, match="finer than a second"):
        reader.read(days + np.timedelta64(1, "ms"), where)
    counted = StampReader("t")
    assert counted.read(np.array([3, 4], np.int32), where).tolist() == [3, 4]
    assert StampReader("t").read(np.array([3.0, 4.0]), where).tolist() == [3, 4]
    with pytest.raises(DataError, match="line 3"):
        StampReader("t").read(np.array([3.0, np.nan]), where)
    assert StampReader("t").read(np.array(["2024-01-01"], object), where).tolist() == [1704067200]


SECONDS = st.integers(-(10**10), 10**11)


@given(st.lists(SECONDS, min_size=1, max_size=20), st.sampled_from(["T", " "]), st.sampled_from(["", "Z"]))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_iso_texts_come_back(seconds: list[int], joint: str, zone: str) -> None:
    texts = np.datetime_as_string(np.array(seconds, "datetime64[s]")).tolist()
    cells = [text.replace("T", joint) + zone for text in texts]
    assert StampReader("ds").read(cells, where).tolist() == seconds
