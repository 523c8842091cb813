"""The linear model in the graph against the one in numpy: the same logits, and the same bits in any batch."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import spox
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.export.linear import Context
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.linear_fit import fit_linear
from seqtools_sentiment.linear_graph import LinearGraph
from seqtools_sentiment.linear_model import LinearModel
from seqtools_sentiment.recipe import LinearConfig

UNIT = Path(__file__).resolve().parents[1] / "unit"
tiny = SimpleNamespace(**run_path(str(UNIT / "tiny_reviews.py")))
PAIR = Labels(("neg", "pos"), "softmax", True)
WORDS = [*tiny.GOOD, *tiny.BAD, *tiny.THINGS, "not", "unseen", "É", ",", "\n", "1", "<unk>"]


def built(model: LinearModel) -> onnx.ModelProto:
    context = Context()
    text = spox.argument(spox.Tensor(np.str_, ("batch",)))
    return context.weights.build({"text": text}, {"logits": LinearGraph(context, model)(text)})


def session(proto: onnx.ModelProto) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(proto.SerializeToString(), options)


def run(opened: Any, texts: list[str]) -> np.ndarray:
    logits: np.ndarray = opened.run(None, {"text": np.array(texts, dtype=object)})[0]
    return logits


def three(objective: str) -> LinearModel:
    names = ("bad", "fair", "good") if objective != "sigmoid" else (*tiny.BAD, *tiny.GOOD)
    examples = [
        Example(one.text, ("good" if "good" in one.text else "bad" if "bad" in one.text else "fair",))
        if objective != "sigmoid"
        else Example(one.text, tuple(name for name in names if name in one.text))
        for one in tiny.reviews(150, 4)
    ]
    return fit_linear(examples, Labels(names, objective, objective != "sigmoid"), LinearConfig(ngrams=3))


MODELS = {
    "pairs": lambda: fit_linear(tiny.reviews(200, 1), PAIR, LinearConfig()),
    "words": lambda: fit_linear(tiny.reviews(200, 1), PAIR, LinearConfig(ngrams=1)),
    "five words": lambda: fit_linear(tiny.reviews(200, 1), PAIR, LinearConfig(ngrams=5)),
    "few": lambda: fit_linear(tiny.reviews(200, 1), PAIR, LinearConfig(ngrams=3)).kept(30),
    "one": lambda: fit_linear(tiny.reviews(200, 1), PAIR, LinearConfig()).kept(1),
    "tfidf": lambda: fit_linear(tiny.reviews(200, 1), PAIR, LinearConfig(), kind="tfidf"),
    "softmax": lambda: three("softmax"),
    "ordinal": lambda: three("ordinal"),
    "sigmoid": lambda: three("sigmoid"),
}


@pytest.fixture(scope="module")
def faces() -> dict[str, tuple[LinearModel, Any]]:
    models = {name: make() for name, make in MODELS.items()}
    return {name: (model, session(built(model))) for name, model in models.items()}


TEXTS = [
    *(one.text for one in tiny.reviews(20, 9)),
    "",
    " \n",
    "good " * 300,
    "not bad , not good\r\n",
    "é É",
]


@pytest.mark.parametrize("name", MODELS)
def test_both_faces_agree(name: str, faces: dict[str, tuple[LinearModel, Any]]) -> None:
    model, opened = faces[name]
    told = run(opened, TEXTS)
    assert told.shape == (len(TEXTS), model.outputs)
    assert np.abs(told - model.logits(TEXTS)).max() <= 1e-5


@pytest.mark.parametrize("name", MODELS)
def test_a_text_alone_gives_the_same_bits(name: str, faces: dict[str, tuple[LinearModel, Any]]) -> None:
    _, opened = faces[name]
    together = run(opened, TEXTS)
    alone = np.concatenate([run(opened, [text]) for text in TEXTS])
    assert together.tobytes() == alone.tobytes()


@settings(derandomize=True, deadline=None, max_examples=40)
@given(texts=st.lists(st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), min_size=1, max_size=5))
def test_any_texts(texts: list[str], faces: dict[str, tuple[LinearModel, Any]]) -> None:
    for name in ("five words", "few", "tfidf"):
        model, opened = faces[name]
        assert np.abs(run(opened, texts) - model.logits(texts)).max() <= 1e-5


def test_a_run_costs_few_bytes() -> None:
    """Two of its last word, two of its weight; the words themselves more."""
    model = fit_linear(tiny.reviews(3000, 1), PAIR, LinearConfig(ngrams=5))
    words = model.kept(model.runs.words)
    size, least = (built(one).ByteSize() for one in (model, words))
    assert size - least <= 9 * (model.features - words.features)


def test_the_graph_passes_onnx() -> None:
    proto = built(fit_linear(tiny.reviews(50, 1), PAIR, LinearConfig()))
    onnx.checker.check_model(proto, full_check=True)
