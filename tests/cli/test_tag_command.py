"""`seqtools tag` and `seqtools evaluate` of taggers as a person meets them."""

from __future__ import annotations

import gzip
import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("torch")
pytest.importorskip("spox")

from click.testing import Result

from seqtools.lines import LONGEST

Cli = Callable[..., Result]
unit = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(unit / "tiny_tagger.py")))
KEYS = ["text", "words", "labels", "probabilities", "offsets", "spans"]
SPAN_KEYS = ["text", "label", "start", "end", "words", "probability"]
FIRST = "Dr. Smith doesn't like New York's 1,000 cafés."
GOLD = "".join(
    "".join(f"{word}\t{label}\n" for word, label in zip(words.split(), labels.split(), strict=True)) + "\n"
    for words, labels in tiny.SENTENCES
)


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of spans."""
    made: Path = tiny.write(tmp_path_factory.mktemp("tag") / "ner.onnx")
    return made


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of plain labels."""
    made: Path = tiny.write(tmp_path_factory.mktemp("tag") / "pos.onnx", scheme="plain", crf=False)
    return made


@pytest.fixture
def tag(run_cli: Cli, names: Path) -> Cli:
    """`tag("text", "--json")` with the model of spans."""
    return lambda *arguments, **more: run_cli("tag", "-m", names, *arguments, **more)


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr or result.exception
    return str(result.stdout)


def failed(result: Result, code: int) -> str:
    assert (result.exit_code, result.stdout) == (code, ""), result.exception
    return str(result.stderr)


def test_texts_from_everywhere_go_everywhere(tag: Cli, tmp_path: Path) -> None:
    wanted = "[LOC Paris]\n"
    assert ok(tag("Paris")) == ok(tag(input="Paris\n")) == ok(tag("-", input="Paris")) == wanted
    (tmp_path / "in.txt").write_text("Paris\r\nParis\n")
    assert ok(tag("-i", tmp_path / "in.txt")) == 2 * wanted
    (tmp_path / "in.txt.gz").write_bytes(gzip.compress(b"Paris"))
    done = tag("-i", tmp_path / "in.txt.gz", "-o", tmp_path / "out.txt")
    assert (ok(done), done.stderr, (tmp_path / "out.txt").read_text()) == ("", "", wanted)
    assert ok(tag(input="")) == ""


def test_each_format(tag: Cli, run_cli: Cli, speech: Path) -> None:
    assert ok(tag(FIRST)) == "Dr. [PER Smith] doesn't like [LOC New York]'s 1,000 cafés.\n"
    rows = ok(tag("Dr. Smith doesn't", "--format", "conll")).split("\n")
    assert [row.split("\t")[0] for row in rows] == ["Dr.", "Smith", "does", "n't", "", ""]
    assert ok(run_cli("tag", "-m", speech, "Paris")) == "Paris/Z\n"
    scored = ok(run_cli("tag", "-m", speech, "Paris", "--with-scores"))
    assert scored.startswith("Paris/Z/") and 0.9 < float(scored.rsplit("/", 1)[1]) <= 1
    told = [json.loads(line) for line in ok(tag("--json", input=f"{FIRST}\n\nParis\n")).splitlines()]
    assert [list(one) for one in told] == [KEYS] * 3
    assert [list(span) for span in told[0]["spans"]] == [SPAN_KEYS] * 2
    assert told[1] == {"text": "", "words": [], "labels": [], "probabilities": [], "offsets": [], "spans": []}
    place = told[0]["spans"][1]
    assert FIRST[place["start"] : place["end"]] == place["text"] == "New York"
    assert told[0]["words"][slice(*place["words"])] == ["New", "York"]


def test_records_keep_their_fields(tag: Cli, tmp_path: Path) -> None:
    lines = '{"id": 4, "body": "Paris"}\n\n'
    told = ok(tag("--text-field", "body", "--json", input=lines)).splitlines()
    assert list(json.loads(told[0])) == ["id", "body", *KEYS[1:]]
    assert json.loads(told[1])["words"] == []
    (tmp_path / "a.jsonl").write_text('{"text": "Paris"}\n')
    assert ok(tag("-i", tmp_path / "a.jsonl")) == "[LOC Paris]\n"
    assert "its field 'text' is not there. Name the field with --text-field" in (
        tag("--json", input=lines).stderr
    )


def test_empty_lines_stay_where_they_are(tag: Cli) -> None:
    assert ok(tag(input="\nParis\n\n   \n\t\n")) == "\n[LOC Paris]\n\n\n\n"


