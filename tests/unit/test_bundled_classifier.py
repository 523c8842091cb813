"""The classifier that comes along: small, attributed, ahead of what it must beat."""

from __future__ import annotations

import seqtools
from seqtools import loader
from seqtools.bundled import bundled_model
from seqtools.model_file import ModelFile

PATH = bundled_model(loader.task("sentiment"))


def test_it_is_small_and_says_where_it_comes_from() -> None:
    model = ModelFile.open(PATH, expect_task="sentiment")
    assert model.profile == "int8"
    assert len(model.data) <= 2_000_000
    assert "CC BY 4.0" in model.card["licence"]
    assert model.card["labels"] == ["con", "pro"]
    floors = model.card["metrics"]["floor"]["systems"]
    best = max(one["accuracy"] for one in floors.values())
    assert model.card["metrics"]["validation"]["accuracy"] > best
    assert model.card["int8"]["loss"] <= 0.3


def test_it_tells_praise_from_fault() -> None:
    classifier = seqtools.load(PATH)
    told = classifier.classify_batch(
        ["Easy to use, great pictures", "Broke after two weeks, poor service", ""]
    )
    assert [one.label for one in told[:2]] == ["pro", "con"]
    assert told[0].score > 0.5 and told[1].score < -0.5
    assert told[2].blank


def test_the_command_needs_no_model(run_cli: object) -> None:
    for name in ("sentiment", "classify"):
        done = run_cli(name, "Easy to use, great pictures")  # type: ignore[operator]
        assert done.exit_code == 0
        assert done.stdout.startswith("pro\t")


def test_the_checks_inside_pass(run_cli: object) -> None:
    done = run_cli("info", PATH, "--check")  # type: ignore[operator]
    assert done.exit_code == 0, done.stderr
