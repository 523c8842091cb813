"""Tables of every format into a store, with small made-up series."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqtools.errors import DataError
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.known import Known
from seqtools_forecast.reading import read_series
from seqtools_forecast.recipe import SeriesDataConfig
from seqtools_forecast.store import SeriesStore

Read = Callable[..., SeriesStore]
DAYS = ("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04")
LONG = "unique_id,ds,y\n" + "".join(
    f"{name},{day},{place + 10 * (name == 'b')}\n" for name in "ab" for place, day in enumerate(DAYS)
)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Write texts to files and read them: `read("y\\n1\\n", target="y")`."""

    def reader(*texts: str | bytes, names: tuple[str, ...] = ("t.csv", "u.csv"), **data: Any) -> SeriesStore:
        paths = []
        for text, name in zip(texts, names, strict=False):
            path = tmp_path / name
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            paths.append(path)
        kept = {name: data.pop(name) for name in ("tail", "mixed", "report", "known") if name in data}
        return read_series(
            paths, SeriesDataConfig(**data), tmp_path / "store", kept.pop("report", None), **kept
        )

    return reader


def values(store: SeriesStore, index: int = 0) -> list[Any]:
    return store[index].values.squeeze(axis=1).tolist()


def test_long_csv(read: Read, tmp_path: Path) -> None:
    told: list[str] = []
    store = read(LONG, report=told.append)
    assert store.names == ["a", "b"] and store.frequency.name == "D"
    assert values(store, 0) == [0, 1, 2, 3] and values(store, 1) == [10, 11, 12, 13]
    assert (store.id_name, store.time_name, store.targets) == ("unique_id", "ds", ("y",))
    assert store.frequency.text(np.array([store[0].start, store[1].end])) == ["2024-01-01", "2024-01-05"]
    assert told == [
        f"{tmp_path / 't.csv'}: CSV; id unique_id; time ds; target y",
        "2 series of 4 steps, frequency D",
        "2 series have fewer than 16 steps",
    ]
    assert {path.suffix for path in (tmp_path / "store").iterdir()} == {".f64", ".npy", ".json"}


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("id,timestamp,target", ("id", "timestamp", "target")),
        ("item_id,timestamp,target", ("item_id", "timestamp", "target")),
        ("Series Name,Date,Value", ("Series Name", "Date", "Value")),
        ("shop,when,sold", ("shop", "when", "sold")),
        ('"unique_id","ds","y"', ("unique_id", "ds", "y")),
    ],
)
def test_columns_are_found(read: Read, header: str, names: tuple[str, ...]) -> None:
    store = read(LONG.replace("unique_id,ds,y", header))
    assert (store.id_name, store.time_name, *store.targets) == names
    assert values(store, 1) == [10, 11, 12, 13]


def test_columns_are_named(read: Read) -> None:
    text = "day,shop,sold,price\n" + "".join(f"{day},x,{n},{n + 5}\n" for n, day in enumerate(DAYS))
    store = read(text, target="price", past="sold")
    assert values(store) == [5, 6, 7, 8] and store[0].past.ravel().tolist() == [0, 1, 2, 3]
    assert store.id_name == "shop"
    both = read(text, target="sold, price", id="none")
    assert both.targets == ("sold", "price") and both[0].values.shape == (4, 2) and both.names == ["t"]


@pytest.mark.parametrize(
    ("delimiter", "name"), [(";", "t.csv"), ("\t", "t.tsv"), ("|", "t.csv"), ("\t", "t")]
)
def test_other_delimiters(read: Read, delimiter: str, name: str) -> None:
    assert values(read(LONG.replace(",", delimiter), names=(name,)), 1) == [10, 11, 12, 13]


def test_decimal_commas(read: Read) -> None:
    text = "ds;y\n" + "".join(f"{day};1,{n}\n" for n, day in enumerate(DAYS))
    assert values(read(text)) == [1.0, 1.1, 1.2, 1.3]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n", "\n\n"])
