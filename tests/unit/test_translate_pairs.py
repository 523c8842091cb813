"""Sentence pairs: every form that is read, every way in which a file can be bad."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtools.errors import DataError
from seqtools.texts import BLOCK
from seqtools_translate.pairs import Pair, Pairs, Report, held_out, split_by_hash

PINNED = [10, 40, 49, 54]
TWO = [("a", "x"), ("b", "y")]


def put(path: Path, content: str | bytes) -> Path:
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def sides(pairs: Pairs, report: Report | None = None) -> list[tuple[str, str]]:
    return [(pair.source, pair.target) for pair in pairs.read(report)]


@pytest.mark.parametrize("end", ["", ".gz"])
def test_parallel_files(tmp_path: Path, end: str) -> None:
    source = put(tmp_path / f"t.en{end}", "a\r\nb\n")
    target = put(tmp_path / f"t.de{end}", "x\ny")
    pairs = Pairs((source, source), (target, target))
    assert sides(pairs) == TWO * 2 == sides(pairs)
    assert [pair.where for pair in pairs.read()][:2] == [f"{source}, line 1", f"{source}, line 2"]


def test_only_line_ends_end_lines(tmp_path: Path) -> None:
    odd = "a\x85b\u2028c\x0cd\re"
    pairs = Pairs((put(tmp_path / "s", f"{odd}\nb\n"),), (put(tmp_path / "t", "x\ny\n"),))
    assert sides(pairs) == [(odd, "x"), ("b", "y")]


@pytest.mark.parametrize("name", ["p.tsv", "p.tsv.gz", "p.txt"])
def test_tab_separated_files_and_their_further_columns(tmp_path: Path, name: str) -> None:
    path = put(tmp_path / name, "a\tx\tCC-BY\tmore\r\n\n\t \nb\ty\n")
    with pytest.raises(DataError, match="line 4"):
        sides(Pairs((put(tmp_path / f"bad-{name}", "a\tx\n\n \nb\n"),)))
    report = Report()
    assert sides(Pairs((path, path)), report) == TWO * 2
    assert (report.kept, report.blank_both, report.dropped) == (4, 4, 4)


@pytest.mark.parametrize("name", ["p.jsonl", "p.jsonl.gz", "p.ndjson"])
def test_records(tmp_path: Path, name: str) -> None:
    rows = [{"source": "a", "target": "x", "id": 1}, {"source": "b", "target": "y\nz"}]
    path = put(tmp_path / name, "\n\n".join(json.dumps(row) for row in rows))
    assert sides(Pairs((path,))) == [("a", "x"), ("b", "y z")]
    assert [pair.line for pair in Pairs((path,)).read()] == [1, 3]


def test_fields_of_records_by_name_and_inwards(tmp_path: Path) -> None:
    path = put(tmp_path / "p.jsonl", json.dumps({"translation": {"en": "a"}, "to.de": "\ud83d\ude00"}))
    assert sides(Pairs((path,), source_field="translation.en", target_field="to.de")) == [("a", "😀")]


def test_blank_sides_are_dropped_and_counted(tmp_path: Path) -> None:
    source = put(tmp_path / "s", "a\n\n  \nb\n \n")
    target = put(tmp_path / "t", "x\ny\nz\n\t\n\n")
    report = Report()
    pairs = Pairs((source,), (target,))
    assert sides(pairs, report) == [("a", "x")]
    assert (report.kept, report.blank_source, report.blank_target, report.blank_both) == (1, 2, 1, 1)
    assert report.line() == "1 pair, 4 dropped (2 with no source, 1 with no target, 1 with neither)"
    assert len(list(pairs.all())) == 5


def test_a_huge_pair_is_kept_for_others_to_judge(tmp_path: Path) -> None:
    long = "word " * (BLOCK // 2)
    pairs = Pairs((put(tmp_path / "s", f"{long}\nb"),), (put(tmp_path / "t", "x\ny"),))
    assert sides(pairs) == [(long, "x"), ("b", "y")]


@pytest.mark.parametrize(
    ("source", "target", "counts"),
    [(1, 3, "1 line and 3 lines"), (5, 2, "5 lines and 2 lines"), (0, 2, "0 lines and 2 lines")],
)
def test_files_of_different_length(tmp_path: Path, source: int, target: int, counts: str) -> None:
    pairs = Pairs((put(tmp_path / "s", "a\n" * source),), (put(tmp_path / "t", "x\n" * target),))
    with pytest.raises(DataError, match=f"s and .*t: they have {counts}"):
        sides(pairs)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("b", "line 2: the row has one column: a source without a target"),
        ("b\t", "line 2: the row has a source without a target"),
        (" \ty", "line 2: the row has a target without a source"),
        ("\t\tmore", "line 2: its first two columns are blank"),
    ],
)
def test_half_rows_name_the_line_and_the_side(tmp_path: Path, row: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        sides(Pairs((put(tmp_path / "p.tsv", f"a\tx\n{row}\nc\tz\n"),)))


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"source": "b"}', "line 2: the record has no field 'target'.*--target-field"),
        ('{"target": "b"}', "line 2: the record has no field 'source'.*--source-field"),
        ('{"source": "b", "target": 3}', "line 2: field 'target' is not a string"),
        ('["b", "y"]', "line 2: the record has no field 'source'"),
        ("{", "line 2: it is not JSON"),
        ("[" * 100_000, "line 2: it is not JSON"),
    ],
)
def test_bad_records_name_the_line(tmp_path: Path, line: str, problem: str) -> None:
    path = put(tmp_path / "p.jsonl", json.dumps({"source": "a", "target": "x"}) + f"\n{line}\n")
    with pytest.raises(DataError, match=problem):
        sides(Pairs((path,)))


def test_bad_bytes_name_the_offset(tmp_path: Path) -> None:
    source, target = put(tmp_path / "s", "a\nb\n"), put(tmp_path / "t", b"x\n\xe4\n")
    with pytest.raises(DataError, match="t: it is not UTF-8: byte 0xe4 at offset 2"):
        sides(Pairs((source,), (target,)))


def test_wrong_paths_are_told_first(tmp_path: Path) -> None:
    source = put(tmp_path / "s", "a\n")
    for pairs, problem in (
        (Pairs(()), "no file is named"),
        (Pairs((tmp_path / "no",)), "no: there is no such file"),
        (Pairs((source,), (tmp_path,)), "it is a folder"),
        (Pairs((source, source), (source,)), "there are 2 source files and 1 target file"),
    ):
        with pytest.raises(DataError, match=problem):
            pairs.check()


def test_the_digest_is_of_the_pairs_not_of_the_files(tmp_path: Path) -> None:
    forms = (
        Pairs((put(tmp_path / "s", "a\nb\n"),), (put(tmp_path / "t", "x\ny\n"),)),
        Pairs((put(tmp_path / "p.tsv", "a\tx\tz\n\nb\ty"),)),
        Pairs(
            (put(tmp_path / "p.jsonl", "\n".join(json.dumps({"source": a, "target": x}) for a, x in TWO)),)
        ),
        Pairs((put(tmp_path / "q.tsv", "b\ty\na\tx\n"),)),
    )
    digests = []
    for pairs in forms:
        report = Report()
        list(pairs.read(report))
        digests.append(report.sha256)
    assert digests[0] == digests[1] == digests[2] != digests[3]


@given(st.lists(st.sampled_from("abcdefghij"), max_size=60), st.floats(0, 1))
def test_a_source_stands_on_one_side_of_a_split(sources: list[str], fraction: float) -> None:
    pairs = [Pair(source, str(number)) for number, source in enumerate(sources)]
    train, valid = split_by_hash(pairs, fraction)
    assert sorted(train + valid) == sorted(pairs)
    assert not {pair.source for pair in train} & {pair.source for pair in valid}
    assert split_by_hash(pairs[::-1], fraction) == (train[::-1], valid[::-1])


def test_the_split_has_the_asked_for_share_and_never_changes() -> None:
    sources = [f"sentence {number}" for number in range(5000)]
    assert sum(held_out(source, 0.1) for source in sources) == pytest.approx(500, abs=60)
    assert [number for number, source in enumerate(sources[:60]) if held_out(source, 0.1)] == PINNED
    assert held_out(" a  b ", 0.5) == held_out("a b", 0.5)
    assert not any(held_out(source, 0) for source in sources) and all(held_out(s, 1) for s in sources)


@pytest.mark.data
def test_real_pairs(shared_data: Callable[[str], Path]) -> None:
    report = Report()
    folder = shared_data("multi30k")
    found = list(Pairs((folder / "train.en.gz",), (folder / "train.de.gz",)).read(report))
    assert len(found) == 29_000 == report.kept and not report.dropped
    report = Report()
    hindi = list(Pairs((shared_data("tatoeba_hin_eng") / "hin.txt",)).read(report))
    assert report.kept == 3117 and hindi[0][:2] == ("Wow!", "वाह!")
