"""Integrated gradients of a file: against torch's own, and that they sum to what they explain."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import seqtools
from seqtools.errors import ModelFileError, UsageError
from seqtools.explaining.gradients import MOST_PIECES
from seqtools_sentiment.explanation import log_odds
from seqtools_sentiment.run import Classifier

tiny: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_classifier.py"))))
KINDS = ("softmax", "ordinal", "sigmoid", "ids", "blended", "int8")
TEXT = "The film was not good, the acting is dull"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Classifier]:
    folder = tmp_path_factory.mktemp("faded")
    for kind in ("softmax", "ordinal", "sigmoid"):
        tiny.write(folder / f"{kind}.onnx", kind)
    tiny.write(folder / "ids.onnx", "softmax", "sentencepiece", form="ids")
    tiny.write(folder / "blended.onnx", blended=True)
    tiny.write(folder / "int8.onnx", profile="int8")
    return {kind: seqtools.load(folder / f"{kind}.onnx") for kind in KINDS}


def from_torch(text: str, steps: int = 64) -> list[float]:
    """Effects of a text's tokens on the log-odds of the second of two classes."""
    network, parts = tiny.network("softmax"), tiny.parts("softmax")
    tokens = torch.from_numpy(parts.tokenizer.encode(text))[:, None]
    embedded, lengths = network.embed(tokens).detach(), torch.tensor([len(tokens)])
    total = torch.zeros(len(tokens))
    for step in range(steps):
        share = torch.full((len(tokens), 1, 1), (step + 0.5) / steps, requires_grad=True)
        logits = network.classify(embedded * share, lengths)[0] * parts.calibration.network_weight
        (gradient,) = torch.autograd.grad(logits[1] - logits[0], share)
        total += gradient[:, 0, 0] / steps
    return total.tolist()


def test_effects_are_those_of_torch(models: dict[str, Classifier]) -> None:
    told = models["softmax"].explain(TEXT, "positive", method="gradients")
    effects = [piece.effect for piece in told.pieces]
    wanted = from_torch(TEXT)
    assert len(effects) == len(wanted) == 10
    assert effects == pytest.approx(wanted, abs=0.03 * max(map(abs, wanted)))


@pytest.mark.parametrize("kind", ["softmax", "ordinal", "sigmoid", "ids", "int8"])
def test_effects_sum_to_what_the_text_has_over_nothing(models: dict[str, Classifier], kind: str) -> None:
    model = models[kind]
    told = model.explain(TEXT, method="gradients")
    (count,) = model.fading.counts([TEXT], 1)
    nothing = model.fading.logits(TEXT, np.zeros((1, count), np.float32), 1)
    start = log_odds(nothing, model.labels.objective, model.classes.index(told.label))[0]
    assert told.method == "gradients"
    effects = [piece.effect for piece in told.pieces]
    error = abs(sum(effects) - (told.log_odds - start)) / sum(map(abs, effects))
    # Eight bits round what a text is read as, a little otherwise at every step.
    assert error < (0.1 if kind == "int8" else 0.02)
    assert told.log_odds == pytest.approx(model.explain(TEXT).log_odds, abs=0.05)


@pytest.mark.parametrize("kind", ["softmax", "ordinal", "sigmoid", "blended", "int8"])
def test_the_word_that_decides_has_the_largest_effect(models: dict[str, Classifier], kind: str) -> None:
    text = "the film was awful and very long"
    label = "1" if kind == "ordinal" else "blame" if kind == "sigmoid" else "negative"
    told = models[kind].explain(text, label, method="gradients")
    best = max(told.pieces, key=lambda piece: piece.effect)
    assert text[best.start : best.end] == "awful"


def test_the_linear_model_has_its_part(models: dict[str, Classifier]) -> None:
    fading = models["blended"].fading
    both, alone = fading.linear_logits(["awful film", "film"], 1), fading.linear_logits(["film"], 1)
    assert fading.blended and both[1].tolist() == alone[0].tolist()
    gone = float(np.diff(both[1])[0] - np.diff(both[0])[0])
    assert gone > 0.1
    assert not models["softmax"].fading.blended


def test_long_texts_and_texts_of_nothing(models: dict[str, Classifier]) -> None:
    model = models["softmax"]
    assert len(model.explain("word " * 130, method="gradients").pieces) == 44 <= MOST_PIECES
    assert model.explain(" ", method="gradients").pieces == ()
    beyond = model.explain("dull " * 40 + "good", method="gradients")
    assert beyond.pieces[-1].effect == 0  # the file reads 40 tokens
    assert all(piece.effect for piece in beyond.pieces[:-1])


def test_what_cannot_be(models: dict[str, Classifier]) -> None:
    with pytest.raises(UsageError, match="Use one of: occlusion, gradients"):
        models["softmax"].explain("bad", method="guessing")
    model = seqtools.load(models["softmax"].file.path)
    model.file = replace(
        model.file, data=model.file.data.replace(b"calibration.network", b"calibration.nothing")
    )
    with pytest.raises(ModelFileError, match=r"no part of it is called 'calibration.network'.*occlusion"):
        model.explain("bad", method="gradients")
