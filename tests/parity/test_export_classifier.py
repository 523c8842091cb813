"""Lowered classifiers against torch and ONNX, and against themselves alone, in batches and padded."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import spox
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from seqtools.export.classifier import LoweredClassifier
from seqtools.export.linear import Context
from seqtools.nn.classifier import Classifier
from seqtools.recipe import ClassifierConfig
from seqtools_sentiment.runner import Runner, padded

VOCAB = 60
POOLINGS = ("last", "max", "mean", "attention", "concat")
CELLS = ("lstm.v1", "gru.v1", "rnn_tanh.v1", "rnn_relu.v1")
OPTIONS: dict[str, dict[str, Any]] = {
    "one way, deep, learned state": {"bidirectional": False, "layers": 2, "learned_state": True},
    "both ways, deep, learned state": {"layers": 3, "learned_state": True, "cell": "gru.v1"},
    "normed": {"layers": 2, "layer_norm": "between"},
    "normed gates": {"layer_norm": "cell", "learned_state": True},
    "normed gates of a GRU": {"layer_norm": "cell", "cell": "gru.v1", "pooling": "last"},
    "hidden layer": {"head": 5, "pooling": "mean"},
    "narrowing": {"layers": 2, "last_width": 6, "pooling": "attention"},
    "wide": {"width": 128, "embedding": 100},
    "wide GRU, attention": {"width": 64, "embedding": 50, "cell": "gru.v1", "pooling": "attention"},
    "one unit": {"width": 1, "embedding": 1, "pooling": "attention", "bidirectional": False},
}


def network(seed: int = 0, *, outputs: int = 3, ordinal: bool = False, **settings: Any) -> Classifier:
    """A random network whose every parameter matters (no zero biases, no unit gains)."""
    torch.manual_seed(seed)
    given = {"width": 11, "embedding": 7, **settings}
    model = Classifier(ClassifierConfig(**given), VOCAB, outputs, ordinal=ordinal).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def lowered(model: Classifier, profile: str = "portable") -> onnx.ModelProto:
    """The network alone: ids to logits."""
    context = Context(profile)
    tokens = spox.argument(spox.Tensor(np.int64, ("batch", "time")))
    lengths = spox.argument(spox.Tensor(np.int64, ("batch",)))
    logits = LoweredClassifier(context, model)(tokens, lengths)
    file = context.weights.build({"tokens": tokens, "lengths": lengths}, {"logits": logits})
    onnx.checker.check_model(file, full_check=True)
    return file


def rows(*lengths: int, seed: int = 0) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, VOCAB, length).tolist() for length in lengths]


@torch.no_grad()
def by_torch(model: Classifier, given: list[list[int]]) -> NDArray[np.float32]:
    feeds = padded(given)
    logits: NDArray[np.float32] = model(
        torch.from_numpy(feeds["tokens"].T), torch.from_numpy(feeds["lengths"])
    ).numpy()
    return logits


def agrees_and_keeps_its_bits(model: Classifier) -> None:
    """The logits of every length from 1 to 70: torch's, and the same alone, in batches, and with padding."""
    runner = Runner(lowered(model).SerializeToString())
    given = rows(*np.random.default_rng(3).permutation(np.arange(1, 71)).tolist())
    alone = np.concatenate([runner(["logits"], [row])[0] for row in given])
    wanted = by_torch(model, given)
    assert np.abs(alone - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max())
    for batch in (2, 7, 16, 33):
        for start in range(0, len(given), batch):
            feeds = padded(given[start : start + batch])
            feeds["tokens"] = np.pad(feeds["tokens"], ((0, 0), (0, start % 4)), constant_values=5)
            assert np.array_equal(runner.run(["logits"], feeds)[0], alone[start : start + batch]), batch


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_and_cell(pooling: str, cell: str) -> None:
    agrees_and_keeps_its_bits(network(pooling=pooling, cell=cell))


@pytest.mark.parametrize("options", OPTIONS)
def test_options(options: str) -> None:
    agrees_and_keeps_its_bits(network(1, **OPTIONS[options]))


def test_thresholds() -> None:
    agrees_and_keeps_its_bits(network(2, outputs=4, ordinal=True))


@pytest.mark.parametrize("cell", ["lstm.v1", "gru.v1"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_graph_means_what_onnx_says(pooling: str, cell: str) -> None:
    # Rows of one length: the reference's recurrent nodes know no others.
    file = lowered(network(3, pooling=pooling, cell=cell, bidirectional=False))
    feeds = padded(rows(5, 5, 5))
    theirs: Any = ReferenceEvaluator(file).run(["logits"], feeds)
    assert np.allclose(Runner(data(file)).run(["logits"], feeds), theirs, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_eight_bits_are_near(cell: str) -> None:
    model = network(4, width=32, embedding=32, cell=cell)
    exact, rounded = lowered(model), lowered(model, "int8")
    given = rows(4, 9, 1, 17, 30)
    ours, theirs = (Runner(data(file))(["logits"], given)[0] for file in (exact, rounded))
    assert 0 < np.abs(ours - theirs).max() < 0.25
    assert rounded.ByteSize() < 0.6 * exact.ByteSize()


def data(file: onnx.ModelProto) -> bytes:
    serialized: bytes = file.SerializeToString()
    return serialized