@pytest.mark.parametrize("more", [(), ("--stream",), ("--batch-size", 1)], ids=str)
def test_batches_change_nothing(tag: Cli, more: tuple[object, ...]) -> None:
    texts = [text.replace("\n", " ") for text in [*tiny.TEXTS, *tiny.TEXTS]]
    alone = [ok(tag("--json", "--", text)) for text in texts[: len(tiny.TEXTS)]]
    assert ok(tag("--json", *more, input="\n".join(texts) + "\n")).splitlines(keepends=True) == 2 * alone


def test_words_between_blanks(tag: Cli) -> None:
    told = json.loads(ok(tag("--pretokenized", "--json", "don't  New-York's")))
    assert told["words"] == ["don't", "New-York's"]


def test_a_threshold(tag: Cli, run_cli: Cli, speech: Path) -> None:
    assert ok(tag(FIRST, "--threshold", "1")) == f"{FIRST}\n"
    assert "out of range" in failed(tag("a", "--threshold", "1.5"), 2)
    assert "mark no spans" in failed(run_cli("tag", "-m", speech, "a", "--threshold", "0.5"), 2)


def test_the_most_probable_labels_and_doubts(tag: Cli, run_cli: Cli, speech: Path) -> None:
    told = ok(run_cli("tag", "-m", speech, "Paris", "--top-k", "2"))
    assert re.fullmatch(r"Paris/Z:(0\.9\d|1\.00)\|[XY]:0\.\d\d\n", told)
    assert ok(run_cli("tag", "-m", speech, "Paris", "--abstain", "1")) == "Paris/unsure\n"
    records = ok(run_cli("tag", "-m", speech, "--json", "-k", "1", "--abstain", "1", input="Paris\n\n"))
    first, second = (json.loads(line) for line in records.splitlines())
    assert list(first) == [*KEYS, "alternatives"]
    assert (first["labels"], list(first["alternatives"][0])) == ([None], ["Z"])
    assert second["alternatives"] == []
    rows = ok(tag("Paris", "--format", "conll", "-k", "2")).split("\n")
    assert rows[0].split("\t")[:2] == ["Paris", "B-LOC"] and len(rows[0].split("\t")) == 5
    assert "hold one label each" in failed(tag("Paris", "-k", "2"), 2)
    assert "Use --threshold" in failed(tag("Paris", "--abstain", "0.5"), 2)


