"""The graph of `sentiment`: strings to ids to logits to probabilities, a label and a score.

A text gives the same bits alone and in any batch (fp32): see `seqtools.export.pooling`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

import numpy as np
import onnx
import spox
import spox.opset.ai.onnx.v20 as op

from seqtools.export.classifier import LoweredClassifier
from seqtools.export.faces import face
from seqtools.export.graph import Var, Weights, constant
from seqtools.export.linear import Context
from seqtools.export.strings import join, split, strings
from seqtools_sentiment.examples import Labels
from seqtools_sentiment.linear_graph import LinearGraph
from seqtools_sentiment.opening import PIECE, characters
from seqtools_sentiment.parts import Parts

_ANY = f"(?s).{{1,{PIECE}}}"


def build(parts: Parts, *, profile: str, form: str, card: Mapping[str, Any]) -> onnx.ModelProto:
    """The model file's graph, without metadata.

    Args:
        parts: what it is made of.
        profile: "portable" or "int8".
        form: "text", "fused" or "ids".
        card: what the output `card` says.
    """
    context = Context(profile)
    given = _inputs(form)
    text = None if form == "ids" else _opening(given["text"], parts.max_length)
    tokens, counts = _tokens(parts, given, text, fused=form == "fused")
    logits = _logits(context, parts, tokens, counts, text)
    note = context.weights.text("card.json", json.dumps(card, ensure_ascii=False))
    results = {
        **answers(logits, parts.labels),
        "logits": logits,
        "token_counts": counts,
        "classes": op.identity(strings(parts.labels.names)),
        "card": op.identity(note),
    }
    return context.weights.build(given, results)


def build_reading(parts: Parts, *, form: str) -> onnx.ModelProto:
    """Only the way from texts to `tokens [batch, time]` and `token_counts [batch]`."""
    given = _inputs(form)
    text = _opening(given["text"], parts.max_length)
    tokens, counts = _tokens(parts, given, text, fused=form == "fused")
    return Weights().build(given, {"tokens": tokens, "token_counts": counts})


def _inputs(form: str) -> dict[str, Var]:
    """The frozen inputs, in order."""
    if form == "ids":
        return {
            "tokens": spox.argument(spox.Tensor(np.int64, ("batch", "time"))),
            "lengths": spox.argument(spox.Tensor(np.int64, ("batch",))),
        }
    return {"text": spox.argument(spox.Tensor(np.str_, ("batch",)))}


def _opening(text: Var, max_length: int) -> Var:
    """What is looked at of texts, string `[batch]`; see `seqtools_sentiment.opening`."""
    pieces, _ = split(text, _ANY)
    most = characters(max_length) // PIECE
    return join(op.slice(pieces, constant([0]), constant([most]), constant([1])))


def _tokens(parts: Parts, given: Mapping[str, Var], text: Var | None, *, fused: bool) -> tuple[Var, Var]:
    """Ids `[batch, time]`, one column at least, and how many of each row count, `[batch]`, perhaps 0."""
    if text is None:
        tokens, lengths = given["tokens"], given["lengths"]
    else:
        tokens, lengths = face(parts.tokenizer, fused=fused).encode(text)
    time = op.slice(op.shape(tokens), constant([1]), constant([2]))
    counts = op.max([op.min([lengths, time, constant([parts.max_length])]), constant([0])])
    width = op.max([op.reduce_max(counts, constant([0]), keepdims=1), constant([1])])
    padded = op.pad(tokens, constant([0, 0, 0, 1]), constant(0))
    return op.slice(padded, constant([0]), width, constant([1])), counts


def _logits(context: Context, parts: Parts, tokens: Var, counts: Var, text: Var | None) -> Var:
    """Calibrated logits `[batch, outputs]`; those of the prior for a text without tokens."""
    # Where nothing counts something is read all the same, and not used.
    said = LoweredClassifier(context, parts.network)(tokens, op.max([counts, constant([1])]))
    weighed = op.mul(said, _weight(context, "network", parts.calibration.network_weight))
    if parts.linear is not None and text is not None:
        linear = LinearGraph(context, parts.linear)(text)
        weighed = op.add(weighed, op.mul(linear, _weight(context, "linear", parts.calibration.linear_weight)))
    nothing = op.unsqueeze(op.equal(counts, constant([0])), constant([1]))
    return op.where(nothing, context.weights.add("prior", parts.prior_logits), weighed)


def _weight(context: Context, name: str, value: float) -> Var:
    return context.weights.add(f"calibration.{name}", np.array(value, np.float32))


def answers(logits: Var, labels: Labels) -> dict[str, Var]:
    """What the file says, by output, from logits `[batch, outputs]`."""
    shares = _probabilities(logits, labels)
    best = op.arg_max(shares, axis=1, keepdims=0)
    said = {"label": op.gather(strings(labels.names), best), "probabilities": shares}
    if labels.objective == "sigmoid":
        said["chosen"] = op.greater_or_equal(shares, constant(0.5, np.float32))
    if labels.ordered:
        places = op.const(np.linspace(-1, 1, labels.classes, dtype=np.float32)[:, None])
        said["score"] = op.squeeze(op.matmul(shares, places), constant([1]))
    return said


def _probabilities(logits: Var, labels: Labels) -> Var:
    """`[batch, classes]`; see `seqtools_sentiment.probabilities`."""
    if labels.objective == "softmax":
        return op.softmax(logits, axis=1)
    each = op.sigmoid(logits)
    if labels.objective == "sigmoid":
        return each
    columns = [op.slice(each, *(constant([at]) for at in (k, k + 1, 1))) for k in range(labels.outputs)]
    higher = op.concat(list(accumulate(columns, lambda least, now: op.min([least, now]))), axis=1)
    above = op.pad(higher, constant([0, 1, 0, 0]), constant(1, np.float32))
    return op.sub(above, op.pad(higher, constant([0, 0, 0, 1]), constant(0, np.float32)))
