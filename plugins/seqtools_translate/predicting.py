"""Which tokens a graph may predict: all of them, or those of a shortlist that is given with each run.

A search then numbers tokens by their place in the shortlist, and its output layer has only their columns:
taken once a run, outside the loop. Both layers stand in the loop, since a condition there would cost
onnxruntime its packed weights; the one that is not wanted gets no rows.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def log_probs(self, readout: Var) -> Sequence[Var]:
        """The same for readouts `[1, rows, width]`, in parts with the rows shared out among them."""

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

    def log_probs(self, readout: Var) -> Sequence[Var]:
        """See the protocol."""
        return [self._network.log_probs(readout)]

    def ids(self, numbers: Var) -> Var:
        """As they are."""
        return numbers


class Shortlisted:
    """Only tokens of a shortlist may be predicted, or all where it is empty.

    Args:
        shortlist: sorted ids, the end among them, int64 `[candidates]`.
        beam: int64 scalar, as the search gets it.
    """

    def __init__(self, network: LoweredSeq2Seq, shortlist: Var, beam: Var) -> None:
        self._network = network
        self._all = op.cast(op.equal(op.size(shortlist), constant(0)), to=np.int64)
        self._numbered = self._or_first(network.vocab, shortlist)
        # An unused layer must still have columns for the search to choose among.
        few = op.min([op.add(beam, constant(1)), constant(network.vocab)])
        self._columns = self._or_first(few, shortlist)
        ends = op.cast(op.equal(self._numbered, constant(EOS)), to=np.int64)
        self.eos = op.arg_max(ends, axis=0, keepdims=0)
        inside = op.expand(constant([0.0], np.float32), op.shape(self._numbered))
        nowhere = op.expand(constant([_NEVER], np.float32), constant([network.vocab]))
        self._bias = op.scatter_elements(nowhere, self._numbered, inside)
        self._layer = network.head.among(self._columns)

    def _or_first(self, count: int | Var, shortlist: Var) -> Var:
        """The shortlist, or the first `count` ids where it is empty; no condition, as that stays in loops."""
        most = constant(count) if isinstance(count, int) else count
        ids = op.range(constant(0), op.mul(most, self._all), constant(1))
        return op.concat([ids, shortlist], axis=0)

    def allowed(self, logits: Var) -> Var:
        """Those of the shortlist."""
        return op.add(logits, self._bias)

    def first(self, log_probs: Var) -> Var:
        """The columns of the shortlist."""
        return op.gather(log_probs, self._numbered, axis=2)

    def log_probs(self, readout: Var) -> Sequence[Var]:
        """All rows over all tokens and none over the shortlist, or the other way round."""
        rows = op.slice(op.shape(readout), constant([1]), constant([2]))
        whole = op.mul(rows, self._all)
        first, rest = (
            op.slice(readout, start, end, constant([1]))
            for start, end in ((constant([0]), whole), (whole, rows))
        )
        chosen = self._network.head.chosen(rest, self._layer)
        return [self._network.log_probs(first), op.log_softmax(chosen, axis=-1)]

    def ids(self, numbers: Var) -> Var:
        """Entries of the shortlist."""
        return op.gather(self._numbered, numbers)
