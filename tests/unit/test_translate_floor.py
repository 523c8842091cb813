"""The floor of a run: on the pairs the network is judged by, learnt from the training pairs alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqtools.recipe_options import layered
from seqtools_translate.dictionary import Dictionary
from seqtools_translate.floor import COPYING, DICTIONARY, floor_translations, run_floor
from seqtools_translate.recipe import TranslateRecipe
from seqtools_translate.run_folder import TranslateRun
from seqtools_translate.scores import validation_scores

SOURCES = ["the house is small", "a red house stands here", "the red book is small", "a small book lies here"]
WORDS = {
    "the": "das", "a": "ein", "house": "Haus", "book": "Buch", "is": "ist", "small": "klein", "red": "rotes",
    "stands": "steht", "lies": "liegt", "here": "hier",
}  # fmt: skip
TARGETS = [" ".join(WORDS[word] for word in line.split()) for line in SOURCES]


@pytest.fixture
def run(tmp_path: Path) -> TranslateRun:
    run = TranslateRun(tmp_path)
    (tmp_path / "data").mkdir()
    for side, lines in (("source", SOURCES), ("target", TARGETS)):
        run.write_texts("train", side, lines)
        run.write_texts("valid", side, [*lines[1:], "never looked at"])
    recipe, _ = layered(TranslateRecipe, None, None, ("training.valid_pairs=3",), {})
    run.write_recipe(recipe)
    return run


def test_a_runs_floor(run: TranslateRun) -> None:
    said: list[str] = []
    told = json.loads(json.dumps(run_floor(run, said.append)))
    assert set(told["systems"]) == {COPYING, DICTIONARY} and told["pairs"] == 3
    assert told["systems"][COPYING] == validation_scores(SOURCES[1:], TARGETS[1:])
    dictionary = Dictionary.from_payload(json.loads((run.path / "dictionary.json").read_text()))
    assert dictionary == Dictionary.learn(zip(SOURCES, TARGETS, strict=True))
    translated = [dictionary.translate(line) for line in SOURCES[1:]]
    assert told["systems"][DICTIONARY] == validation_scores(translated, TARGETS[1:])
    assert told["systems"][DICTIONARY]["bleu"] > 30 > told["systems"][COPYING]["bleu"]
    assert len(said) == 1 and "copying the source" in said[0]


def test_without_a_dictionary_only_copying_is_left() -> None:
    assert floor_translations(["a", ""], None) == {COPYING: ["a", ""]}
    made = floor_translations(["a b", ""], Dictionary({"a": "x"}))
    assert made == {COPYING: ["a b", ""], DICTIONARY: ["x b", ""]}