def test_line_ends_blank_lines_and_quotes(read: Read, ending: str, last: str) -> None:
    rows = "".join(f'"{day}","{n}"\n' for n, day in enumerate(DAYS))
    text = ("\ufeff" + "\n" + '"ds","y"\n' + rows.replace("\n", "\n\n", 1) + last).replace("\n", ending)
    assert values(read(text)) == [0, 1, 2, 3]


def test_quoted_names_with_delimiters_and_line_ends(read: Read) -> None:
    text = LONG.replace("a,", '"Ulm, the ""old"" town",').replace("b,", '"two\nlines",')
    store = read(text)
    assert store.names == ['Ulm, the "old" town', "two\nlines"] and values(store, 1) == [10, 11, 12, 13]


def test_gzip_and_stdin(read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert values(read(gzip.compress(LONG.encode()), names=("t.csv.gz",)), 1) == [10, 11, 12, 13]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LONG.encode())))
    store = read_series(["-"], SeriesDataConfig(), tmp_path / "piped")
    assert values(store, 1) == [10, 11, 12, 13]


def test_two_columns_and_one(read: Read) -> None:
    dated = read("Month,Passengers\n1949-01,112\n1949-02,118\n1949-03,132\n")
    assert values(dated) == [112, 118, 132] and dated.names == ["Passengers"] and dated.id_name == ""
    assert dated.frequency.text(np.array([dated[0].end])) == ["1949-04"]
    yearly = read("YEAR,spots\n1700,5\n1701,11\n1702,16\n")
    assert yearly.frequency.name == "YS" and yearly.frequency.text(np.array([yearly[0].end])) == ["1703"]
    counted = read("step,y\n10,1\n20,2\n30,3\n")
    assert counted.frequency.name == "10int" and counted.frequency.text(np.array([counted[0].end])) == ["40"]
    for text in ("y\n1\n2\n3\n", "1\n2\n3\n"):
        alone = read(text)
        assert values(alone) == [1, 2, 3] and alone.frequency.is_integer and alone[0].start == 0
    bare = read("2024-01-01,1\n2024-01-02,2\n")
    assert values(bare) == [1, 2] and bare.time_name == "ds"
    named = read("x,2024-01-01,1\nx,2024-01-02,2\nz,2024-01-01,3\n")
    assert named.names == ["x", "z"]
    numbered = read("0,5\n1,6\n2,7\n")
    assert values(numbered) == [5, 6, 7]


def test_numbers_without_names_are_told_together(read: Read) -> None:
    store = read("0.5,1,7\n0.6,2,8\n0.4,3,6\n", names=("rates.txt",))
    assert store.targets == ("c1", "c2", "c3") and store.frequency.is_integer
    assert store[0].values.tolist() == [[0.5, 1, 7], [0.6, 2, 8], [0.4, 3, 6]]


def test_rows_can_be_counted(read: Read) -> None:
    store = read("unique_id,y\na,1\nb,5\na,2\nb,6\na,3\n", time="none")
    assert values(store, 0) == [1, 2, 3] and values(store, 1) == [5, 6] and store.time_name == ""


@pytest.mark.parametrize("quote", ["", '"'])
def test_wide_csv(read: Read, quote: str) -> None:
    rows = [["V1", "V2", "V3", "V4"], ["H1", "1", "2", "3"], ["H2", "4", "NA", "6"], ["H3", "7", "", ""]]
    text = "".join(",".join(f"{quote}{cell}{quote}" for cell in row) + "\n" for row in rows)
    store = read(text)
    assert store.names == ["H1", "H2", "H3"] and store.frequency.is_integer
    assert values(store, 0) == [1, 2, 3] and values(store, 2) == [7]
    assert np.isnan(values(store, 1)[1]) and store.report["missing"]["count"] == 1
    hourly = read(text, frequency="h")
    assert hourly.frequency.seasons() == (24, 168) and hourly.frequency.is_integer
    counted = read(text.replace("V1", "id").replace("V2", "0").replace("V3", "1").replace("V4", "2"))
    assert counted.names == ["H1", "H2", "H3"]


def test_wide_files_go_on_with_each_other(read: Read) -> None:
    store = read("V1,V2,V3\nW1,1,2\nW2,5,6\n", "V1,V2,V3\nW1,3,4\nW2,7,\n")
    assert values(store, 0) == [1, 2, 3, 4] and values(store, 1) == [5, 6, 7]


