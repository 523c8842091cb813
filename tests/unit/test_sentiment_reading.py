"""Labelled texts: every form that is read, every way in which a file can be bad."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError, UsageError
from seqtools_sentiment.examples import Example
from seqtools_sentiment.reading import read_examples
from seqtools_sentiment.recipe import LabelledDataConfig
from seqtools_sentiment.tables import delimiter_of, read_table

TWO = [("a good film", ("pos",)), ("a bad one", ("neg",))]
FOUR = "text,label\nfine,pos\ndull,neg\ngreat,pos\npoor,neg\n"


def put(path: Path, content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return str(path)


def read(*files: str, **data: str) -> list[Example]:
    return read_examples(files, LabelledDataConfig(**data))


def plain(examples: list[Example]) -> list[tuple[str, tuple[str, ...]]]:
    return [(one.text, one.labels) for one in examples]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", "text,label\na good film,pos\na bad one,neg\n"),
        ("a.csv", 'Label;Review_Text\r\npos;"a good film"\r\nneg;a bad one\r\n'),
        ("a.csv.gz", "id,sentiment,text\n1,pos,a good film\n2,neg,a bad one"),
        ("a.tsv", "text\tlabel\na good film\tpos\na bad one\tneg\n"),
        ("a.tsv", "a good film\tpos\na bad one\tneg\n\n"),
        ("a.txt", "a good film\tpos\na bad one\tneg\n"),
        ("a.jsonl", '{"text": "a good film", "label": "pos"}\n\n{"text": "a bad one", "label": "neg"}\n'),
        ("a.txt", '{"review": "a good film", "class": "pos"}\n{"review": "a bad one", "class": ["neg"]}\n'),
        ("a.txt", "__label__pos a good film\n__label__neg a bad one\n"),
        ("a.ft.gz", "\ufeff__label__pos  a good film\n\na bad one __label__neg\n"),
    ],
)
def test_every_form_gives_the_same_texts(tmp_path: Path, name: str, content: str) -> None:
    assert plain(read(put(tmp_path / name, content))) == TWO


def test_a_file_for_each_class(tmp_path: Path) -> None:
    good = put(tmp_path / "rt.pos", "a good film\n\n")
    bad = put(tmp_path / "rt.neg", b"a caf\xe9\x85\n")
    found = read(f"pos={good}", f"neg={bad}", encoding="windows-1252")
    assert plain(found) == [("a good film", ("pos",)), ("a café…", ("neg",))]
    assert found[1].where == f"{bad}, line 1"
    odd = put(tmp_path / "a=b.tsv", "good\tpos\nbad\tneg\n")
    assert plain(read(odd)) == [("good", ("pos",)), ("bad", ("neg",))]


def test_several_files_and_columns_named(tmp_path: Path) -> None:
    one = put(tmp_path / "a.csv", "title,text,label,verdict\nT,x,0,pos\nU,y,1,neg\n")
    two = put(tmp_path / "b.jsonl", '{"title": "V", "text": "z", "verdict": "pos"}\n')
    found = read(one, two, text="title,text", label="verdict")
    assert plain(found) == [("T x", ("pos",)), ("U y", ("neg",)), ("V z", ("pos",))]
    inner = put(tmp_path / "c.jsonl", '{"data": {"say": "x"}, "label": 1}\n')
    assert plain(read(inner, text="data.say")) == [("x", ("1",))]


def test_columns_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    read_examples([put(tmp_path / "a.csv", FOUR)], LabelledDataConfig(), told.append)
    assert told == ["columns of a.csv: text 'text', label 'label'"]


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        # A first row that is like the others is a text.
        (["so good\t1", "so bad\t0", "not bad\t1"], 3),
        (["description\twhat is it", "person\twho is it", "description\thow is it"], 3),
        # Names that nobody knows, above a column of few different cells.
        (["opinion\tverdict", "x\tpro", "y\tcon", "z\tpro", "w\tcon"], 4),
        (["verdict\topinion", "pro\tit holds", "con\tit broke", "pro\tcheap", "con\tloud"], 4),
    ],
)
def test_headers_are_told_from_rows(tmp_path: Path, rows: list[str], texts: int) -> None:
    found = read(put(tmp_path / "a.tsv", "\n".join(rows)))
    assert len(found) == texts
    assert all(" " in one.text or len(one.text) < 6 for one in found)


def test_columns_without_names_have_numbers(tmp_path: Path) -> None:
    path = put(tmp_path / "news.csv", '"3","Oil up","It rose"\n"4","Chip","It runs"\n')
    assert plain(read(path, text="2,3", label="1")) == [("Oil up It rose", ("3",)), ("Chip It runs", ("4",))]
    with pytest.raises(DataError, match="no column is known to be the text; there are '1' \\('3', …\\), '2'"):
        read(path)


def test_quoted_cells_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", 'text,label\n"one, two\nthree ""four""",pos\nfive,neg\n')
    found = read(path)
    assert plain(found) == [('one, two\nthree "four"', ("pos",)), ("five", ("neg",))]
    assert [one.where for one in found] == [f"{path}, line 2", f"{path}, line 4"]


