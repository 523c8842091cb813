"""`seqtools evaluate` for classifiers, with small real files."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import Result

Cli = Callable[..., Result]
unit = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(unit / "tiny_classifier.py")))
KEYS = [
    "model", "files", "seconds", "texts", "blank", "objective", "classes", "accuracy", "macro_f1", "micro_f1",
    "nll", "ece", "accuracy_interval", "per_class", "confusion", "abstaining", "errors", "robustness",
    "floors", "verdict",
]  # fmt: skip


def write(path: Path, objective: str, count: int, seed: int) -> Path:
    rows = (
        " ".join(f"__label__{label}" for label in one.labels) + f" {one.text}\n"
        for one in tiny.examples(objective, count, seed)
    )
    path.write_text("".join(rows))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files `KIND.onnx`, and `KIND.test` and `KIND.train` texts."""
    made = tmp_path_factory.mktemp("classifiers")
    for kind in ("softmax", "sigmoid"):
        tiny.write(made / f"{kind}.onnx", kind)
        write(made / f"{kind}.test", kind, 80, 9)
        write(made / f"{kind}.train", kind, 240, 1)
    return made


@pytest.fixture
def evaluate(run_cli: Cli, folder: Path) -> Cli:
    def run(*arguments: object, kind: str = "softmax") -> Result:
        return run_cli("evaluate", "-m", folder / f"{kind}.onnx", *arguments)

    return run


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr or result.exception
    return str(result.stdout)


def test_golden_keys(evaluate: Cli, folder: Path) -> None:
    told = json.loads(ok(evaluate(folder / "softmax.test", "--json")))
    assert list(told) == KEYS
    assert (told["texts"], told["classes"], told["objective"]) == (80, ["negative", "positive"], "softmax")
    assert told["accuracy"] > 0.8 and told["floors"] == {} and told["robustness"] is None
    assert [list(row) for row in told["per_class"]] == [["label", "precision", "recall", "f1", "support"]] * 2
    assert sum(map(sum, told["confusion"])) == 80
    assert list(told["abstaining"][0]) == ["coverage", "abstain", "accuracy"]
    assert "--train" in told["verdict"]


def test_linear_models_and_robustness_beside_it(evaluate: Cli, folder: Path) -> None:
    done = evaluate(folder / "softmax.test", "--train", folder / "softmax.train", "--robustness", "--json")
    told = json.loads(ok(done))
    assert list(told["floors"]) == ["NB-SVM", "TF-IDF + logistic regression"]
    assert all(list(one) == ["accuracy", "macro_f1", "micro_f1"] for one in told["floors"].values())
    assert all(one["accuracy"] > 0.7 for one in told["floors"].values())
    assert list(told["robustness"][0]) == ["name", "texts", "flipped", "example", "share"]
    never = [one for one in told["robustness"] if one["name"].startswith(("trailing", "CR LF", "Unicode"))]
    assert len(never) == 4 and all(one["flipped"] == 0 for one in never)
    assert "linear model" in told["verdict"] or "beats" in told["verdict"]
    assert "stand in the training texts" in done.stderr  # tiny texts repeat


def test_table(evaluate: Cli, folder: Path) -> None:
    lines = ok(evaluate(folder / "softmax.test", "--train", folder / "softmax.train")).splitlines()
    assert lines[0].startswith("softmax.onnx on ") and lines[0].endswith("(80 texts, 2 classes)")
    assert "NB-SVM" in lines[1] and "linear" in lines[-1]
    assert any(line.startswith("right \\ said") for line in lines)


def test_several_labels(evaluate: Cli, folder: Path) -> None:
    done = evaluate(folder / "sigmoid.test", "--train", folder / "sigmoid.train", "--json", kind="sigmoid")
    told = json.loads(ok(done))
    assert list(told) == KEYS
    assert told["confusion"] is None and told["abstaining"] == []
    assert [row["label"] for row in told["per_class"]] == ["praise", "blame", "doubt"]
    assert len(told["floors"]) == 2


