"""The linear-chain CRF as a graph piece: the best path and the probability of each label, in one loop.

One turn a word carries three things: the best scores so far (Viterbi), and the sums of the forward and of the
backward algorithm side by side, the latter over each row turned round. Sums are of exponentials, each step
divided by its sum, so that nothing overflows; a turn is seven small operators.

The way back along the best path needs no turn a word: the pointers of all words are maps from a label to the
one before it, and maps are composed in pairs, in as many rounds as the length has binary digits.

A row gives the same bits in any batch: products are made and sums are taken row by row, and the largest value
of a step is exact.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import spox
import spox.opset.ai.onnx.v20 as op
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

from seqtools.export.graph import IR_VERSION, OPSET, Var, constant
from seqtools.export.linear import Array, Context, array
from seqtools.export.loops import repeat_while

_FORBIDDEN = -1e3
"""Scores below this are of moves that may not be; they count for nothing."""

_LEAST_EMISSION, _LEAST_MOVE = -50.0, -30.0
"""Nats below the largest that still count: together exp(-80), which float32 can tell from zero."""

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
        return Path(self._labels_of(scores, lengths), op.lp_normalization(joint, axis=2, p=1))

    def _run(self, emissions: Var, shares: Var, lengths: Var) -> tuple[Var, Var, Var]:
        """The loop over words.

        Returns:
            Best score of a path that ends in each label; sums over the paths that end, and that begin in
            each label, each up to a factor for a word. All `[time, batch, labels]`.
        """
        pair = [op.unsqueeze(part, constant([1, 3])) for part in (shares, _reversed(shares, lengths))]
        batch = op.shape(lengths)
        row = op.concat([batch, constant([1, self._labels])], axis=0)
        rows = op.concat([constant([2]), row], axis=0)

        found = spox.inline(_words(self._labels))(
            best=op.expand(self._starts, row),
            sums=op.expand(self._edges, rows),
            emissions=op.unsqueeze(emissions, constant([2])),
            shares=op.concat(pair, axis=1),
            into=self._into,
            ways=self._ways,
        )
        scores, sums = found["scores"], found["parts"]
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


def _words(labels: int) -> ModelProto:
    """The loop over words, a `Scan`, which hands over each word's share by itself.

    By hand: spox drops a dimension of what a scan carries.
    """

    def value(name: str, *shape: int | None) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    row, rows = (None, 1, labels), (2, None, 1, labels)
    turn = [
        helper.make_node("Add", ["best", "emission"], ["score"]),
        helper.make_node("Add", ["score", "into"], ["moved"]),
        helper.make_node("ReduceMax", ["moved", "last"], ["reached"], keepdims=0),
        helper.make_node("Unsqueeze", ["reached", "second"], ["best_next"]),
        helper.make_node("Mul", ["sums", "share"], ["product"]),
        helper.make_node("LpNormalization", ["product"], ["part"], axis=3, p=1),
        helper.make_node("MatMul", ["part", "ways"], ["sums_next"]),
    ]
    body = helper.make_graph(
        turn,
        "word",
        [value("best", *row), value("sums", *rows), value("emission", *row), value("share", *rows)],
        [value("best_next", *row), value("sums_next", *rows), value("score", *row), value("part", *rows)],
    )
    given, told = ["best", "sums", "emissions", "shares"], ["ended", "summed", "scores", "parts"]
    graph = helper.make_graph(
        [helper.make_node("Scan", given, told, num_scan_inputs=2, body=body)],
        "words",
        [
            value("best", *row),
            value("sums", *rows),
            value("emissions", None, *row),
            value("shares", None, *rows),
            value("into", labels, labels),
            value("ways", 2, 1, labels, labels),
        ],
        [value("scores", None, *row), value("parts", None, *rows)],
        [numpy_helper.from_array(np.array([at]), name) for name, at in (("last", 2), ("second", 1))],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _composed(maps: Var) -> Var:
    """Each map after all that follow it; `maps [time, batch, labels]`, the last one of each row constant."""
    time = op.slice(op.shape(maps), constant([0]), constant([1]))
    last = op.sub(time, constant([1]))
    places = op.range(constant(0), op.squeeze(time), constant(1))

    def turn(index: Var, step: Var, held: Var) -> list[Var]:
        # What nothing follows is constant already, so that the last map after it changes nothing.
        follow = op.gather(held, op.min([op.add(places, step), last]), axis=0)
        double = op.mul(step, constant(2))
        return [op.less(double, time), double, op.gather_elements(held, follow, axis=2)]

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
