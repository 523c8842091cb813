"""The translator that comes along: small, attributed, as good as its card says."""

from __future__ import annotations

from pathlib import Path

import pytest

import seqtools
from seqtools import loader
from seqtools.bundled import bundled_model
from seqtools.model_file import ModelFile
from seqtools.texts import decode, split_lines

PATH = bundled_model(loader.task("translate"))


def test_it_is_small_and_says_where_it_comes_from() -> None:
    model = ModelFile.open(PATH, expect_task="translate")
    assert model.profile == "int8"
    assert len(model.data) <= 8_000_000
    assert "tatoeba.org" in model.card["licence"]
    assert model.card["languages"] == {"source": "es", "target": "en"}
    assert model.card["int8"]["loss"] <= 0.3
    floors = model.card["metrics"]["floor"]["systems"]
    assert model.card["metrics"]["validation"]["bleu"] > 10 + max(one["bleu"] for one in floors.values())


@pytest.mark.parametrize(
    ("spanish", "english"),
    [
        ("No quiero ir a la escuela.", "I don't want to go to school."),
        ("Hace mucho frío hoy.", "It's very cold today."),
        ("", ""),
    ],
)
def test_it_translates(spanish: str, english: str) -> None:
    assert seqtools.load(PATH).translate(spanish) == english


def test_it_does_better_than_a_dictionary_on_the_sample() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    sample = Path(str(PATH)).parents[1] / "samples" / "spanish-english.tsv.gz"
    pairs = [line.split("\t") for line in split_lines(decode(sample))][:60]
    told = seqtools.load(PATH).translate_batch([pair[0] for pair in pairs], beam_size=1, attention=False)
    bleu = sacrebleu.corpus_bleu([one.text for one in told], [[pair[1] for pair in pairs]]).score
    assert bleu > 25  # a word-by-word dictionary has 22 to 25; most of the sample was learnt from


def test_the_command_needs_no_model(run_cli: object) -> None:
    done = run_cli("translate", "Hace mucho frío hoy.")  # type: ignore[operator]
    assert done.exit_code == 0
    assert done.stdout == "It's very cold today.\n"


def test_the_checks_inside_pass(run_cli: object) -> None:
    done = run_cli("info", PATH, "--check")  # type: ignore[operator]
    assert done.exit_code == 0, done.stderr