def test_mistakes_are_shown(evaluate: Cli, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("verdict,what\nnegative,a lovely film\nnegative,bad\npositive,lovely\n")
    asked = (tmp_path / "f.csv", "--text", "what", "--label", "verdict")
    told = json.loads(ok(evaluate(*asked, "--json")))
    (worst,) = told["errors"]
    assert (worst["text"], worst["gold"], worst["label"]) == ("a lovely film", ["negative"], ["positive"])
    assert worst["where"].endswith("f.csv, line 2")
    assert "a lovely film" in ok(evaluate(*asked)) and "hardest" not in ok(evaluate(*asked, "--errors", 0))


def test_blank_texts_are_scored_and_told(evaluate: Cli, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text('text,label\n"",negative\nbad,negative\nlovely,positive\n')
    assert json.loads(ok(evaluate(tmp_path / "f.csv", "--json")))["blank"] == 1
    assert "without a token, which get the shares of training as their answer: 1" in ok(
        evaluate(tmp_path / "f.csv")
    )


def test_confusions_are_drawn(evaluate: Cli, folder: Path, tmp_path: Path) -> None:
    ok(evaluate(folder / "softmax.test", "--confusion", tmp_path / "c.svg"))
    assert "negative, said negative" in (tmp_path / "c.svg").read_text()
    assert ElementTree.parse(tmp_path / "c.svg").getroot().tag.endswith("svg")


@pytest.mark.parametrize(
    ("rows", "code", "says"),
    [
        ("text,label\nbad,awful\nlovely,positive\n", 1, "'awful' (1x)"),
        ("name,value\nbad\n", 1, "line 2"),
        ("", 1, "empty"),
        (None, 1, "no such file"),
    ],
    ids=["foreign label", "short row", "empty", "missing"],
)
def test_bad_texts(evaluate: Cli, tmp_path: Path, rows: str | None, code: int, says: str) -> None:
    if rows is not None:
        (tmp_path / "f.csv").write_text(rows)
    done = evaluate(tmp_path / "f.csv")
    assert (done.exit_code, done.stdout) == (code, "") and says in done.stderr


def test_columns_that_are_not_there_are_told(evaluate: Cli, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("text,label\nbad,negative\nlovely,positive\n")
    done = evaluate(tmp_path / "f.csv", "--label", "stars")
    assert done.exit_code == 1 and "stars" in done.stderr and "label" in done.stderr


def test_bad_options(evaluate: Cli, folder: Path, tmp_path: Path) -> None:
    for arguments, says in (
        ((), "Name a file"),
        ((folder / "softmax.test", "--confusion", "c.gif"), ".svg or .png"),
        ((folder / "softmax.test", "--errors", -1), "-1"),
    ):
        done = evaluate(*arguments)
        assert (done.exit_code, done.stdout) == (2, "") and says in done.stderr
    several = evaluate(folder / "sigmoid.test", "--confusion", tmp_path / "c.svg", kind="sigmoid")
    assert several.exit_code == 2 and "exclude" in several.stderr


def test_labels_of_the_training_texts_must_be_the_models(evaluate: Cli, folder: Path) -> None:
    done = evaluate(folder / "softmax.test", "--train", folder / "sigmoid.train")
    assert done.exit_code == 1 and "training texts" in done.stderr


def test_what_the_card_tells_is_told(run_cli: Cli, folder: Path, tmp_path: Path) -> None:
    metrics = {"validation": {"accuracy": 0.9}, "floor": {"systems": {"NB-SVM": {"accuracy": 0.85}}}}
    path = tiny.write(tmp_path / "told.onnx", metrics=metrics)
    lines = ok(run_cli("evaluate", "-m", path, folder / "softmax.test")).splitlines()
    assert lines[-2] == "On validation, by the card: network 90.00, NB-SVM 85.00."


def test_help_documents_the_tasks_options(evaluate: Cli) -> None:
    told = ok(evaluate("--help"))
    assert all(name in told for name in ("--train", "--robustness", "--confusion", "--errors", "--text"))