def test_gluonts_records(read: Read) -> None:
    first = {"item_id": "a", "start": "2024-01-01", "target": [1, None, 3], "feat_static_cat": [0]}
    second = {"item_id": "b", "start": "2024-01-03", "target": [4, 5, "NaN", 6], "feat_static_cat": [1]}
    records = [
        {**first, "freq": "D", "feat_dynamic_real": [[9, 8, 7, 6, 5]], "past_feat_dynamic_real": [[1, 2, 3]]},
        {**second, "freq": "D", "feat_dynamic_real": [[1] * 5], "past_feat_dynamic_real": [[4, 5, 6, 7]]},
    ]
    text = "".join(json.dumps(record) + "\n" for record in records)
    store = read(text, names=("t.jsonl",))
    assert store.names == ["a", "b"] and store.frequency.name == "D"
    assert store.frequency.text(np.array([store[1].start])) == ["2024-01-03"]
    assert store[0].future.ravel().tolist() == [9, 8, 7, 6, 5] and store[0].ahead == 2
    assert store[1].past.ravel().tolist() == [4, 5, 6, 7]
    assert store.categories == ("feat_static_cat",) and store[1].categories == ("1",)
    plain = read(text, names=("t.jsonl",), past="none", future="none", static="none")
    assert (plain.past, plain.future, plain.categories) == ((), (), ()) and len(plain[0]) == 3
    monthly = read('{"start": "2024-01-31", "target": [1, 2, 3]}\n', names=("t.jsonl",), frequency="ME")
    assert monthly.frequency.text(np.array([monthly[0].end])) == ["2024-04-30"] and monthly.names == ["0"]
    counted = read('{"item_id": "a", "target": [[1, 2, 3], [4, 5, 6]]}\n', names=("t.jsonl",))
    assert counted.targets == ("c1", "c2") and counted[0].values.tolist() == [[1, 4], [2, 5], [3, 6]]


def test_records_that_are_rows(read: Read) -> None:
    rows = [{"unique_id": "a", "ds": day, "y": None if n == 1 else n} for n, day in enumerate(DAYS)]
    store = read("".join(json.dumps(row) + "\n" for row in rows), names=("t.jsonl",))
    assert np.isnan(values(store)[1]) and values(store)[2:] == [2, 3]


@pytest.mark.parametrize("kind", ["timestamp[ns]", "timestamp[ms, UTC]", "date32", "string"])
def test_parquet(read: Read, tmp_path: Path, kind: str) -> None:
    days = np.array([*DAYS, *DAYS], "datetime64[s]")
    stamps = pa.array([*DAYS, *DAYS]) if kind == "string" else pa.array(days).cast(
        {"date32": pa.date32(), "timestamp[ns]": pa.timestamp("ns")}.get(kind, pa.timestamp("ms", "UTC"))
    )  # fmt: skip
    ids = pa.array(["a"] * 4 + ["b"] * 4).dictionary_encode()
    table = pa.table({"unique_id": ids, "ds": stamps, "y": pa.array([1, 2, None, 4, 5, 6, 7, 8])})
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, row_group_size=3)
    store = read(path.read_bytes(), names=("u.parquet",))
    assert store.names == ["a", "b"] and values(store, 1) == [5, 6, 7, 8] and store.frequency.name == "D"
    assert np.isnan(values(store, 0)[2])
    piped = read(gzip.compress(path.read_bytes()), names=("u.parquet.gz",))
    assert piped.digest() == store.digest()


def test_several_files(read: Read) -> None:
    one, two = "ds,y\n2024-01-01,1\n2024-01-02,2\n", "ds,y\n2024-01-01,5\n2024-01-02,6\n"
    store = read(one, two, names=("ulm.csv", "bonn.csv.old"))
    assert store.names == ["ulm", "bonn"]
    head, rest = LONG.split("b,", 1)
    assert read(head, "unique_id,ds,y\nb," + rest).digest() == read(LONG).digest()