def test_quotes_in_tab_separated_files_are_quotes(tmp_path: Path) -> None:
    path = put(tmp_path / "a.tsv", '"why" , he asks\tpos\n"a quotation"\tneg\n"say ""x"""\tpos\n')
    texts = [one.text for one in read(path)]
    assert texts == ['"why" , he asks', '"a quotation"', 'say "x"']


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        ('"pos"', ("pos",)),
        ("1", ("1",)),
        ("4.0", ("4",)),
        ("4.5", ("4.5",)),
        ("true", ("true",)),
        ('["a", "b", "a"]', ("a", "b")),
        ("[]", ()),
        ('"a|b"', ("a", "b")),
        ('"a | "', ("a",)),
        ('{"a": 1, "b": 0}', ("a",)),
        ('{"a": 1, "b": 1, "c": 0}', ("a", "b")),
    ],
)
def test_kinds_of_labels(tmp_path: Path, value: str, labels: tuple[str, ...]) -> None:
    assert plain(read(put(tmp_path / "a.jsonl", f'{{"text": "x", "label": {value}}}'))) == [("x", labels)]


def test_several_marks_are_several_labels(tmp_path: Path) -> None:
    path = put(tmp_path / "a.txt", "__label__a __label__b two words\n__label__c x__label__y\n")
    assert plain(read(path)) == [("two words", ("a", "b")), ("x__label__y", ("c",))]


def test_shares_of_classes(tmp_path: Path) -> None:
    rows = ['{"text": "x", "label": {"a": 0.7, "b": 0.301}}', '{"text": "y", "label": {"a": 3, "b": 1}}']
    one, two = read(put(tmp_path / "a.jsonl", "\n".join(rows)))
    assert one.labels == two.labels == ("a", "b")
    assert sum(one.shares) == 1 and one.shares[0] == pytest.approx(0.7, abs=1e-3)
    assert two.shares == (0.75, 0.25)
    columns = put(tmp_path / "a.csv", "text,joy,rage\nx,0.25,0.75\ny,1,0\n")
    assert [(e.labels, e.shares) for e in read(columns, label="joy,rage")] == [
        (("joy", "rage"), (0.25, 0.75)),
        (("joy",), (1.0,)),
    ]


def test_columns_of_zeros_and_ones(tmp_path: Path) -> None:
    path = put(tmp_path / "a.csv", "text,toxic,insult\nx,1,1\ny,0,0\nz,0,1.0\n")
    assert plain(read(path, label="toxic,insult")) == [
        ("x", ("toxic", "insult")),
        ("y", ()),
        ("z", ("insult",)),
    ]


