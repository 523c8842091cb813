"""Classifying and explaining with files: real ones, small, in every form and of every kind of label."""

from __future__ import annotations

import math
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

import seqtools
from seqtools.errors import ModelFileError, UsageError
from seqtools.explaining.explanation import MOST_PIECES, Explanation
from seqtools.model_file import ModelFile
from seqtools_sentiment.explanation import cut, left_out, log_odds
from seqtools_sentiment.probabilities import probabilities
from seqtools_sentiment.results import Choice, Classification
from seqtools_sentiment.run import Classifier, open_classifier

tiny: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_classifier.py"))))
KINDS = ("softmax", "ordinal", "sigmoid", "blended", "ids")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Classifier]:
    folder = tmp_path_factory.mktemp("classifiers")
    for kind in ("softmax", "ordinal", "sigmoid"):
        tiny.write(folder / f"{kind}.onnx", kind)
    tiny.write(folder / "blended.onnx", blended=True)
    tiny.write(folder / "ids.onnx", "softmax", "sentencepiece", form="ids")
    return {kind: seqtools.load(folder / f"{kind}.onnx") for kind in KINDS}


def same(one: Classification, other: Classification) -> bool:
    return replace(one, text="") == replace(other, text="")


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_gets_one_answer_alone_and_among_others(models: dict[str, Classifier], kind: str) -> None:
    model = models[kind]
    texts = [*tiny.TEXTS, *(one.text for one in tiny.examples()[:40]), "good " * 60]
    together = model.classify_batch(texts, batch_size=7)
    assert [one.text for one in together] == texts
    assert together == [model.classify(text) for text in texts] == model.classify_batch(texts)
    for one in together:
        assert list(one.probabilities) == list(model.classes)
        assert one.label == one.top(1)[0][0] and one.probability == max(one.probabilities.values())
        assert (one.score is None) == (kind == "sigmoid")
        assert one.tokens <= model.max_length and (one.tokens > 0) == bool(one.text.strip())


def test_labels_are_those_that_were_learned(models: dict[str, Classifier]) -> None:
    for kind in ("softmax", "ordinal", "sigmoid"):
        held_out = tiny.examples(kind, 60, 11)
        said = models[kind].classify_batch([one.text for one in held_out])
        right = [set(one.labels) == set(example.labels) for one, example in zip(said, held_out, strict=True)]
        assert np.mean(right) > 0.8


def test_the_score_is_the_mean_place(models: dict[str, Classifier]) -> None:
    for kind in ("softmax", "ordinal"):
        one = models[kind].classify("a very good film")
        places = np.linspace(-1, 1, len(one.probabilities))
        assert one.score == pytest.approx(float(places @ list(one.probabilities.values())), abs=1e-6)
        assert one.score > 0.9 > -0.9 > models[kind].classify("bad").score


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_without_a_token_gets_the_shares_of_training(models: dict[str, Classifier], kind: str) -> None:
    shares = tiny.parts(kind if kind in tiny.LABELS else "softmax").prior
    for text in ("", " \t\n", "\0"):
        one = models[kind].classify(text)
        assert (one.tokens, one.blank) == (0, not text.strip())
        assert np.allclose(list(one.probabilities.values()), shares, atol=1e-6)


@pytest.mark.parametrize("kind", ["softmax", "blended"])
@budget(max_examples=30, deadline=None, derandomize=True)
@given(
    text=st.text(st.characters(exclude_categories=[]), max_size=30), end=st.sampled_from(["\n", "\r\n", " "])
)
def test_any_text_is_answered_and_its_end_does_not_count(
    models: dict[str, Classifier], kind: str, text: str, end: str
) -> None:
    one = models[kind].classify(text)
    assert sum(one.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert same(one, models[kind].classify(text + end))


def test_a_megabyte_is_answered_at_once(models: dict[str, Classifier]) -> None:
    for text in ("good " * 200_000, "x" * 1_000_000, "\n" * 1_000_000):
        together = models["blended"].classify_batch([text, "bad"])
        assert together[0].tokens <= models["blended"].max_length
        assert together[1] == models["blended"].classify("bad")


def test_which_labels_count(models: dict[str, Classifier]) -> None:
    text = "The not dull film"
    one = models["ordinal"].classify(text)
    assert one.labels == (one.label,) and not one.abstains
    unsure = models["ordinal"].classify(text, abstain=one.probability + 0.01)
    assert unsure.labels == () and unsure.abstains and unsure.label == one.label
    assert models["ordinal"].classify(text, abstain=one.probability).labels == one.labels
    several = models["sigmoid"].classify("Not good, not good at all!")
    assert set(several.labels) == {"blame", "doubt"}
    assert several.labels[0] == several.label
    assert models["sigmoid"].classify("it is", threshold=1.0).labels == ()
    every = models["sigmoid"].classify("it is", threshold=0.0)
    assert every.labels == tuple(name for name, _ in every.top(3))


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("softmax", {"threshold": 0.4}, "--abstain"),
        ("sigmoid", {"abstain": 0.4}, "--threshold"),
        ("softmax", {"abstain": 1.5}, "from 0 to 1"),
        ("sigmoid", {"threshold": -0.5}, "from 0 to 1"),
        ("softmax", {"abstain": math.nan}, "from 0 to 1"),
        ("softmax", {"batch_size": 0}, "1 or more"),
    ],
)
def test_options_that_make_no_sense(
    models: dict[str, Classifier], kind: str, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        models[kind].classify("good", **options)


def test_no_text_no_answer(models: dict[str, Classifier]) -> None:
    assert models["softmax"].classify_batch([]) == []
    assert len(models["softmax"].classify_batch("good")) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seqtools.reading": ""}, "seqtools.reading"),
        ({"seqtools.reading": '{"max_length": 4}'}, "how much it reads"),
        ({"seqtools.labels": "[]"}, "seqtools.labels"),
        ({"seqtools.labels": '{"names": []}'}, "damaged"),
    ],
)
def test_files_that_lack_something(models: dict[str, Classifier], change: dict[str, str], says: str) -> None:
    file = models["softmax"].file
    with pytest.raises(ModelFileError, match=says):
        open_classifier(replace(file, metadata={**file.metadata, **change}))


