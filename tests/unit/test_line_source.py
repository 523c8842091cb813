"""Where a command's lines come from."""

from __future__ import annotations

import io
import sys
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqtools.errors import DataError, UsageError
from seqtools.line_source import LineSource, typed


def read(text: str | None = None, input: str | None = None, **options: object) -> list[str]:
    source = LineSource(text=text, input=input, field=None, **options)  # type: ignore[arg-type]
    with ExitStack() as stack:
        return [line.text for line in source.lines(stack)]


def test_a_text_a_file_or_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("one\n\ntwo", encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"three\n"), isatty=lambda: True))
    assert read("hello") == ["hello"]
    assert read(input=str(path)) == ["one", "", "two"]
    assert read("-") == ["three"]


def test_records_where_they_may_be_and_where_they_have_to_be(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two"}\n', encoding="utf-8")
    assert read(input=str(path)) == ["one", "two"]
    assert read('{"text": "one"}') == ['{"text": "one"}']
    assert read('{"text": "one"}', as_json=True) == ["one"]
    path.write_text("plain\n", encoding="utf-8")
    with pytest.raises(DataError, match="not JSON"):
        read(input=str(path))
    path.write_text("{}\n", encoding="utf-8")
    with pytest.raises(DataError, match="with --source-field"):
        read(input=str(path), option="--source-field")


@pytest.mark.parametrize(("text", "path", "live"), [(None, None, True), ("-", "-", True), ("a", None, False)])
def test_a_person_types_where_stdin_is_a_terminal(
    text: str | None, path: str | None, live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = LineSource(text=text, input=path, field=None)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    assert source.live is live
    monkeypatch.setattr(sys, "stdin", None)
    assert not source.live


def test_two_places_at_once_are_refused() -> None:
    LineSource(text="-", input="file", field=None).check("tag")
    with pytest.raises(UsageError, match="TEXT and --input are both given"):
        LineSource(text="a", input="file", field=None).check("tag")


def test_bytes_that_a_poor_locale_could_not_read_are_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsencode", lambda text: text.encode("utf-8", "surrogateescape"))
    assert typed("\udcc3\udca9t\udcc3\udca9") == "été"
    assert typed("été") == "été"
