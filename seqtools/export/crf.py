"""The linear-chain CRF as a graph piece: the best path and the probability of each label, in one loop.

One turn a word carries three things: the best scores so far (Viterbi), and the sums of the forward and of the
backward algorithm side by side, the latter over each row turned round. Sums are of exponentials, each step
divided by its largest value, so that a turn is five small operators and nothing overflows.

The way back along the best path needs no turn a word: the pointers of all words are maps from a label to the
one before it, and maps are composed in pairs, in as many rounds as the length has binary digits.

A row gives the same bits in any batch: products are made row by row, the largest value of a step is exact,
and sums over labels are taken with labels on the first axis.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant, repeat
from seqtools.export.linear import Array, Context, array
from seqtools.export.loops import repeat_while

_FORBIDDEN = -1e3
"""Scores below this are of moves that may not be; they count for nothing."""

_LEAST_EMISSION, _LEAST_MOVE = -50.0, -30.0
"""Nats below the largest that still count: together exp(-80), which float32 can tell from zero."""

_SMALLEST = 1e-37
_ROUNDS = 62


class Path(NamedTuple):
    """What is found; past a row's length it means nothing."""

    labels: Var
    """int64 `[time, batch]`"""
    marginals: Var
    """probability of each label, whatever the others are, float32 `[time, batch, labels]`"""


class LoweredCRF:
    """The lowering of a trained `seqtools.nn.crf.CRF`.

    Args:
        name: prefix of the weights' names.
    """

    def __init__(self, context: Context, crf: Any, name: str = "crf") -> None:
        moves, starts, ends = (array(part()) for part in (crf.matrix, crf.starts, crf.ends))
        add, both = context.weights.add, np.stack([_shares(starts), _shares(ends)])
        shares = _shares(moves)
        self._labels = len(starts)
        self._starts, self._ends = add(f"{name}.starts", starts), add(f"{name}.ends", ends)
        self._into = add(f"{name}.into", moves.T)
        self._edges = add(f"{name}.edges", both[:, None, None])
        self._ways = add(f"{name}.ways", np.stack([shares, shares.T])[:, None])

    def __call__(self, emissions: Var, lengths: Var) -> Path:
        """The best path of each row.

        Args:
            emissions: scores of labels, float32 `[time, batch, labels]`, at least one step.
            lengths: int64 `[batch]`, at least 1.
        """
        largest = op.reduce_max(emissions, constant([2]), keepdims=1)
        least = constant(_LEAST_EMISSION, np.float32)
        shares = op.exp(op.max([op.sub(emissions, largest), least]))
        scores, there, back = self._run(emissions, shares, lengths)
        # A word's own share is in both sums.
        joint = op.div(op.mul(there, back), shares)
        return Path(self._labels_of(scores, lengths), op.div(joint, _sums(joint)))

    def _run(self, emissions: Var, shares: Var, lengths: Var) -> tuple[Var, Var, Var]:
        """The loop over words.

        Returns:
            Best score of a path that ends in each label; sums over the paths that end, and that begin in
            each label, each up to a factor for a word. All `[time, batch, labels]`.
        """
        read = op.unsqueeze(emissions, constant([2]))
        pair = [op.unsqueeze(part, constant([1, 3])) for part in (shares, _reversed(shares, lengths))]
        weighed = op.concat(pair, axis=1)
        batch = op.shape(lengths)
        row = op.concat([batch, constant([1, self._labels])], axis=0)
        rows = op.concat([constant([2]), row], axis=0)

        def turn(index: Var, best: Var, sums: Var) -> Iterable[Var]:
            now = op.reshape(index, constant([]))
            score = op.add(best, op.gather(read, now, axis=0))
            ahead = op.reduce_max(op.add(score, self._into), constant([2]), keepdims=0)
            part = op.mul(sums, op.gather(weighed, now, axis=0))
            scaled = op.div(part, op.reduce_max(part, constant([3]), keepdims=1))
            return [op.unsqueeze(ahead, constant([1])), op.matmul(scaled, self._ways), score, part]

        start = [op.expand(self._starts, row), op.expand(self._edges, rows)]
        time = op.gather(op.shape(emissions), constant(0))
        _, _, scores, sums = repeat(time, start, turn)
        there, back = op.split(sums, constant([1, 1]), axis=1)
        return (
            op.squeeze(scores, constant([2])),
            op.squeeze(there, constant([1, 3])),
            _reversed(op.squeeze(back, constant([1, 3])), lengths),
        )

    def _labels_of(self, scores: Var, lengths: Var) -> Var:
        """The best path, int64 `[time, batch]`, of best scores."""
        position = op.sub(lengths, constant(1))
        index = op.unsqueeze(position, constant([0, 2]))
        whole = op.concat([constant([1]), op.shape(lengths), constant([self._labels])], axis=0)
        ended = op.gather_elements(scores, op.expand(index, whole), axis=0)
        final = op.arg_max(op.add(ended, self._ends), axis=2, keepdims=1)
        # The step after the first, and so on; what comes after a row's end leads to its last label.
        later = op.slice(scores, constant([0]), constant([-1]), constant([0]))
        came = op.arg_max(op.add(op.unsqueeze(later, constant([2])), self._into), axis=3, keepdims=0)
        maps = op.concat([came, op.expand(final, whole)], axis=0)
        time = op.squeeze(op.slice(op.shape(scores), constant([0]), constant([1])))
        places = op.unsqueeze(op.range(constant(0), time, constant(1)), constant([1, 2]))
        maps = op.where(op.less(places, op.unsqueeze(position, constant([0, 2]))), maps, final)
        return op.squeeze(
            op.slice(_composed(maps), constant([0]), constant([1]), constant([2])), constant([2])
        )


