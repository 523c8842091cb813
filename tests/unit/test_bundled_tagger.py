"""The tagger that comes along: small, attributed, right about plain sentences."""

from __future__ import annotations

import seqtools
from seqtools import loader
from seqtools.bundled import bundled_model
from seqtools.model_file import ModelFile

PATH = bundled_model(loader.task("tag"))


def test_it_is_small_and_says_where_it_comes_from() -> None:
    model = ModelFile.open(PATH, expect_task="tag")
    assert model.profile == "int8"
    assert len(model.data) <= 2_000_000
    assert "CC BY-SA 4.0" in model.card["licence"]
    assert len(model.card["labels"]) == 17
    assert model.card["metrics"]["validation"]["accuracy"] > 0.945
    assert model.card["calibration"]["after"]["ece"] < model.card["calibration"]["before"]["ece"]
    assert model.card["int8"]["loss"] <= 0.3


def test_it_labels_words() -> None:
    told = seqtools.load(PATH).tag("She can't find the red ball, can she?")
    pairs = " ".join(f"{word}/{label}" for word, label in zip(told.words, told.labels, strict=True))
    assert pairs == (
        "She/PRON ca/AUX n't/PART find/VERB the/DET red/ADJ ball/NOUN ,/PUNCT can/AUX she/PRON ?/PUNCT"
    )


def test_the_command_needs_no_model(run_cli: object) -> None:
    done = run_cli("tag", "Dogs run.")  # type: ignore[operator]
    assert done.exit_code == 0
    assert done.stdout == "Dogs/NOUN run/VERB ./PUNCT\n"


def test_the_checks_inside_pass(run_cli: object) -> None:
    done = run_cli("info", PATH, "--check")  # type: ignore[operator]
    assert done.exit_code == 0, done.stderr
