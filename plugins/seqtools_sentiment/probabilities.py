"""From logits to probabilities, and from those to one score: the host face of what stands in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray


def probabilities(logits: FloatArray, objective: str) -> FloatArray:
    """Probabilities of the classes, `[texts, classes]`.

    Args:
        logits: `[texts, outputs]`. softmax: of each class. sigmoid: of each label by itself. ordinal: logit k
            is that the class is higher than k; one that is greater than an earlier one counts as that.
        objective: softmax, sigmoid or ordinal.
    """
    if objective == "softmax":
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: FloatArray = raised / raised.sum(axis=1, keepdims=True)
        return shares
    each: FloatArray = np.exp(-np.logaddexp(np.float32(0), -logits))
    if objective == "sigmoid":
        return each
    higher = np.minimum.accumulate(each, axis=1)
    return -np.diff(higher, axis=1, prepend=np.float32(1), append=np.float32(0))


def score(shares: FloatArray) -> FloatArray:
    """Where a text stands between the lowest class, -1, and the highest, 1: the mean over its probabilities.

    Args:
        shares: probabilities `[texts, classes]` of classes in their order, two at least.
    """
    places = np.linspace(-1, 1, shares.shape[1], dtype=np.float32)
    return shares @ places
