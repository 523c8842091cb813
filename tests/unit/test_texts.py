"""Texts from files: every form that is read, every way in which a file can be bad."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtools import texts
from seqtools.errors import DataError
from seqtools.texts import BLOCK, Corpus, decode, head, split_lines, tail, whole_words


def text_of(*paths: Path) -> str:
    return "".join(Corpus(paths).blocks())


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz", "noending"])
def test_plain_and_gzip(tmp_path: Path, name: str) -> None:
    content = "Grüße, 世界!\r\n\x85\u2028 no line end"
    assert text_of(put(tmp_path / name, content)) == content


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert text_of(put(tmp_path / "a", b"\xef\xbb\xbfx\xef\xbb\xbf")) == "x\ufeff"
    assert text_of(put(tmp_path / "b", b"\xef\xbb\xbf")) == ""


def test_folders_are_walked_in_order_and_files_do_not_run_into_each_other(tmp_path: Path) -> None:
    put(tmp_path / "d/b/z.txt", "two")
    put(tmp_path / "d/a.txt", "one")
    put(tmp_path / "d/c.txt", "three\n")
    put(tmp_path / "d/.hidden/x", "no")
    put(tmp_path / "d/.git", "no")
    assert text_of(tmp_path / "d", put(tmp_path / "e", "four")) == "one\ntwo\nthree\nfour"


def test_binary_files_in_folders_are_left_out(tmp_path: Path) -> None:
    put(tmp_path / "d/a.png", b"\x89PNG\0\0")
    with pytest.raises(DataError, match="the folder holds only binary files"):
        text_of(tmp_path / "d")
    put(tmp_path / "d/b.gz", b"\0\1")
    put(tmp_path / "d/c.txt", "text")
    assert text_of(tmp_path / "d") == "text"
    assert [path.name for path in Corpus((tmp_path / "d",)).left_out()] == ["a.png", "b.gz"]
    put(tmp_path / "d/d.gz", "more")
    assert text_of(tmp_path / "d") == "text\nmore"
    put(tmp_path / "d/e.txt", "wide".encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16"):
        text_of(tmp_path / "d")
    (tmp_path / "d/e.txt").unlink()
    (tmp_path / "d/f.gz").write_bytes(b"not gzip at all")
    with pytest.raises(DataError, match=r"f\.gz: cannot be read"):
        text_of(tmp_path / "d")


@pytest.mark.parametrize("name", ["r.jsonl", "r.jsonl.gz", "r.ndjson"])
def test_records(tmp_path: Path, name: str) -> None:
    rows = [{"text": "a\nb", "x": 1}, {"text": "ü"}]
    path = put(tmp_path / name, "\n\n".join(json.dumps(row) for row in rows))
    assert text_of(path) == "a\nb\nü\n"
    assert list(Corpus((path,), per_line=True).lines()) == ["a\nb", "ü"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"text": 3}', "field 'text' is not a string"),
        ('{"title": "x"}', "no field 'text'"),
        ('["text"]', "no field 'text'"),
        ("3", "no field 'text'"),
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("9" * 5000, "it is not JSON"),
    ],
)
def test_bad_records_are_told_with_their_line(tmp_path: Path, line: str, problem: str) -> None:
    path = put(tmp_path / "r.jsonl", '{"text": "fine"}\n' + line + "\n")
    with pytest.raises(DataError, match=rf"r\.jsonl, line 2: .*{problem}"):
        text_of(path)


def test_lines(tmp_path: Path) -> None:
    path = put(tmp_path / "names", "Ada\r\n\r\n  \nGrace\u2028H\n\nJoan")
    assert list(Corpus((path,), per_line=True).lines()) == ["Ada", "Grace\u2028H", "Joan"]


@pytest.mark.parametrize("before", [0, 5, BLOCK - 1, BLOCK, BLOCK + 7])
@pytest.mark.parametrize(("bad", "at"), [(b"\xff", 0), (b"\xe4\xb8a", 0), (b"\xc3", 0), (b"ok\x80", 2)])
def test_bytes_that_are_not_utf8_are_told_with_their_offset(
    tmp_path: Path, before: int, bad: bytes, at: int
) -> None:
    path = put(tmp_path / "latin", b"x" * before + bad)
    with pytest.raises(DataError, match=f"0x{bad[at]:02x} at offset {before + at}\\."):
        text_of(path)


@pytest.mark.parametrize("character", ["ü", "世", "😀"])
@pytest.mark.parametrize("before", [1, 2, 3])
def test_characters_across_blocks(tmp_path: Path, character: str, before: int) -> None:
    content = "x" * (BLOCK - before) + character + "y"
    assert text_of(put(tmp_path / "a", content)) == content


@pytest.mark.parametrize("before", [0, BLOCK + 3])
def test_binary_files(tmp_path: Path, before: int) -> None:
    with pytest.raises(DataError, match=rf"binary file \(a NUL byte at offset {before}\)"):
        text_of(put(tmp_path / "b", b"x" * before + b"\0\xff"))


def test_utf16_is_called_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="UTF-16"):
        text_of(put(tmp_path / "b", "text".encode("utf-16")))


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        text_of(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="the folder holds no files"):
        text_of(tmp_path / "empty")


@pytest.mark.parametrize(
    "damage",
    [b"not gzip at all", gzip.compress(b"x" * 5000)[:-20], b"\x1f\x8b\x08" + b"\0" * 30],
    ids=["text", "cut", "empty"],
)
def test_broken_gzip(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.gz").write_bytes(damage)
    with pytest.raises(DataError, match="cannot be read"):
        text_of(tmp_path / "a.gz")


def test_empty_and_single_characters(tmp_path: Path) -> None:
    assert list(decode(put(tmp_path / "none", ""))) == []
    assert list(decode(put(tmp_path / "one", "x"))) == ["x"]


@given(st.lists(st.text(alphabet="ab \n\r", max_size=6)), st.integers(1, 9))
def test_whole_words_cuts_after_blanks_only(blocks: list[str], longest: int) -> None:
    pieces = list(whole_words(blocks, longest=longest))
    assert "".join(pieces) == "".join(blocks)
    for piece in pieces[:-1]:
        assert piece[-1] in " \n" or len(piece) >= longest


def test_one_endless_line_stays_in_pieces() -> None:
    blocks = ["x" * 100] * 50
    pieces = list(whole_words(iter(blocks), longest=400))
    assert max(map(len, pieces)) == 400
    assert "".join(pieces) == "x" * 5000


@given(st.lists(st.text(alphabet="ab\n\r", max_size=5)))
def test_lines_do_not_depend_on_blocks(blocks: list[str]) -> None:
    text = "".join(blocks)
    expected = [line.removesuffix("\r") for line in text.split("\n")]
    if not expected[-1]:
        expected.pop()
    assert list(split_lines(blocks)) == expected


@given(st.lists(st.text(max_size=4)), st.integers(0, 20))
def test_head_and_tail_share_a_text(blocks: list[str], count: int) -> None:
    text = "".join(blocks)
    assert "".join(head(blocks, count)) == text[:count]
    assert "".join(tail(blocks, count)) == text[count:]


def test_blocks_are_small_whatever_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "BLOCK", 64)
    path = put(tmp_path / "a", "ü" * 1000)
    assert max(map(len, decode(path))) <= 64