def test_covariates_known_ahead(read: Read) -> None:
    rows = [("2024-01-01", "1", 7), ("2024-01-02", "2", 8), ("2024-01-03", "", 9), ("2024-01-04", "", 10)]
    text = "ds,y,price\n" + "".join(f"{day},{y},{price}\n" for day, y, price in rows)
    store = read(text, future="price")
    assert values(store) == [1, 2] and store[0].future.ravel().tolist() == [7, 8, 9, 10]
    store.require_ahead(2)
    apart = read(
        "".join(text.splitlines(True)[:3]),
        "ds,price\n2024-01-03,9\n2024-01-04,10\n",
        future="price",
        target="y",
    )
    assert apart[0].future.ravel().tolist() == [7, 8, 9, 10] and len(apart) == 1
    assert read(text, past="price")[0].past.ravel().tolist() == [7, 8]


def test_a_table_of_the_future_lacks_what_is_not_known_ahead(read: Read) -> None:
    first = "id,ds,y,visitors,price,region\na,2024-01-01,1,5,7,north\na,2024-01-02,2,6,8,north\n"
    ahead = "id,ds,price\na,2024-01-03,9\n"
    store = read(first, ahead, past="visitors", future="price", static="region")
    assert values(store) == [1, 2] and store[0].past.ravel().tolist() == [5, 6]
    assert store[0].future.ravel().tolist() == [7, 8, 9] and store[0].categories == ("north",)


def test_static_columns(read: Read) -> None:
    told = (("a", "2.5", "Ulm"), ("b", "", "Bonn"))
    rows = [f"{name},{day},1,{size},{town}\n" for name, size, town in told for day in DAYS]
    text = "unique_id,ds,y,size,town\n" + "".join(rows)
    store = read(text, static="size,town")
    assert store.numbers == ("size",) and store.categories == ("town",)
    assert store[0].numbers.tolist() == [2.5] and np.isnan(store[1].numbers[0])
    assert [series.categories for series in store] == [("Ulm",), ("Bonn",)]


def test_interleaved_shuffled_rows_give_the_same(read: Read) -> None:
    lines = LONG.splitlines(keepends=True)
    mixed = [lines[0], *np.random.default_rng(0).permutation(lines[1:]).tolist()]
    store, expected = read("".join(mixed)), read(LONG)
    by_name = {series.name: series.values.tolist() for series in store}
    assert by_name == {series.name: series.values.tolist() for series in expected}
    assert store.report["unsorted"]["series"] == 2


def test_gaps_ends_and_late_starts(read: Read) -> None:
    rows = [
        ("a", 1, ""),
        ("a", 2, "5"),
        ("a", 5, "6"),
        ("a", 6, ""),
        ("b", 4, "1"),
        ("b", 5, "2"),
        ("b", 6, "2"),
    ]
    store = read("unique_id,ds,y\n" + "".join(f"{name},2024-01-0{day},{y}\n" for name, day, y in rows))
    first = values(store, 0)
    assert len(first) == 4 and first[0] == 5 and first[3] == 6 and np.isnan(first[1:3]).all()
    report = store.report
    assert report["gaps"] == {"series": 1, "count": 2, "names": ["a"]}
    assert report["late_starts"] == {"series": 1, "count": 2, "names": ["b"]}
    assert report["rows"] == 7 and report["series"] == 2 and report["lengths"]["max"] == 4


@pytest.mark.parametrize(
    ("rule", "expected"), [("last", [1, 6, 4]), ("first", [1, 2, 4]), ("mean", [1, 4, 4]), ("sum", [1, 8, 4])]
)
def test_duplicates(read: Read, rule: str, expected: list[float]) -> None:
    text = "ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,4\n2024-01-02,6\n"
    store = read(text, duplicates=rule)
    assert values(store) == expected and store.report["duplicates"]["count"] == 1
    empty = read("ds,y\n2024-01-01,1\n2024-01-01,\n2024-01-02,2\n", duplicates=rule)
    assert len(empty[0]) == (1 if rule == "last" else 2)


