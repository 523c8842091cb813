"""`seqtools score` as a person meets it."""

from __future__ import annotations

import json
import math
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result

from seqtools_char.tokenizer import CharTokenizer
from seqtools_translate import opened

Cli = Callable[..., Result]
unit = Path(__file__).resolve().parents[1] / "unit"
copy: Any = SimpleNamespace(**runpy.run_path(str(unit / "copy_translator.py")))
CHAR = CharTokenizer(" abcdef")
KEYS = ["source", "target", "score", "log_prob", "tokens", "log_probs", "alignment"]


@pytest.fixture
def score(run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`score(source, target)` with a model that copies."""
    model = copy.write_outline(tmp_path / "copy.onnx", CHAR)
    monkeypatch.setattr(opened, "Session", lambda *_, **__: copy.CopySession(CHAR.vocab_size))

    def run(*arguments: object, **more: Any) -> Result:
        return run_cli("score", "-m", model, *arguments, **more)

    return run


def expected(tmp_path: Path, source: str, target: str) -> Any:
    model = copy.open_copy(tmp_path / "copy.onnx", [copy.CopySession(CHAR.vocab_size)])
    return model.score_batch([source], [target])[0]


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr or result.exception
    return str(result.stdout)


def test_files_and_tabs_give_the_same_one_line_a_pair(score: Cli, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("abc de\n\nf\n")
    (tmp_path / "b").write_text("abc de\n\nabc abc abc\n")
    result = score(tmp_path / "a", tmp_path / "b")
    told = [float(line) for line in ok(result).splitlines()]
    wanted = [("abc de", "abc de"), ("", ""), ("f", "abc abc abc")]
    assert told == pytest.approx([expected(tmp_path, *pair).log_prob for pair in wanted], abs=1e-4)
    assert result.stderr.startswith("3 pairs, 20 tokens, perplexity ")
    tabs = "".join(f"{source}\t{target}\n" for source, target in wanted)
    assert ok(score(input=tabs)) == ok(score("-", input=tabs)) == result.stdout
    assert ok(score(tmp_path / "a", "-", input="abc de\n\nabc abc abc\n")) == result.stdout
    assert ok(score(tmp_path / "a", tmp_path / "b", "--batch-size", 1)) == result.stdout
    ok(score(tmp_path / "a", tmp_path / "b", "-o", tmp_path / "out"))
    assert (tmp_path / "out").read_text() == result.stdout


def test_json_has_exactly_these_keys(score: Cli, tmp_path: Path) -> None:
    told = json.loads(ok(score("--json", "--normalize", "tokens", input="ab\tab\n")))
    assert list(told) == KEYS
    assert len(told["log_probs"]) == len(told["tokens"]) + 1 == 3
    assert told["score"] == pytest.approx(math.fsum(told["log_probs"]) / 3)
    assert told["alignment"] == "0-0"
    words = float(ok(score("--normalize", "words", input="ab\tab cd\n")))
    assert words == pytest.approx(expected(tmp_path, "ab", "ab cd").log_prob / 3, abs=1e-4)


def test_different_line_counts_are_told_with_both(score: Cli, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a\n" * 3)
    (tmp_path / "b").write_text("a\n" * 5)
    for first, second, counts in (("a", "b", (3, 5)), ("b", "a", (5, 3))):
        result = score(tmp_path / first, tmp_path / second)
        assert (result.exit_code, result.stdout) == (1, "")
        assert f"{first}: it has {counts[0]} lines, but" in result.stderr
        assert f"has {counts[1]}." in result.stderr
    for size, counts in ((2, "it has 3 lines, but stdin has 2"), (4, "it has 3 lines, but stdin has 4")):
        piped = score(tmp_path / "a", "-", input="a\n" * size)
        assert piped.exit_code == 1 and counts in piped.stderr
        assert piped.stdout.count("\n") == min(size, 3)


def test_rows_without_a_tab_and_other_mistakes(score: Cli, tmp_path: Path) -> None:
    result = score(input="a\tb\nonly\n")
    assert result.exit_code == 1 and "stdin, line 2: it has no tab" in result.stderr
    assert result.stdout.count("\n") == 1
    for arguments in (("-", "-"), ("--batch-size", 0)):
        assert score(*arguments, input="a\ta\n").exit_code == 2
    long = score(input="a\t" + "a" * 9_999_999 + "\n")
    assert long.exit_code == 1 and "line 1: it is longer than a megabyte" in long.stderr
    assert score(tmp_path / "none", tmp_path / "none").exit_code == 1