def test_colours_on_a_terminal_alone(tag: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ok(tag("Paris")) == "\x1b[36m[LOC Paris]\x1b[0m\n"
    assert "\x1b" not in ok(tag("Paris", "--json"))
    ok(tag("Paris", "-o", tmp_path / "out.txt"))
    assert "\x1b" not in (tmp_path / "out.txt").read_text()
    monkeypatch.setenv("NO_COLOR", "1")
    assert ok(tag("Paris")) == "[LOC Paris]\n"


def test_a_page(tag: Cli, tmp_path: Path) -> None:
    ok(tag("Paris", "--html", tmp_path / "page.html"))
    assert ">Paris<small>LOC</small></mark></p>" in (tmp_path / "page.html").read_text()
    assert "does not exist" in failed(tag("Paris", "--html", tmp_path / "no" / "page.html"), 2)


def test_explanations(tag: Cli, run_cli: Cli, speech: Path, tmp_path: Path) -> None:
    lines = ok(tag("--explain", input=f"{FIRST}\n\nI\n")).splitlines()
    assert lines[0] == ok(tag(FIRST)).rstrip("\n") and lines[3:] == ["", "I"]
    rows = [line.split("\t") for line in lines[1:3]]
    assert [(*row[:2], row[3]) for row in rows] == [("", "PER", "Smith"), ("", "LOC", "New York")]
    assert [word.partition("(")[0] for word in rows[0][4].split()][:4] == ["Dr.", "Smith", "does", "n't"]
    told = [json.loads(line) for line in ok(tag("--explain", "--json", input=f"{FIRST}\n\n")).splitlines()]
    assert [list(one) for one in told] == [[*KEYS, "explanation"]] * 2 and told[1]["explanation"] == []
    place = told[0]["explanation"][1]
    assert list(place) == ["label", "text", "start", "end", "probability", "method", "log_odds", "words"]
    assert (place["label"], place["text"], place["method"]) == ("LOC", "New York", "occlusion")
    assert list(place["words"][0]) == ["text", "start", "end", "effect"] and len(place["words"]) == 11
    faded = json.loads(ok(tag(FIRST, "--explain", "--explain-by", "gradients", "--json")))["explanation"]
    assert [one["method"] for one in faded] == ["gradients"] * 2
    plain = ok(run_cli("tag", "-m", speech, "They like Paris", "--explain")).splitlines()
    assert [line.split("\t")[1:4:2] for line in plain[1:]] == [["X", "They"], ["X", "like"], ["Z", "Paris"]]


def test_explanations_of_chosen_words(tag: Cli) -> None:
    done = tag("--explain", "--word", "2", "--word", "Paris", input="Paris met Jane\nI\n\n")
    lines = ok(done).splitlines()
    assert [line.split("\t")[3] for line in lines if line.startswith("\t")] == ["met", "Paris"]
    assert done.stderr.splitlines() == [
        "Warning: line 2 has 1 word, so --word 2 explains nothing there",
        "Warning: line 2 has no word 'Paris', so --word Paris explains nothing there",
    ]


def test_explanations_as_pictures(tag: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tmp_path / "why.svg"
    assert ok(tag(FIRST, "--explain-to", picture, "--format", "conll")) == ok(tag(FIRST, "--format", "conll"))
    texts = [one.text for one in ElementTree.parse(picture).iter() if one.tag.endswith("}text")]
    assert str(texts[0]).startswith("Smith: PER") and "York" in texts
    ok(tag("--explain-to", tmp_path / "why.html", input=f"{FIRST}\nParis\n"))
    assert (tmp_path / "why.html").read_text().count("<article>") == 3
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[4m\x1b[48;" in ok(tag("Paris", "--explain"))
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in ok(tag("Paris", "--explain"))


def test_a_line_without_end(tag: Cli) -> None:
    result = tag("--json", input=("🙂 \x07a. " + "x" * (LONGEST + 9)).encode() + b"\nParis\n")
    first, second = (json.loads(line) for line in ok(result).splitlines())
    assert first["words"][:2] == ["🙂", "\x07a"]
    assert "".join(first["words"]) == "🙂\x07a." + "x" * (LONGEST - 9)
    assert second["words"] == ["Paris"]
    assert "line 1 is too long and was cut to a megabyte" in result.stderr
    assert "line 1 is too long to be a sentence and was read in 526 parts" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("a", "-i", "b.txt"), 2, "TEXT and --input are both given"),
        (("a", "--json", "--format", "conll"), 2, "both given"),
        (("a", "--batch-size", "0"), 2, "out of range"),
        (("a", "--top-k", "-1"), 2, "out of range"),
        (("a", "--abstain", "2"), 2, "no probability"),
        (("a", "--abstain", "0.5", "-k", "2"), 2, "one label or none"),
        (("-i", "nowhere.txt"), 1, "cannot be read"),
        (("a", "--explain", "--format", "conll"), 2, "Use --json"),
        (("a", "--word", "a"), 2, "Add --explain"),
        (("a", "--explain-by", "gradients"), 2, "Add --explain"),
        (("a", "--explain", "--word", "0"), 2, "counted from 1"),
        (("a", "--explain-to", "a.png"), 2, ".html or .svg"),
    ],
)
def test_what_makes_no_sense(tag: Cli, arguments: tuple[str, ...], code: int, told: str) -> None:
    assert told in failed(tag(*arguments), code)


def test_models_that_are_none(run_cli: Cli, names: Path, tmp_path: Path) -> None:
    assert "no such file" in failed(run_cli("tag", "-m", tmp_path / "no.onnx", "a"), 3)
    assert "it is a model for 'tag', not for 'translate'" in failed(run_cli("translate", "-m", names, "a"), 3)


def test_the_file_checks_itself(run_cli: Cli, names: Path) -> None:
    assert "2 cases, largest difference" in ok(run_cli("info", names, "--check"))


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    """What the models have learnt."""
    (tmp_path / "gold.conll").write_text(GOLD)
    return tmp_path / "gold.conll"


def test_an_evaluation(run_cli: Cli, names: Path, gold: Path) -> None:
    out = ok(run_cli("evaluate", "-m", names, gold, "--train", gold))
    assert "ner.onnx on gold.conll (4 sentences, 32 words)" in out
    assert [row.split()[1] for row in out.splitlines() if row.startswith(("accuracy", "F1"))] == [
        "100.00"
    ] * 2
    assert "each word's usual label" in out and "averaged perceptron" in out
    told = json.loads(ok(run_cli("evaluate", "-m", names, gold, "--json", "--no-floor", "--hardest", "0")))
    assert list(told) == [
        "model", "files", "seconds", "sentences", "words", "figures", "kinds", "labels", "unknown_words",
        "confusions", "confusion", "robustness", "hardest", "floors", "ece", "verdict",
    ]  # fmt: skip
    figures = ["accuracy", "precision", "recall", "f1", "macro_f1", "micro_f1"]
    assert told["figures"] == dict.fromkeys(figures, 1.0)
    assert sum(map(sum, told["confusion"]["words"])) == 32 and told["robustness"] is None
    assert (told["floors"], told["unknown_words"]["words"]) == ({}, 0)


def test_mistakes_are_shown(run_cli: Cli, names: Path, tmp_path: Path) -> None:
    path = tmp_path / "b.conll"
    path.write_text("Jane O B-GPE\nO'Brien O I-GPE\n\nParis O B-LOC\nqqq O O\n")
    result = run_cli("evaluate", "-m", names, path)
    out = ok(result)
    assert "labels that the model does not know count as wrong: B-GPE, I-GPE" in result.stderr
    assert "no floor; name them with --train" in result.stderr
    assert "line 1: Jane/" in out and "(→B-GPE)" in out
    assert "words that the model does not know: 1," in out
    other = ok(run_cli("evaluate", "-m", names, path, "--label-column", "1", "--json"))
    assert json.loads(other)["labels"]["O"]["gold"] == 4


def test_robustness(run_cli: Cli, names: Path, speech: Path, gold: Path) -> None:
    asked = ("evaluate", "-m", names, gold, "--no-floor", "--robustness")
    told = json.loads(ok(run_cli(*asked, "--json")))["robustness"]
    assert list(told[0]) == ["name", "texts", "words", "flipped", "example", "share", "before", "after"]
    never = [one for one in told if one["name"].startswith(("trailing", "CR LF", "Unicode"))]
    assert len(never) == 4 and all(one["flipped"] == 0 for one in never) and never[0]["words"] == 32
    (head,) = (line for line in ok(run_cli(*asked)).splitlines() if line.startswith("change"))
    assert head.split() == ["change", "sentences", "words", "other", "label", "accuracy", "F1"]


def test_confusions_are_drawn(run_cli: Cli, names: Path, gold: Path, tmp_path: Path) -> None:
    asked = ("evaluate", "-m", names, gold, "--no-floor", "--confusion")
    ok(run_cli(*asked, tmp_path / "c.svg"))
    assert ElementTree.parse(tmp_path / "c.svg").getroot().tag.endswith("svg")
    assert "B-PER, said B-PER: 3 (100.0 %)" in (tmp_path / "c.svg").read_text()
    assert "share of the row's words" in (tmp_path / "c.svg").read_text()
    assert "End the name with" in failed(run_cli(*asked, tmp_path / "c.gif"), 2)


def test_nothing_of_the_train_extra_is_needed(
    run_process: Callable[..., Any], names: Path, gold: Path, tmp_path: Path
) -> None:
    for name in ("torch", "onnx", "spox", "safetensors", "sklearn"):
        error = f"ModuleNotFoundError(\"No module named '{name}'\", name='{name}')"
        (tmp_path / f"{name}.py").write_text(f"raise {error}\n")
    env = {"PYTHONPATH": str(tmp_path)}
    done = run_process("tag", "-m", names, "Paris", "--explain", "--explain-by", "gradients", env=env)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("[LOC Paris]\n\tLOC\t")
    scored = run_process("evaluate", "-m", names, gold, "--no-floor", "--robustness", env=env)
    assert scored.returncode == 0 and "upper case" in scored.stdout


def test_sentences_that_cannot_be_evaluated(run_cli: Cli, speech: Path, gold: Path, tmp_path: Path) -> None:
    assert "the model knows none of its labels (B-LOC, B-ORG" in failed(
        run_cli("evaluate", "-m", speech, gold), 1
    )
    (tmp_path / "a.conll").write_text("a X\nb\n")
    assert "a.conll, line 2: it has 1 column" in failed(
        run_cli("evaluate", "-m", speech, tmp_path / "a.conll"), 1
    )
    cause = failed(run_cli("evaluate", "-m", speech, gold, "--train", tmp_path), 1)
    assert "the model knows none" in cause or "no run folder" in cause