@pytest.mark.parametrize(
    ("name", "content", "data", "problem"),
    [
        (
            "a.csv",
            FOUR,
            {"text": "txt"},
            "a.csv: there is no column 'txt'; there are 'text', 'label'. Did you",
        ),
        ("a.csv", FOUR, {"label": "stars"}, "there is no column 'stars'; there are 'text', 'label'"),
        ("a.csv", FOUR, {"label": "text", "text": "text"}, "'text' is said to be text and label both"),
        ("a.csv", "p,q,r\n1,2,3\n4,2,6\n", {}, "known to be the text; there are 'p' ..1', ….*--text"),
        (
            "a.csv",
            "id,text,mood\n1,x,3\n2,y,3\n",
            {},
            "known to be the label; there are 'id'.*'mood'.*--label",
        ),
        ("a.csv", f"{FOUR}one,two,three\n", {}, "a.csv, line 6: the row has 3 columns, the first row 2"),
        ("a.csv", f'{FOUR}"x" y,pos\n', {}, "a.csv, line 6: the row is malformed"),
        ("a.csv", f'{FOUR}"x,pos\nz,neg\n', {}, "a.csv, line 6: the row is malformed .unexpected end"),
        ("a.tsv", "x\tpos\ny\n", {}, "a.tsv, line 2: the row has 1 columns, the first row 2"),
        ("a.csv", "text,label\nx,\n", {}, "a.csv, line 2: the text has no label"),
        ("a.csv", "text\nx\ny\n", {}, "it has one column"),
        ("a.csv", "text,j,k\nx,0.5,0.9\n", {"label": "j,k"}, "line 2: the shares .* sum to 1.4, not to 1"),
        ("a.csv", "text,j,k\nx,2,0\n", {"label": "j,k"}, "line 2: column 'j' holds '2'.* 0 to 1"),
        ("a.jsonl", '{"text": "x"}', {}, "line 1: no column is known to be the label; there are 'text'"),
        (
            "a.jsonl",
            '{"text": "x", "label": 1}\n{"text": "y"}',
            {},
            "line 2: there is no field 'label', but text",
        ),
        ("a.jsonl", '{"text": "x", "label": null}', {}, "line 1: the text has no label"),
        ("a.jsonl", '{"text": 3, "label": 1}', {}, "line 1: field 'text' is not a string"),
        ("a.jsonl", '{"text": "x", "label": [[1]]}', {}, r"line 1: its label is '\[1\]'"),
        ("a.jsonl", '{"text": "x", "label": {"a": -1}}', {}, "line 1: the share -1 is no number"),
        ("a.jsonl", '{"text": "x", "label": 1}\n{', {}, "line 2: it is not JSON"),
        ("a.jsonl", "[1, 2]", {}, "line 1: it is not a JSON object"),
        ("a.json", '[{"text": "x", "label": 1}]', {}, "it is not JSON Lines.*jq"),
        ("a.txt", "__label__a x\ny\n", {}, "line 2: it has no __label__"),
        ("a.txt", "only text\n", {}, "its first line has no label.*NAME=FILE"),
        ("a.txt", "\n \n", {}, "it is empty"),
        ("a.tsv", b"caf\xe9\tpos\n", {}, "it is not UTF-8: byte 0xe9 at offset 3.*--encoding .latin-1"),
        ("a.tsv", "é\tpos\n", {"encoding": "ascii"}, "it is not ASCII: byte 0xc3 at offset 0"),
        ("a.tsv", b"\x89PNG\0\0", {}, "it is a binary file"),
    ],
)
def test_bad_files(
    tmp_path: Path, name: str, content: str | bytes, data: dict[str, str], problem: str
) -> None:
    with pytest.raises(DataError, match=problem):
        read(put(tmp_path / name, content), **data)


def test_bad_paths(tmp_path: Path) -> None:
    for file, problem in (
        (str(tmp_path / "no.csv"), "there is no such file"),
        (f"pos={tmp_path / 'no.txt'}", "no.txt: there is no such file"),
        (str(tmp_path), "it is a folder.*NAME=FILE"),
    ):
        with pytest.raises(DataError, match=problem):
            read(file)
    with pytest.raises(DataError, match="no file is named"):
        read()
    with pytest.raises(UsageError, match="encoding 'klingon': it is unknown"):
        read(put(tmp_path / "a.tsv", "x\t1\n"), encoding="klingon")


def test_texts_of_any_length_and_of_odd_characters(tmp_path: Path) -> None:
    long = "word, " * 200_000
    rows = [{"text": text, "label": 1} for text in (long, "🙂\u0000\u0007\ud83d\ude00\ud800", "", " \n")]
    found = read(put(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert [one.text for one in found] == [long, "🙂 \u0007😀\ufffd", "", " \n"]
    assert read(put(tmp_path / "a.csv", f'text,label\n"{long}",1\n,2\n'))[0].text == long


def test_encodings_of_more_than_a_byte(tmp_path: Path) -> None:
    path = put(tmp_path / "a.tsv", "sí, é\tpos\nb\tneg\n".encode("utf-16"))
    assert plain(read(path, encoding="utf-16")) == [("sí, é", ("pos",)), ("b", ("neg",))]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.text('ab,;"\n\t ', max_size=6), min_size=2, max_size=2), min_size=1, max_size=5))
def test_what_csv_writes_is_read(cells: list[list[str]]) -> None:
    import csv
    import io

    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(cells)
    kept = [row for row in cells if any(cell.strip() for cell in row)]
    lines = out.getvalue().removesuffix("\n").split("\n")
    assert [row.cells for row in read_table(lines, "x", ",")] == kept


def test_delimiters_outside_quotes_count() -> None:
    assert delimiter_of('"a;b;c",d') == ","
    assert delimiter_of("a;b,c;d") == ";"
    assert delimiter_of("text") == ","


@pytest.mark.data
def test_real_files(shared_data: Callable[[str], Path]) -> None:
    sentences = read(str(shared_data("sst2") / "train.tsv"))
    assert len(sentences) == 6920 and {one.labels for one in sentences} == {("0",), ("1",)}
    movies = shared_data("cornell_mr")
    files = [f"{name}={movies / f'rt-polarity.{name}'}" for name in ("pos", "neg")]
    assert len(read(*files, encoding="windows-1252")) == 10_662
    with pytest.raises(DataError, match="--encoding"):
        read(*files)
