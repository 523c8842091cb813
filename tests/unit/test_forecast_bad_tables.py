"""Tables that cannot be read: what is wrong, where, and what to do about it."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import pytest

from seqtools.errors import DataError, MissingDependencyError, SeqtoolsError, UsageError
from seqtools_forecast import blocks
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.known import Known
from seqtools_forecast.reading import read_series
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.store import SeriesStore

DAYS = [f"2024-01-{day:02d}" for day in range(1, 29)]


def read(folder: Path, text: str | bytes, name: str = "t.csv", **data: Any) -> SeriesStore:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    mixed = data.pop("mixed", False)
    return read_series([path], SeriesDataConfig(**data), folder / "store", mixed=mixed)


def refused(folder: Path, text: str | bytes, name: str = "t.csv", **data: Any) -> str:
    """What the error says; nothing is left behind."""
    with pytest.raises(SeqtoolsError) as caught:
        read(folder, text, name, **data)
    assert isinstance(caught.value, DataError | UsageError)
    assert not list((folder / "store").glob("*.spool")) + list((folder / "store").glob("*.grouped"))
    assert not (folder / "store" / "store.json").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b\n1.5,x\n2.5,y\n", ("no column holds time stamps", "'a', 'b'", "--time none")),
        ("unique_id,y\na,1\na,2\n", ("no column holds time stamps", "--time NAME")),
        (
            "ds,y\n2024-W01,1\n2024-W02,2\n",
            ("column 'ds' begins with '2024-W01', which is", "--time none"),
        ),
        ("ds,name\n2024-01-01,x\n2024-01-02,y\n", ("column 'name' holds 'x', which is no number", "line 2")),
        ("ds,a,b\n2024-01-01,1,2\n", ("2 columns hold numbers: a, b", "--target b", "--target a,b")),
        ("ds,y\n", ("no rows",)),
        ("", ("it is empty",)),
        (" \n\n", ("it is empty",)),
        ("ds,y,y\n2024-01-01,1,2\n", ("two columns are named 'y'",)),
        ("ds,y,\n2024-01-01,1,\n2024-01-02,soon,\n", ("line 3", "'soon'", "no number")),
        ("ds,y\n2024-01-01,1\n2024-01-02,2,3\n", ("line 3", "the row has 3 cells, the first row 2")),
        ("ds,y\n2024-01-01,1\n\n2024-01-02\n2024-01-03,3,3\n", ("line 4", "the row has 1 cell, the first")),
        ("ds,y\n2024-01-01,1\n2024-01-02,one\n", ("line 3", "column 'y' holds 'one'", "no number")),
        ("ds,y\n2024-01-01,1\n2024-01-02,inf\n", ("line 3", "column 'y' holds an infinite number")),
        ("ds,y\n2024-01-01,1e999\n2024-01-02,2\n", ("line 2", "infinite")),
        ("ds,y\n2024-01-01,1\n2024-01-32,2\n", ("line 3", "'2024-01-32', which is no time stamp")),
        ("ds,y\n2024-01-01,1\n,2\n", ("line 3", "column 'ds' is empty")),
        ("ds,y\n2024-01-01,\n2024-01-02,NA\n", ("column 'y' holds no value",)),
        ('ds,y\n2024-01-01,1\n2024-01-02,"2\n2024-01-03,3\n', ("line 3",)),
        ('ds,y\n2024-01-01,1\n2024-01-02,"2"3\n', ("line 3", "malformed")),
        ("unique_id,ds,y\na,2024-01-01,1\n,2024-01-02,2\n", ("line 3", "names no series")),
        ("V1,V2,V3\nH1,1,2\nH2,1,2,3\n", ("line 3", "the row has 4 cells, the first row 3")),
        ("V1,V2,V3\nH1,1,2\nH2,1,x\n", ("line 3", "column 'V3' holds 'x'")),
        ("V1,V2,V3\nH1,1,2\nH2,-inf,2\n", ("line 3", "column 'V2' holds an infinite number")),
        ("[1, 2]", ("it is a JSON array", "jq")),
    ],
)
def test_broken_tables(tmp_path: Path, text: str, parts: tuple[str, ...]) -> None:
    said = refused(tmp_path, text)
    for part in parts:
        assert part in said


def test_lines_are_counted_across_blocks_and_quoted_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 64)
    rows = [f'"a ""b""\nc",{day},1\n' for day in DAYS]
    rows[20] = rows[20].replace(",1", ",x")
    assert "line 42:" in refused(tmp_path, "unique_id,ds,y\n" + "".join(rows))
    plain = [f"a,{day},1\n" for day in DAYS]
    plain[20] = "a,2024-01-21\n"
    assert "line 22:" in refused(tmp_path, "unique_id,ds,y\n" + "".join(plain))


def test_a_row_without_end_does_not_fill_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 64)
    monkeypatch.setattr(blocks, "LONGEST", 256)
    assert "a row is longer than" in refused(tmp_path, "ds,y\n2024-01-01," + "1" * 1000)
    assert "a quote left open" in refused(tmp_path, 'ds,y\n2024-01-01,"' + "1\n" * 1000)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ({"target": "yy"}, ("no column 'yy'", "'unique_id', 'ds', 'y'", "Did you mean --target y?")),
        ({"time": "when"}, ("no column 'when'", "Name one of them with --time")),
        ({"id": "shop"}, ("no column 'shop'", "--id")),
        ({"past": "y,temp"}, ("no column 'temp'", "--past")),
        ({"future": "price"}, ("no column 'price'", "--future")),
        ({"static": "size"}, ("no column 'size'", "--static")),
        ({"target": "y", "past": "y"}, ("column 'y' is named for two things",)),
        ({"target": "ds"}, ("no column holds time stamps",)),
        ({"frequency": "fortnight"}, ("no such frequency",)),
        ({"frequency": "int"}, ("time is dated", "--time none")),
    ],
)
def test_columns_that_are_not_there(tmp_path: Path, data: dict[str, str], parts: tuple[str, ...]) -> None:
    text = "unique_id,ds,y\n" + "".join(f"a,{day},{place}.5\n" for place, day in enumerate(DAYS))
    said = refused(tmp_path, text, **data)
    for part in parts:
        assert part in said


def test_cures_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    text = "Date,Open,Adj Close\n" + "".join(f"{day},1.5,{place}\n" for place, day in enumerate(DAYS))
    assert "--target 'Adj Close', or several: --target 'Open,Adj Close'." in refused(tmp_path, text)
    assert "Did you mean --target 'Adj Close'?" in refused(tmp_path, text, target="Adj close")


def test_a_further_table_must_have_the_columns(tmp_path: Path) -> None:
    for name, text in (("a.csv", "ds,y\n2024-01-01,1\n"), ("b.csv", "ds,z\n2024-01-01,1\n")):
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=r"b\.csv: there is no column 'y'; there are 'ds', 'z'"):
        read_series([tmp_path / "a.csv", tmp_path / "b.csv"], SeriesDataConfig(), tmp_path / "store")
    (tmp_path / "c.csv").write_text("V1,V2,V3\nH,1,2\n")
    with pytest.raises(DataError, match="counted"):
        read_series([tmp_path / "a.csv", tmp_path / "c.csv"], SeriesDataConfig(), tmp_path / "store")


def test_no_file_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file is given"):
        read_series([], SeriesDataConfig(), tmp_path)
    with pytest.raises(DataError, match="Check the path"):
        read_series([tmp_path / "none.csv"], SeriesDataConfig(), tmp_path)


def test_other_encodings_and_broken_archives(tmp_path: Path) -> None:
    text = "ds,y\n2024-01-01,1\n2024-01-02,Ä\n"
    assert "line 3: it is not UTF-8: byte 0xc4" in refused(tmp_path, text.encode("latin-1"))
    assert "UTF-16" in refused(tmp_path, text.encode("utf-16"))
    assert "binary" in refused(tmp_path, b"ds,y\n\0\1\2")
    assert "pipe it through gunzip" in refused(tmp_path, gzip.compress(b"ds,y\n2024-01-01,1\n"))
    assert "cannot be read" in refused(tmp_path, gzip.compress(b"ds,y\n" * 999)[:-20], "t.csv.gz")
    assert "it is broken" in refused(tmp_path, b"PAR1 and then nothing", "t.parquet")


def test_mixed_frequencies_name_two_series(tmp_path: Path) -> None:
    hours = [f"2024-01-01 {hour:02d}:00" for hour in range(20)]
    rows = [("day", day) for day in DAYS] + [("hour", hour) for hour in hours]
    text = "unique_id,ds,y\n" + "".join(f"{name},{stamp},1\n" for name, stamp in rows)
    said = refused(tmp_path, text)
    assert "series 'day' and 'hour': their frequencies differ: D and h." in said and "--frequency" in said
    store = read(tmp_path, text, mixed=True)
    assert store.report["frequencies"] == {"D": 1, "h": 1} and "'day' and 'hour'" in store.report["mixed"]
    assert [len(series) for series in store] == [28, 20]


def test_irregular_stamps_name_the_series(tmp_path: Path) -> None:
    stamps = ["00:00:00", "00:01:01", "00:01:04", "00:17:21", "00:18:30", "00:59:59"]
    odd = "".join(f"odd,2024-01-01 {stamp},1\n" for stamp in stamps)
    even = "".join(f"even,{day},1\n" for day in DAYS)
    said = refused(tmp_path, f"unique_id,ds,y\n{odd}{even}")
    assert "series 'odd': the steps between them are irregular" in said and "--frequency" in said
    store = read(tmp_path, f"unique_id,ds,y\n{odd}{even}", mixed=True)
    assert store.report["irregular"]["names"] == ["odd"] and store.names == ["even"]
    (tmp_path / "store" / "store.json").unlink()
    assert "irregular" in refused(tmp_path, f"unique_id,ds,y\n{odd}", mixed=True)


def test_local_days_with_offsets_are_irregular_in_utc(tmp_path: Path) -> None:
    days = [f"2024-03-{day}T00:00:00+0{1 + (day > 30)}:00,{day}" for day in range(22, 32)]
    said = refused(tmp_path, "\n".join(["ds,y", *days, "2024-04-01T00:00:00+02:00,1", ""]))
    assert "steps between them are irregular (86,400 s, 82,800 s" in said and "Leave offsets away" in said


def test_one_row_has_no_frequency(tmp_path: Path) -> None:
    assert "Give series of two rows" in refused(tmp_path, "ds,y\n2024-01-01,1\n")


def test_a_stamp_far_off_does_not_fill_the_disk(tmp_path: Path) -> None:
    rows = [f"2024-01-01 00:00:{second:02d},1\n" for second in range(60)] + ["9024-01-01 00:00:00,1\n"]
    said = refused(tmp_path, "ds,y\n" + "".join(rows))
    assert "series 'y': its 61 rows would span" in said


def test_a_static_column_says_one_thing(tmp_path: Path) -> None:
    text = "unique_id,ds,y,town\na,2024-01-01,1,Ulm\na,2024-01-02,2,\na,2024-01-03,3,Bonn\n"
    said = refused(tmp_path, text, static="town")
    assert "line 4: static column 'town' says 'Bonn' of a series that was 'Ulm'" in said


def test_a_static_number_that_is_none_is_told_by_its_column(tmp_path: Path) -> None:
    path = tmp_path / "shops.csv"
    path.write_text("unique_id,ds,y,size\na,2024-01-01,1,big\na,2024-01-02,2,big\n")
    data = SeriesDataConfig(static="size")
    with pytest.raises(DataError, match="series 'a': column 'size' holds 'big', which is no number"):
        read_series([path], data, tmp_path / "store", known=Known(categories=frozenset()))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"target": [1, 2]}\n{"target"\n', "line 2: it is not JSON"),
        ('{"target": [1, 2]}\n[1]\n', "line 2: it is not a JSON object"),
        ('{"target": [1, 2]}\n{"y": 1}\n', "line 2: its field 'target' is no list of numbers"),
        ('{"target": [1, "x"]}\n', "its field 'target' is no list of numbers"),
        ('{"target": [1, Infinity]}\n', "line 1: its field 'target' holds an infinite number"),
        ('{"start": "2024-01-01", "target": [1, 2]}\n', "--frequency"),
        ('{"start": "soon", "target": [1, 2], "freq": "D"}\n', "'soon', which is no time stamp"),
        ('{"target": [1]}\n{"target": [[1], [2]]}\n', "line 2: it has other targets"),
        ('{"ds": "2024-01-01", "y": 1}\n{"ds": "2024-01-02"}\n', "line 2: field 'y' is not there"),
        ('{"ds": "2024-01-01", "y": 1}\n{"ds": "2024-01-02", "y": "x"}\n', "line 2: column 'y' holds 'x'"),
    ],
)
def test_broken_records(tmp_path: Path, text: str, part: str) -> None:
    assert part in refused(tmp_path, text, "t.jsonl")


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "pyarrow.parquet", raising=False)
    with pytest.raises(MissingDependencyError, match=r"seqtools-suite\[parquet\]"):
        read(tmp_path, b"PAR1....", "t.parquet")


def test_where_a_model_forecasts_no_frequency_can_be_asked_for(tmp_path: Path) -> None:
    known = Known(Frequency.parse("D"))
    differ = "".join(f"a,2024-01-{day:02d},1\nb,2024-01-01 {day:02d}:00:00,1\n" for day in range(1, 20))
    uneven = "".join(f"a,2024-01-01 00:00:{second:02d},1\n" for second in (1, 8, 19, 32, 45, 59))
    for rows, words in (
        (differ, ("frequencies differ", "Forecast series of one frequency at a time")),
        (uneven, ("irregular", "Give each step of the model a row")),
    ):
        path = tmp_path / "table.csv"
        path.write_text("unique_id,ds,y\n" + rows)
        with pytest.raises(DataError) as raised:
            read_series([path], SeriesDataConfig(), tmp_path / "store", known=known)
        assert all(word in str(raised.value) for word in words) and "--frequency" not in str(raised.value)
