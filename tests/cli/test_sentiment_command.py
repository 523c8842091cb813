"""`seqtools sentiment` and `classify` as a person meets them, with small real files."""

from __future__ import annotations

import gzip
import json
import runpy
import unicodedata
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

Cli = Callable[..., Result]
unit = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(unit / "tiny_classifier.py")))
LINES = "A lovely film\n\nbad\n \nnot lovely\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("classifiers")
    return {
        "softmax": tiny.write(folder / "softmax.onnx"),
        "sigmoid": tiny.write(folder / "sigmoid.onnx", "sigmoid"),
        "ids": tiny.write(folder / "ids.onnx", "softmax", "sentencepiece", form="ids"),
        "char": tiny.write(folder / "char.onnx", "softmax", "char"),
        "byte": tiny.write(folder / "byte.onnx", "softmax", "byte"),
    }


@pytest.fixture
def judge(run_cli: Cli, files: dict[str, Path]) -> Cli:
    def run(*arguments: object, **more: Any) -> Result:
        return run_cli("sentiment", "-m", files["softmax"], *arguments, **more)

    return run


@pytest.fixture
def several(run_cli: Cli, files: dict[str, Path]) -> Cli:
    def run(*arguments: object, **more: Any) -> Result:
        return run_cli("classify", "-m", files["sigmoid"], *arguments, **more)

    return run


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr or result.exception
    return str(result.stdout)


def labels(result: Result) -> list[str]:
    return [line.partition("\t")[0] for line in ok(result).splitlines()]


def test_texts_from_everywhere_go_everywhere(judge: Cli, tmp_path: Path) -> None:
    assert labels(judge("A lovely film")) == ["positive"]
    label, share = ok(judge("bad")).rstrip("\n").split("\t")
    assert label == "negative" and 0.5 < float(share) <= 1 and len(share) == 6
    wanted = ok(judge(input=LINES))
    assert wanted.count("\n") == LINES.count("\n")
    (tmp_path / "in.txt").write_text(LINES)
    (tmp_path / "in.gz").write_bytes(gzip.compress(LINES.encode()))
    assert ok(judge("-", input=LINES)) == ok(judge("-i", "-", input=LINES)) == wanted
    assert ok(judge("-i", tmp_path / "in.txt")) == ok(judge("-i", tmp_path / "in.gz")) == wanted
    done = judge("-i", tmp_path / "in.txt", "-o", tmp_path / "out.txt")
    assert (ok(done), done.stderr, (tmp_path / "out.txt").read_text()) == ("", "", wanted)
    assert ok(judge(input="")) == "" and ok(judge("")) == "\n"


def test_classify_is_the_same(run_cli: Cli, judge: Cli, files: dict[str, Path]) -> None:
    assert ok(run_cli("classify", "-m", files["softmax"], input=LINES)) == ok(judge(input=LINES))


def test_blank_lines_stay_blank(judge: Cli, several: Cli) -> None:
    for command in (judge, several):
        assert [bool(line) for line in ok(command(input=LINES)).splitlines()] == [True, False] * 2 + [True]


@pytest.mark.parametrize("more", [("--stream",), ("--batch-size", 1), ("--batch-size", 100)], ids=str)
def test_how_lines_are_batched_changes_nothing(judge: Cli, more: tuple[object, ...]) -> None:
    text = "".join(f"{one.text}\n" for one in tiny.examples()[:50])
    assert ok(judge(*more, input=text)) == ok(judge(input=text))


@pytest.mark.parametrize("kind", ["softmax", "ids", "char", "byte"])
def test_line_ends_and_unicode_forms_change_no_label(run_cli: Cli, files: dict[str, Path], kind: str) -> None:
    texts = [one.text for one in tiny.examples()[:40]] + [
        "A lov\u00e9ly film",
        "na\u00efve pl\u014dt, not bad",
    ]

    def told(end: str, form: Any, last: bool = True) -> str:
        whole = end.join(unicodedata.normalize(form, text) for text in texts) + end * last
        return ok(run_cli("sentiment", "-m", files[kind], input=whole.encode()))

    wanted = told("\n", "NFC")
    assert wanted == told("\r\n", "NFC") == told("\n", "NFC", last=False) == told("\r\n", "NFD")
    one = texts[3]
    alone = ok(run_cli("sentiment", "-m", files[kind], one))
    for text in (f"{one}\r", f" {one}  "):
        assert ok(run_cli("sentiment", "-m", files[kind], text)) == alone
    records = [json.dumps({"text": text}) for text in (one, f"{one}\n", f"{one}\r\n\r\n")]
    rows = ok(run_cli("sentiment", "-m", files[kind], "--json", input="\n".join(records))).splitlines()
    assert len({json.dumps(json.loads(row)["probabilities"]) for row in rows}) == 1


