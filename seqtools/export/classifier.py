"""A text classifier as graph pieces: embed, read, pool, decide."""

from __future__ import annotations

from typing import Any

import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, Embedding, Linear, array
from seqtools.export.pooling import Pooling
from seqtools.export.reader import Reader


class LoweredClassifier:
    """The lowering of a `seqtools.nn.classifier.Classifier`.

    What comes after the pooling is fp32 in every profile: it is small, and a class hangs on it.
    """

    def __init__(self, context: Context, network: Any) -> None:
        exact = Context(weights=context.weights)
        self._embedding = Embedding(context, "embedding", array(network.embedding.weight))
        self._reader = Reader(context, network.stack, "layers")
        self._pooling = Pooling(context, network.pooling)
        self._hidden = None if network.hidden is None else _affine(exact, "hidden", network.hidden)
        self._output = _affine(exact, "output", network.output)
        self._thresholds: Var | None = None
        if network.ordinal:
            self._thresholds = context.weights.add("thresholds", array(network.thresholds()))

    def __call__(self, tokens: Var, lengths: Var) -> Var:
        """Logits `[batch, outputs]` of `tokens [batch, time]`; `lengths [batch]`, at least 1, count."""
        x = self._embedding(op.unsqueeze(op.transpose(tokens), constant([2])))
        y, _ = self._reader(x, lengths)
        pooled = self._pooling(y, lengths)
        if self._hidden is not None:
            pooled = op.relu(self._hidden.rows(pooled))
        logits = self._output.rows(pooled)
        return logits if self._thresholds is None else op.sub(logits, self._thresholds)


def _affine(context: Context, name: str, linear: Any) -> Linear:
    return Linear(context, name, array(linear.weight).T, array(linear.bias))