def test_kinds_of_series_are_counted(read: Read) -> None:
    told = {"flat": [3, 3, 3], "none": [0, 0, 0], "low": [-1, 2, -3], "empty": ["", "", "NA"]}
    text = "unique_id,ds,y\n" + "".join(
        f"{name},{day},{y}\n" for name, ys in told.items() for y, day in zip(ys, DAYS, strict=False)
    )
    report = read(text).report
    assert report["constant"]["names"] == ["flat"] and report["zero"]["names"] == ["none"]
    assert report["negative"] == {"series": 1, "count": 2, "names": ["low"]}
    assert report["dropped"]["names"] == ["empty"] and report["series"] == 3
    assert report["frequencies"] == {"D": 4}


def test_the_last_steps_only(read: Read) -> None:
    store = read("ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-05,3\n", tail=3)
    assert len(store[0]) == 3 and values(store)[2] == 3 and np.isnan(values(store)[:2]).all()
    assert store.frequency.text(np.array([store[0].start])) == ["2024-01-03"]
    ahead = read("ds,y,f\n2024-01-01,1,1\n2024-01-02,2,2\n2024-01-03,,3\n", future="f", tail=1)
    assert values(ahead) == [2] and ahead[0].future.ravel().tolist() == [2, 3]
    assert values(read(LONG, tail=100), 1) == [10, 11, 12, 13]


def test_a_frequency_that_is_given_gathers_irregular_rows(read: Read) -> None:
    text = "ds,y\n2024-01-01 00:03,1\n2024-01-01 00:41,2\n2024-01-01 02:10,4\n2024-01-01 03:59,8\n"
    store = read(text, frequency="h", duplicates="sum")
    assert values(store)[0] == 3 and np.isnan(values(store)[1]) and values(store)[2:] == [4, 8]
    one = read("ds,y\n2024-01-01,1\n", frequency="D")
    assert values(one) == [1]


def test_short_series_join_the_frequency_of_the_others(read: Read) -> None:
    rows = [("a", day) for day in range(1, 20)] + [("b", 1), ("b", 8), ("c", 3)]
    store = read("unique_id,ds,y\n" + "".join(f"{name},2024-01-{day:02d},1\n" for name, day in rows))
    assert store.frequency.name == "D" and [len(series) for series in store] == [19, 8, 1]


def test_what_a_model_knows_counts_where_it_fits(read: Read) -> None:
    week = "ds,a,b\n" + "".join(f"2024-01-0{day},1,2\n" for day in (1, 2, 3, 4, 5))
    business = Known(frequency=Frequency.parse("B"), targets=("b",))
    store = read(week, known=business)
    assert store.frequency.name == "B" and store.targets == ("b",)
    assert store.frequency.text(np.array([store[0].end])) == ["2024-01-08"]
    assert read(week, known=business, target="a", frequency="D").frequency.name == "D"
    hourly = Known(frequency=Frequency.parse("h"), targets=("b",))
    assert read(week.replace("2024-01-0", "2024-01-01 0"), known=hourly).frequency.name == "h"
    once = read("ds,y\n2024-01-03,1\n", known=Known(frequency=Frequency.parse("MS")))
    assert once.frequency.name == "MS" and once.targets == ("y",)
    sundays = "ds,y\n" + "".join(f"2024-01-{day:02d},1\n" for day in (7, 14, 21, 28))
    assert read(sundays, known=Known(frequency=Frequency.parse("W-MON"))).frequency.name == "W-SUN"
    days = "ds,y\n" + "".join(f"2024-01-{day:02d},1\n" for day in range(1, 29))
    assert read(days, known=Known(frequency=Frequency.parse("W-MON"))).frequency.name == "D"


def test_static_columns_are_what_they_were_in_training(read: Read) -> None:
    text = "unique_id,ds,y,size,zone\n" + "".join(f"a,{day},1,3,4\n" for day in DAYS)
    assert read(text, static="size,zone").numbers == ("size", "zone")
    store = read(text, static="size,zone", known=Known(categories=frozenset({"zone"})))
    assert store.numbers == ("size",) and store[0].categories == ("4",)
    with pytest.raises(DataError, match=r"series 'a'.*'big', which is no number"):
        read(text.replace(",3,", ",big,"), static="size", known=Known(categories=frozenset()))