@budget(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(texts=st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=9)))
def test_as_many_lines_come_out_as_go_in(judge: Cli, texts: list[str]) -> None:
    out = ok(judge("--explain", input="".join(f"{text}\n" for text in texts).encode()))
    assert out.count("\n") == len(texts)
    for text, line in zip(texts, out.split("\n"), strict=False):
        assert bool(line) == bool(text.strip())


def test_json_lines_golden_keys(judge: Cli, several: Cli) -> None:
    one, blank = map(json.loads, ok(judge("--json", input="bad\n\n")).splitlines())
    assert list(one) == ["text", "label", "score", "probabilities", "tokens"]
    assert list(one["probabilities"]) == ["negative", "positive"]
    assert (one["text"], one["label"], one["tokens"]) == ("bad", "negative", 1) and one["score"] < 0
    assert (blank["text"], blank["label"], blank["score"], blank["tokens"]) == ("", None, None, 0)
    many = json.loads(ok(several("--json", "Not good, not good at all!")))
    assert list(many) == ["text", "label", "labels", "score", "probabilities", "tokens"]
    assert many["score"] is None and sorted(many["labels"]) == ["blame", "doubt"]


def test_records_keep_their_other_fields(judge: Cli, tmp_path: Path) -> None:
    rows = '{"id": 7, "review": "bad"}\n\n{"id": 8, "review": "lovely", "more": [1]}\n'
    (tmp_path / "in.jsonl").write_text(rows)
    told = ok(judge("-i", tmp_path / "in.jsonl", "--text-field", "review", "--json")).splitlines()
    first, blank, last = map(json.loads, told)
    assert (first["id"], first["review"], first["label"]) == (7, "bad", "negative")
    assert (last["id"], last["more"], last["label"]) == (8, [1], "positive") and blank["label"] is None
    plain = judge("-i", tmp_path / "in.jsonl", "--text-field", "review")
    assert labels(plain) == ["negative", "", "positive"]
    mixed = ok(judge("--json", input='bad\n{"text": "lovely", "n": 1}\n')).splitlines()
    assert [json.loads(row)["label"] for row in mixed] == ["negative", "positive"]
    lost = judge("-i", tmp_path / "in.jsonl")
    assert lost.exit_code == 1 and "line 1" in lost.stderr and "--text-field" in lost.stderr


def test_the_best_labels(judge: Cli, several: Cli) -> None:
    name, first, other, second = ok(judge("bad", "--top-k", 2)).split("\t")
    assert (name, other) == ("negative", "positive")
    assert float(first) + float(second) == pytest.approx(1, abs=1e-4)
    assert ok(several("bad", "-k", 3)).count("\t") == 5
    assert ok(several("bad", "-k", 3, "--threshold", 0.5)).count("\t") == 1
    assert len(json.loads(ok(several("bad", "-k", 2, "--json")))["probabilities"]) == 2
    bad = judge("bad", "--top-k", 3)
    assert bad.exit_code == 2 and "negative, positive" in bad.stderr


def test_thresholds_and_abstaining(judge: Cli, several: Cli) -> None:
    assert labels(judge("x", "--abstain", 1)) == ["unsure"]
    assert json.loads(ok(judge("x", "--abstain", 1, "--json")))["label"] is None
    assert ok(several("it is", "--threshold", 1)) == "\n"
    assert json.loads(ok(several("it is", "--threshold", 1, "--json")))["labels"] == []
    assert ok(several("it is", "--threshold", 0)).count("\t") == 5


def test_explanations(judge: Cli, tmp_path: Path) -> None:
    text = "the film was awful"
    line = ok(judge(text, "--explain", env={"TERM": "xterm"}))
    label, _, words = line.rstrip("\n").split("\t")
    effects = {word.partition("(")[0]: float(word.partition("(")[2].rstrip(")")) for word in words.split()}
    assert label == "negative" and max(effects, key=lambda word: effects[word]) == "awful"
    record = json.loads(ok(judge(text, "--explain", "--json")))["explanation"]
    assert list(record) == ["label", "method", "log_odds", "words"]
    assert [text[word["start"] : word["end"]] for word in record["words"]] == text.split()
    assert list(record["words"][0]) == ["text", "start", "end", "effect"]
    faded = json.loads(ok(judge(text, "--explain", "--explain-by", "gradients", "--json")))["explanation"]
    assert (record["method"], faded["method"]) == ("occlusion", "gradients")
    assert max(faded["words"], key=lambda word: word["effect"])["text"] == "awful"
    done = judge("--explain-to", tmp_path / "why.svg", input=f"{text}\n\nlovely\n")
    assert labels(done) == ["negative", "", "positive"] and ok(done).count("\t") == 2
    drawn = [one.text for one in ElementTree.parse(tmp_path / "why.svg").iter() if one.tag.endswith("}text")]
    assert "awful" in drawn and "lovely" in drawn
    ok(judge(text, "--explain-to", tmp_path / "why.html"))
    assert ">awful</mark>" in (tmp_path / "why.html").read_text()