def _composed(maps: Var) -> Var:
    """Each map after all that follow it; `maps [time, batch, labels]`, the last one of each row constant."""
    time = op.slice(op.shape(maps), constant([0]), constant([1]))

    def turn(index: Var, step: Var, held: Var) -> list[Var]:
        follow = op.slice(held, step, time, constant([0]))
        # What nothing follows is constant already.
        kept = op.slice(held, op.sub(time, step), time, constant([0]))
        first = op.slice(held, constant([0]), op.sub(time, step), constant([0]))
        new = op.concat([op.gather_elements(first, follow, axis=2), kept], axis=0)
        double = op.mul(step, constant(2))
        return [op.less(double, time), double, op.reshape(new, op.shape(held))]

    one = constant([1])
    return repeat_while(constant(_ROUNDS), op.less(one, time), [one, maps], turn)[1]


def _shares(scores: Array) -> Array:
    """Exponentials of scores, the largest being 1; 0 where a score forbids."""
    allowed = scores > _FORBIDDEN
    largest = scores[allowed].max(initial=_FORBIDDEN)
    found: Array = np.where(allowed, np.exp(np.maximum(scores - largest, _LEAST_MOVE)), 0).astype(np.float32)
    return found


def _reversed(x: Var, lengths: Var) -> Var:
    return op.reverse_sequence(x, lengths, time_axis=0, batch_axis=1)


def _sums(x: Var) -> Var:
    """Sums over the last axis of `x [time, batch, labels]`, which is kept; never zero."""
    shape = op.shape(x)
    columns = op.transpose(
        op.reshape(x, op.concat([constant([-1]), op.slice(shape, constant([2]), constant([3]))], axis=0))
    )
    # One column more: a sum over a single one would be taken in another order than over many.
    padded = op.pad(columns, constant([0, 0, 0, 1]), constant(0, np.float32))
    totals = op.slice(op.reduce_sum(padded, constant([0]), keepdims=0), constant([0]), constant([-1]))
    front = op.slice(shape, constant([0]), constant([2]))
    totals = op.reshape(op.max([totals, constant(_SMALLEST, np.float32)]), front)
    return op.unsqueeze(totals, constant([2]))
