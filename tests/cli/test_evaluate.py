"""`seqtools evaluate` on a file whose figures are known exactly."""

from __future__ import annotations

import gzip
import json
import math
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from seqtools_generate.evaluation import Evaluation, verdict

Cli = Callable[..., Result]
bigram: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("bigram_file.py"))))
TEXT: str = bigram.bigram_text(12_000, 1)
KEYS = {
    "model", "files", "share", "window", "per_line", "tokens", "characters", "words", "unknown", "columns",
    "floor", "verdict",
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path: Path = bigram.write_bigram(tmp_path / "bigram.onnx")
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text(TEXT, newline="")
    return path


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    figures: dict[str, Any] = json.loads(result.stdout)
    return figures


def test_whole_text_is_scored_exactly(run_cli: Cli, model: Path, corpus: Path) -> None:
    figures = told(run_cli("evaluate", "-m", model, corpus, "--whole", "--json"))
    assert set(figures) == KEYS
    nats = bigram.expected_nats(TEXT)
    assert figures["tokens"] == figures["characters"] == len(TEXT) - 1
    for column in ("carried", "windows"):  # a bigram sees one token back, which both protocols give it
        found = figures["columns"][column]
        assert found["nats_per_character"] == pytest.approx(nats / (len(TEXT) - 1), rel=1e-5)
        assert found["bits_per_character"] == pytest.approx(found["nats_per_character"] / math.log(2))
        assert found["perplexity"] == pytest.approx(math.exp(nats / (len(TEXT) - 1)), rel=1e-4)
        assert found["word_perplexity"] > found["perplexity"]
    assert figures["floor"] is None and "no n-gram to compare" in figures["verdict"]


def test_the_end_is_scored_and_the_floor_learns_from_the_rest(
    run_cli: Cli, model: Path, corpus: Path
) -> None:
    figures = told(run_cli("evaluate", "-m", model, corpus, "--valid-fraction", "0.25", "--json"))
    end = TEXT[int(len(TEXT) * 0.75) :]
    carried = figures["columns"]["carried"]["nats_per_character"]
    assert carried == pytest.approx(bigram.expected_nats(end) / (len(end) - 1), rel=1e-5)
    assert figures["floor"]["train_tokens"] == len(TEXT) - len(end)
    floor = figures["columns"]["floor"]["nats_per_character"]
    assert floor == pytest.approx(figures["floor"]["nats_per_character"])
    # The text was drawn from the model, so nothing can beat it for long.
    assert carried < floor and figures["verdict"].startswith("The model beats the ")


def test_a_bad_model_is_told_so(run_cli: Cli, model: Path, tmp_path: Path) -> None:
    """A text the model does not know, easy for the n-gram."""
    path = tmp_path / "easy.txt"
    path.write_text("ab c\n" * 2000)
    result = run_cli("evaluate", "-m", model, path)
    assert result.exit_code == 0 and "-gram wins: the model is behind by" in result.stdout


def test_a_file_for_the_floor(run_cli: Cli, model: Path, corpus: Path, tmp_path: Path) -> None:
    packed = tmp_path / "train.txt.gz"
    packed.write_bytes(gzip.compress(bigram.bigram_text(3000, 5).encode()))
    figures = told(run_cli("evaluate", "-m", model, corpus, "--train", packed, "--json"))
    assert figures["share"] == 1.0 and figures["tokens"] == len(TEXT) - 1
    assert figures["floor"]["train_tokens"] == 3000


def test_table(run_cli: Cli, model: Path, corpus: Path) -> None:
    result = run_cli("evaluate", "-m", model, corpus, "--window", 64)
    lines = result.stdout.splitlines()
    assert (
        lines[0].startswith("bigram.onnx on ") and "(last 10 %: 1,199 tokens, 1,199 characters)" in lines[0]
    )
    assert "carried state" in lines[1] and "64-token windows" in lines[1] and "-gram floor" in lines[1]
    assert len({len(line) for line in lines[1:-1]}) == 1
    assert {line[:20].strip() for line in lines[2:-1]} >= {
        "nats per character",
        "perplexity",
        "word perplexity",
    }
    assert lines[-1].startswith("The model beats")


@pytest.mark.parametrize(("choice", "columns"), [("carried", {"carried"}), ("windows", {"windows"})])
def test_one_protocol_no_floor(
    run_cli: Cli, model: Path, corpus: Path, choice: str, columns: set[str]
) -> None:
    words = ("evaluate", "-m", model, corpus, "--protocol", choice, "--no-floor", "--json")
    assert set(told(run_cli(*words))["columns"]) == columns


def test_stdin_and_several_files(run_cli: Cli, model: Path, corpus: Path) -> None:
    words = ("evaluate", "-m", model, "--whole", "--no-floor", "--json")
    piped = told(run_cli(*words, "-", input=TEXT))
    assert piped["columns"] == told(run_cli(*words, corpus))["columns"]
    assert told(run_cli(*words, corpus, corpus))["tokens"] == 2 * len(TEXT) - 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "there is no text in it"),
        (b"a", "it has 1 token, two are needed"),
        (b"abc\0\1\2" * 50, "binary file"),
        (b"abc ab\xff\xfe abc", "not UTF-8: byte 0xff at offset 6"),
        (None, "there is no such file"),
    ],
)
def test_bad_texts(run_cli: Cli, model: Path, tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "bad.txt"
    if content is not None:
        path.write_bytes(content)
    result = run_cli("evaluate", "-m", model, path, "--whole")
    assert result.exit_code == 1 and says in result.stderr
    assert result.stdout == "" and len(result.stderr.strip().splitlines()) == 1


def test_bad_models_and_options(run_cli: Cli, model: Path, corpus: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(model.read_bytes()[:500])
    assert run_cli("evaluate", "-m", cut, corpus).exit_code == 3
    assert run_cli("evaluate", "-m", tmp_path / "none.onnx", corpus).exit_code == 3
    assert run_cli("evaluate", "-m", model).exit_code == 2
    assert run_cli("evaluate", "-m", model, corpus, "--window", 0).exit_code == 2
    assert run_cli("evaluate", "-m", model, corpus, "--valid-fraction", 1.5).exit_code == 2
    assert run_cli("evaluate", "-m", model, corpus, "--whole", "--valid-fraction", 0.5).exit_code == 2


def test_texts_per_line(run_cli: Cli, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "names.jsonl"
    path.write_text("".join(json.dumps({"text": name}) + "\n" for name in ["abc", " ", "cab", "a b", "ba"]))
    words = ("evaluate", "-m", model, path, "--per-line", "--no-floor", "--json")
    figures = told(run_cli(*words, "--whole"))
    assert figures["tokens"] == sum(len(name) + 2 for name in ["abc", "cab", "a b", "ba"]) - 1
    assert figures["characters"] == len("abc\ncab\na b\nba\n")
    assert told(run_cli(*words, "--valid-fraction", 0.25))["tokens"] == len("ba") + 1
    lines = bigram.write_bigram(tmp_path / "lines.onnx", card={"tokenizer": {"one_text_a_line": True}})
    assert told(run_cli("evaluate", "-m", lines, path, "--no-floor", "--json", "--whole"))["per_line"]


def test_unknown_words_are_told(tmp_path: Path) -> None:
    from seqtools_generate.sample import sample_of
    from seqtools_word.tokenizer import WordTokenizer

    words = WordTokenizer(["one", "two"], mode="whitespace")
    sample = sample_of(words, "one two three", "")
    assert (sample.scored, sample.unknown, sample.words) == (2, 1, 2)
    assert sample.characters == len(" two three")
    assert np.array_equal(sample.ids, words.encode("one two three"))


def test_a_split_verdict_names_both() -> None:
    columns = {name: {"nats_per_character": value} for name, value in
               {"carried": 1.50, "windows": 1.55, "floor": 1.52}.items()}  # fmt: skip
    result = Evaluation(9, 9, 2, 0, columns, {"name": "6-gram"})
    assert "ahead by 0.0200 with carried state, behind by 0.0300 in windows" in verdict(result)


def test_cuda_that_is_not_there(run_cli: Cli, model: Path, corpus: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    result = run_cli("evaluate", "-m", model, corpus, "--device", "cuda")
    assert result.exit_code == 1 and "no CUDA support" in result.stderr


def test_a_file_of_another_shape_is_refused(run_cli: Cli, corpus: Path, tmp_path: Path) -> None:
    path = bigram.write_bigram(tmp_path / "m.onnx")
    path.write_bytes(path.read_bytes().replace(b"state", b"stats"))
    result = run_cli("evaluate", "-m", path, corpus)
    assert result.exit_code == 3 and "no input 'state' of a fixed width" in result.stderr
