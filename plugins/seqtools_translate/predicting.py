"""Which tokens a graph may predict: all of them, or those of a shortlist that is given with each run.

A search then numbers tokens by their place in the shortlist, and its output layer has only their columns:
taken once a run, outside the loop. A file with shortlists holds two searches, of which a run uses one: a
condition inside the loop would cost onnxruntime its packed weights.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.seq2seq import LoweredSeq2Seq
from seqtools.tokens import EOS

_NEVER = -1e30


class Predicting(Protocol):
    """What the graph needs to know of the tokens that may be predicted.

    Attributes:
        eos: the end as the search numbers it, int64 scalar.
    """

    eos: Var

    def allowed(self, logits: Var) -> Var:
        """Logits `[1, rows, vocab]`, hopeless where a token may not be predicted."""

    def first(self, log_probs: Var) -> Var:
        """Log-probabilities `[1, rows, vocab]` as the search numbers them."""

    def log_probs(self, readout: Var) -> Var:
        """The same for readouts `[1, rows, width]`."""

    def ids(self, numbers: Var) -> Var:
        """Ids of what the search numbers, any shape."""


class All:
    """Every token may be predicted; numbers are ids."""

    def __init__(self, network: LoweredSeq2Seq) -> None:
        self._network, self.eos = network, constant(EOS)

    def allowed(self, logits: Var) -> Var:
        """All."""
        return logits

    def first(self, log_probs: Var) -> Var:
        """As they are."""
        return log_probs

    def log_probs(self, readout: Var) -> Var:
        """See the protocol."""
        return self._network.log_probs(readout)

    def ids(self, numbers: Var) -> Var:
        """As they are."""
        return numbers


class Shortlisted:
    """Only tokens of a shortlist may be predicted; `allowed` lets all through where it is empty.

    Args:
        shortlist: sorted ids, the end among them, int64 `[candidates]`.

    Attributes:
        empty: whether there is no shortlist, bool scalar.
    """

    def __init__(self, network: LoweredSeq2Seq, shortlist: Var) -> None:
        self._network = network
        self.empty = op.equal(op.size(shortlist), constant(0))
        # A search that no run uses still chooses once, and must have the end to choose.
        few = op.mul(constant(EOS + 1), op.cast(self.empty, to=np.int64))
        self._numbered = op.concat([op.range(constant(0), few, constant(1)), shortlist], axis=0)
        ends = op.cast(op.equal(self._numbered, constant(EOS)), to=np.int64)
        self.eos = op.arg_max(ends, axis=0, keepdims=0)
        inside = op.expand(constant([0.0], np.float32), op.shape(self._numbered))
        outside = op.where(self.empty, constant([0.0], np.float32), constant([_NEVER], np.float32))
        nowhere = op.expand(outside, constant([network.vocab]))
        self._bias = op.scatter_elements(nowhere, self._numbered, inside)
        self._layer = network.head.among(self._numbered)

    def allowed(self, logits: Var) -> Var:
        """Those of the shortlist."""
        return op.add(logits, self._bias)

    def first(self, log_probs: Var) -> Var:
        """The columns of the shortlist."""
        return op.gather(log_probs, self._numbered, axis=2)

    def log_probs(self, readout: Var) -> Var:
        """Over the shortlist alone."""
        return op.log_softmax(self._network.head.chosen(readout, self._layer), axis=-1)

    def ids(self, numbers: Var) -> Var:
        """Entries of the shortlist."""
        return op.gather(self._numbered, numbers)