def test_a_file_of_ids_needs_its_tokenizer(models: dict[str, Classifier]) -> None:
    with pytest.raises(ModelFileError, match="tokenizer"):
        open_classifier(replace(models["ids"].file, tokenizer={}))


def test_a_file_of_another_shape(models: dict[str, Classifier], tmp_path: Path) -> None:
    other = ModelFile.open(tiny.write(tmp_path / "other.onnx", "sigmoid"))
    labels = models["softmax"].file.metadata["seqtools.labels"]
    with pytest.raises(ModelFileError, match="'score'"):
        open_classifier(replace(other, metadata={**other.metadata, "seqtools.labels": labels}))


# Explanations.


@pytest.mark.parametrize("kind", KINDS)
def test_the_word_that_decides_has_the_largest_effect(models: dict[str, Classifier], kind: str) -> None:
    text = "the film was awful and the acting is dull"
    told = models[kind].explain(text)
    best = max(told.pieces, key=lambda piece: piece.effect)
    assert text[best.start : best.end] in ("awful", "dull")
    one = models[kind].classify(text)
    assert (told.label, told.text) == (one.label, text)
    assert told.probability == pytest.approx(one.probability, abs=1e-5)
    assert "".join(part for part, _ in told.parts()) == text
    assert [effect for _, effect in told.parts() if effect is not None] == [p.effect for p in told.pieces]


def test_effects_are_what_leaving_out_changes(models: dict[str, Classifier]) -> None:
    model, text = models["softmax"], "a dull film"
    told = model.explain(text)
    for piece, rest in zip(told.pieces, ("dull film", "a film", "a dull "), strict=True):
        one, less = (model.logits([given])[0] for given in (text, rest))
        wanted = (one[0] - one[1]) - (less[0] - less[1])
        assert piece.effect == pytest.approx(float(wanted), abs=1e-4)


def test_any_label_can_be_explained(models: dict[str, Classifier]) -> None:
    praised, blamed = (models["softmax"].explain("bad", label) for label in ("positive", "negative"))
    assert praised.pieces[0].effect == pytest.approx(-blamed.pieces[0].effect)
    assert praised.log_odds == pytest.approx(-blamed.log_odds)
    assert blamed.largest == pytest.approx(abs(praised.pieces[0].effect))
    with pytest.raises(UsageError, match="negative, positive"):
        models["softmax"].explain("bad", "neutral")


def test_a_text_without_words_has_nothing_to_weigh(models: dict[str, Classifier]) -> None:
    told = models["softmax"].explain(" ")
    assert (told.pieces, told.largest, told.parts()) == ((), 0.0, [(" ", None)])
    assert Explanation("", "x", 0.5, 0.0, ()).parts() == []


def test_words_are_cut_where_people_see_them() -> None:
    text = "Don't buy: well-made,  but\n5 stars?! \U0001f600"
    words = [text[start:end] for start, end in cut(text)]
    assert words == ["Don't", "buy", ":", "well-made", ",", "but", "5", "stars", "?!", "\U0001f600"]


def test_long_texts_are_left_out_in_runs() -> None:
    text = "word " * 1200
    spans = cut(text)
    assert len(spans) == 400 <= MOST_PIECES
    assert {text[start:end] for start, end in spans} == {"word word word"}


@pytest.mark.parametrize(
    ("text", "span", "rest"),
    [("a b c", (2, 3), "a c"), ("a b", (0, 1), "b"), ("a b", (2, 3), "a "), ("a, b", (1, 2), "a b")],
)
def test_no_blank_is_doubled(text: str, span: tuple[int, int], rest: str) -> None:
    assert left_out(text, *span) == rest


@pytest.mark.parametrize("objective", ["softmax", "ordinal", "sigmoid"])
@budget(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.floats(-6, 6, width=32), min_size=3, max_size=3))
def test_log_odds_are_those_of_the_probability(objective: str, given: list[float]) -> None:
    logits = np.array([sorted(given, reverse=True) if objective == "ordinal" else given], np.float32)
    shares = probabilities(logits, objective)[0].astype(np.float64)
    for label, share in enumerate(np.clip(shares, 1e-7, 1 - 1e-7)):
        wanted = math.log(share / (1 - share))
        assert log_odds(logits, objective, label)[0] == pytest.approx(wanted, abs=0.02)


def test_log_odds_tell_sure_answers_apart() -> None:
    far, farther = (log_odds(np.array([[z, 0.0]], np.float32), "softmax", 0)[0] for z in (60, 80))
    assert (far, farther) == (60, 80)


def test_choices_that_are_none() -> None:
    assert Choice().of({"a": 0.5, "b": 0.5}, "a", "sigmoid") == ("a", "b")
    assert Choice(abstain=0.6).of({"a": 0.5, "b": 0.5}, "a", "softmax") == ()
