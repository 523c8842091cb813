"""`seqtools evaluate` on a translator whose translations are known: it writes capitals."""

from __future__ import annotations

import gzip
import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sacrebleu
from click.testing import Result

from seqtools_char.tokenizer import CharTokenizer
from seqtools_translate.dictionary import Dictionary
from seqtools_translate.evaluation import Evaluation, verdict
from seqtools_translate.scores import Figure

Cli = Callable[..., Result]
copy: Any = SimpleNamespace(
    **runpy.run_path(str(Path(__file__).parent.parent / "unit" / "copy_translator.py"))
)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TOKENIZER = CharTokenizer(LETTERS + LETTERS.upper() + " .,")
SOURCES = [
    "a dog runs over the field.",
    "two men sit here",
    "the red fox, a dog and a cat.",
    "",
    "a man sings.",
]
REFERENCES = [line.upper() for line in SOURCES[:-1]] + ["A MAN IS SINGING."]
DICTIONARY = Dictionary({"a": "A", "dog": "DOG", "the": "THE"})
KEYS = {
    "model", "files", "hypotheses", "decoding", "language", "seconds", "sentences", "scores", "floors",
    "against", "verdict",
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path: Path = copy.write_outline(tmp_path / "model.onnx", TOKENIZER, dictionary=DICTIONARY.payload())
    one = {letter: int(TOKENIZER.encode(letter)[0]) for letter in LETTERS + LETTERS.upper()}
    image = {one[letter]: one[letter.upper()] for letter in LETTERS}

    def opened(file: object, **options: object) -> Any:
        return copy.open_copy(path, [copy.CopySession(TOKENIZER.vocab_size, image, sharp=30)])

    monkeypatch.setattr("seqtools_translate.run.open_translator", opened)
    return path


def put(path: Path, lines: list[str]) -> Path:
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return put(tmp_path / "test.en", SOURCES), put(tmp_path / "test.de.gz", REFERENCES)


def told(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    figures: dict[str, Any] = json.loads(result.stdout)
    assert set(figures) == KEYS
    return figures


def score(figures: list[dict[str, Any]], name: str, protocol: str) -> Any:
    (found,) = (one for one in figures if (one["name"], one["protocol"]) == (name, protocol))
    return found["value"]


def test_figures_are_sacrebleus_with_the_floor_beside(
    run_cli: Cli, model: Path, files: tuple[Path, Path]
) -> None:
    arguments = ("evaluate", "-m", model, "--source", files[0], "--target", files[1], "-b", 1, "--json")
    figures = told(run_cli(*arguments))
    made = [line.upper() for line in SOURCES]
    for name, expected in (
        ("BLEU", sacrebleu.corpus_bleu(made, [REFERENCES])),
        ("chrF2", sacrebleu.corpus_chrf(made, [REFERENCES])),
        ("TER", sacrebleu.corpus_ter(made, [REFERENCES])),
    ):
        assert score(figures["scores"], name, "cased") == pytest.approx(expected.score)
    lowered = score(figures["scores"], "BLEU", "lc-tok")
    assert score(figures["floors"]["copying the source"], "BLEU", "lc-tok") == pytest.approx(lowered)
    dictionary = [DICTIONARY.translate(line) for line in SOURCES]
    floor = score(figures["floors"]["word-by-word dictionary"], "BLEU", "cased")
    assert floor == pytest.approx(sacrebleu.corpus_bleu(dictionary, [REFERENCES]).score)
    assert figures["sentences"] == 5 and figures["language"] == "de" and figures["against"] == []
    assert figures["decoding"] == {"beam_size": 1} and all(one["interval"] > 0 for one in figures["scores"])
    assert figures["verdict"].startswith("The model beats copying the source by ")


def test_the_table(run_cli: Cli, model: Path, files: tuple[Path, Path]) -> None:
    result = run_cli("evaluate", "-m", model, "--source", files[0], "--target", files[1])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"model.onnx on {files[0]} (5 sentences, 1 reference)"
    assert [line.split()[:2] for line in lines[2:6]] == [
        ["BLEU", "cased"], ["chrF2", "cased"], ["TER", "cased"], ["BLEU", "lc-tok"],
    ]  # fmt: skip
    assert "lc-tok: lower-cased, normalised, Moses tokens (de)" in lines
    assert any(line.startswith("BLEU cased: nrefs:1|bs:1000|seed:12345|case:mixed") for line in lines)


def test_several_references_and_kept_translations(
    run_cli: Cli, model: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    other = put(tmp_path / "other.de", [line.upper() for line in SOURCES])
    kept = tmp_path / "out.txt"
    arguments = ("--source", files[0], "--target", files[1], "--target", other, "-o", kept, "--resamples", 0)
    figures = told(run_cli("evaluate", "-m", model, *arguments, "--no-floor", "--json"))
    assert score(figures["scores"], "BLEU", "cased") == pytest.approx(100)
    assert "nrefs:2" in figures["scores"][0]["signature"] and figures["scores"][0]["interval"] is None
    assert figures["floors"] == {} and figures["verdict"] == "There is no floor to compare with."
    assert kept.read_text().splitlines() == [line.upper() for line in SOURCES]
    assert list(tmp_path.glob(".*")) == []


def test_given_translations_are_scored_and_compared(
    run_cli: Cli, model: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    best, rival = put(tmp_path / "best", REFERENCES), put(tmp_path / "rival", ["A DOG."] * 5)
    arguments = ("evaluate", "-m", model, "--source", files[0], "--target", files[1], "--hypotheses", best)
    figures = told(run_cli(*arguments, "--against", rival, "--json"))
    assert score(figures["scores"], "BLEU", "cased") == pytest.approx(100)
    assert figures["hypotheses"] == str(best) and figures["seconds"] == 0
    bleu = figures["against"][0]
    assert bleu["value"] == pytest.approx(100) and bleu["other"] < 20 and bleu["p"] < 0.2
    table = run_cli(*arguments, "--against", rival).stdout
    assert f"{rival} {bleu['other']:.2f} (+" in table and "p = " in table


def test_pairs_in_one_file_and_a_dictionary_of_named_pairs(run_cli: Cli, model: Path, tmp_path: Path) -> None:
    rows = zip(SOURCES, REFERENCES, strict=True)
    pairs = put(tmp_path / "test.tsv", [f"{a}\t{b}" if a else "" for a, b in rows])
    result = run_cli("evaluate", "-m", model, pairs, "--train-source", pairs, "--language", "en", "--json")
    figures = told(result)
    assert figures["sentences"] == 4 and figures["language"] == "en"
    assert "left out: 1 pair with a blank side" in result.stderr
    learnt = Dictionary.learn(zip(SOURCES, REFERENCES, strict=True))
    made = [learnt.translate(line) for line in SOURCES if line]
    expected = sacrebleu.corpus_bleu(made, [[line for line in REFERENCES if line]]).score
    found = score(figures["floors"]["word-by-word dictionary"], "BLEU", "cased")
    assert found == pytest.approx(expected) and expected > 5


def test_what_a_reader_should_know_is_said(
    run_cli: Cli, model: Path, tmp_path: Path, files: tuple[Path, Path]
) -> None:
    tokens = put(tmp_path / "tok", ["A DOG .", "TWO MEN , HERE .", "", "THE FOX .", "A MAN ."])
    result = run_cli("evaluate", "-m", model, "--source", files[0], "--target", tokens)
    assert result.exit_code == 0, result.output
    assert f"Warning: {tokens} looks tokenised" in result.stderr
    assert "The target language is unknown" in result.stderr
    plain: Path = copy.write_outline(tmp_path / "plain.onnx", TOKENIZER)
    result = run_cli("evaluate", "-m", plain, "--source", files[0], "--target", files[1], "--lowercase")
    assert result.exit_code == 0 and "The file holds no dictionary" in result.stderr
    assert "BLEU lowercased" in result.stdout
    assert "The model does not beat copying the source (the same BLEU)" in result.stdout


def test_mistakes_are_told(run_cli: Cli, model: Path, tmp_path: Path, files: tuple[Path, Path]) -> None:
    short, source, target = put(tmp_path / "short", ["X"]), files[0], files[1]
    empty = put(tmp_path / "empty", [])
    both = ("--source", source, "--target", target)
    for arguments, problem in (
        (("--source", source, "--target", short), "they have 5 and 1 lines"),
        ((*both, "--hypotheses", short), f"{short}: they have 5 and 1 lines"),
        ((*both, "--against", short), "they have 5 and 1 lines"),
        (("--source", source), "--target: it is not given"),
        ((source, *both), "given besides --source and --target"),
        ((*both, "-o", tmp_path / "no" / "out"), "its folder does not exist"),
        ((*both, "--train-target", target), "without --train-source"),
        (("--source", empty, "--target", empty), "there is no sentence in it"),
        (("--source", tmp_path / "no", "--target", target), "cannot be read"),
    ):
        result = run_cli("evaluate", "-m", model, *arguments)
        assert result.exit_code != 0 and problem in result.stderr, (arguments, result.output)


def test_verdicts() -> None:
    def figure(value: float) -> Figure:
        return Figure("BLEU", "cased", value, None, "")

    floors = {"copying the source": [figure(1.0)], "word-by-word dictionary": [figure(12.0)]}
    good = verdict(Evaluation(2, [figure(30.5)], floors))
    assert good == "The model beats copying the source by 29.50 and a word-by-word dictionary by 18.50 BLEU."
    poor = verdict(Evaluation(2, [figure(11.0)], floors))
    assert poor.startswith("The model does not beat a word-by-word dictionary (BLEU 1.00 lower)")