def test_colours_where_they_are_wanted(judge: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from seqtools.pictures import terminal

    monkeypatch.setattr(terminal, "colours", lambda stream: 256)
    assert "\033[48;5;" in ok(judge("awful", "--explain"))
    ok(judge("awful", "--explain", "-o", tmp_path / "out.txt"))
    assert "\033" not in (tmp_path / "out.txt").read_text()


def test_the_environment_decides_on_colours(judge: Cli) -> None:
    assert "\033[48;5;" in ok(judge("awful", "--explain", env={"FORCE_COLOR": "1", "COLORTERM": ""}))
    both = {"FORCE_COLOR": "1", "NO_COLOR": "1"}
    assert "\033" not in ok(judge("awful", "--explain", env=both))


def test_a_picture_holds_only_so_many_texts(
    judge: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from seqtools.explaining import drawing

    monkeypatch.setattr(drawing, "MOST_DRAWN", 2)
    done = judge("--explain-to", tmp_path / "why.html", input="bad\ngood\nawful\n")
    assert len(labels(done)) == 3 and "first 2 of 3 texts" in done.stderr
    assert (tmp_path / "why.html").read_text().count("<article>") == 2


def test_a_megabyte_is_labelled_and_more_is_told(judge: Cli) -> None:
    done = judge(input="lovely " * 140_000 + "\nbad\n")
    assert labels(done) == ["positive", "negative"] and done.stderr == ""
    done = judge(input="lovely " * 160_000 + "\nbad\n")
    assert labels(done) == ["positive", "negative"]
    assert done.stderr == "Warning: line 1 is too long and was cut to a megabyte\n"


def test_odd_texts_are_answered(judge: Cli) -> None:
    odd = "\U0001f600\n\x00\x07\x1b[0m\na\u0085b\u2028c\n\ufffe\n"
    assert ok(judge(input=odd.encode())).count("\n") == 4


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("a", "-i", "b"), 2, "both given"),
        (("a", "--threshold", 0.3), 2, "--abstain"),
        (("a", "--abstain", 2), 2, "0 to 1"),
        (("a", "--top-k", 0), 2, "1 or more"),
        (("a", "--batch-size", 0), 2, "1 or more"),
        (("a", "--top-k", 1, "--abstain", 0.5), 2, "--json"),
        (("a", "--explain-to", "x.png"), 2, ".html or .svg"),
        (("a", "--explain-by", "gradients"), 2, "Add --explain"),
        (("a", "--explain-to", "nowhere/x.svg"), 2, "Make it first"),
        (("-i", "nowhere.txt"), 1, "nowhere.txt"),
        (("a", "--deadline", 0), 2, "above 0"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_told_in_one_line(
    judge: Cli, options: tuple[object, ...], code: int, says: str
) -> None:
    done = judge(*options)
    assert (done.exit_code, done.stdout) == (code, "")
    assert says in done.stderr and done.stderr.count("\n") == 1


def test_bad_texts_and_models(judge: Cli, run_cli: Cli, tmp_path: Path) -> None:
    bad = judge(input=b"good\n\xff\n")
    assert bad.exit_code == 1 and "line 2" in bad.stderr and labels_of(bad) == ["positive"]
    (tmp_path / "not.onnx").write_text("no")
    for name in ("not.onnx", "none.onnx"):
        done = run_cli("sentiment", "-m", tmp_path / name, "a")
        assert done.exit_code == 3 and done.stderr.count("\n") == 1 and name in done.stderr


def labels_of(result: Result) -> list[str]:
    return [line.partition("\t")[0] for line in result.stdout.splitlines()]


def test_the_bundled_model_is_taken_by_default(
    run_cli: Cli, judge: Cli, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqtools import bundled

    monkeypatch.setattr(bundled, "bundled_model", lambda task: files["softmax"])
    assert ok(run_cli("sentiment", "bad")) == ok(judge("bad"))


def test_nothing_of_the_train_extra_is_needed(
    run_process: Callable[..., Any], files: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("torch", "onnx", "spox", "safetensors", "sklearn"):
        error = f"ModuleNotFoundError(\"No module named '{name}'\", name='{name}')"
        (tmp_path / f"{name}.py").write_text(f"raise {error}\n")
    (tmp_path / "f.csv").write_text("text,label\nbad,negative\nlovely,positive\n")
    env, model = {"PYTHONPATH": str(tmp_path)}, files["softmax"]
    done = run_process("sentiment", "-m", model, "awful", "--explain", env=env)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("negative\t")
    scored = run_process("evaluate", "-m", model, tmp_path / "f.csv", "--robustness", env=env)
    assert scored.returncode == 0 and "ECE" in scored.stdout
    asked = ("evaluate", "-m", model, tmp_path / "f.csv", "--train", tmp_path / "f.csv")
    fitted = run_process(*asked, env=env)
    assert fitted.returncode == 4 and "seqtools-suite[train]" in fitted.stderr
