"""Which values of a window are there, and figures of those that are; `seen [rows, time]` is bool.

Where `seen` is None every value counts, which takes fewer operators.
"""

from __future__ import annotations

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant

_LARGEST = float(np.finfo(np.float32).max)


def observed(values: Var) -> Var:
    """True where there is a number: no NaN and no infinity."""
    return op.less_or_equal(op.abs(values), constant(_LARGEST, np.float32))


def everywhere(seen: Var) -> Var:
    """Whether all is seen, a bool scalar."""
    return op.cast(op.reduce_min(op.cast(seen, to=np.int32), keepdims=0), to=np.bool_)


def number(value: float, like: Var) -> Var:
    """A constant of the precision of another value."""
    return constant(value, like.unwrap_tensor().dtype.type)


def known(values: Var, seen: Var | None, otherwise: float = 0.0) -> Var:
    """Values with a number where nothing is seen."""
    return values if seen is None else op.where(seen, values, number(otherwise, values))


def fill(values: Var, seen: Var | None) -> Var:
    """Gaps hold the value before them, those at the beginning the first one; a row of gaps holds zeros.

    Values are moved together and looked up again by how many have been seen: a few nodes for gaps of any
    length, on any number of rows.
    """
    if seen is None:
        return values
    nothing, never = constant(0, np.float32), constant(0, np.int32)
    rank = op.cumsum(op.cast(seen, to=np.int32), constant(1))
    there = known(values, seen)
    # Column 0 takes what is missing and is not read; column k holds the value that is seen as the k-th.
    room = op.pad(op.mul(there, nothing), constant([0, 0, 0, 1]), nothing)
    stored = op.scatter_elements(room, op.where(seen, rank, never), there, axis=1)
    return op.gather_elements(stored, op.max([rank, constant(1, np.int32)]), axis=1)


def count(seen: Var, like: Var) -> Var:
    """How many values are seen, at least 1, in the precision of another value: `[rows, 1]`."""
    kind = like.unwrap_tensor().dtype
    return op.max([op.reduce_sum(op.cast(seen, to=kind), constant([1])), number(1, like)])


def mean(values: Var, seen: Var | None) -> Var:
    """Mean of what is seen, `[rows, 1]`; zero where nothing is."""
    if seen is None:
        return op.reduce_mean(values, constant([1]))
    return op.div(op.reduce_sum(known(values, seen), constant([1])), count(seen, values))


def mean_where(values: Var, seen: Var, full: Var) -> Var:
    """The mean of what is seen, the short way where `full`, a bool scalar, says that all is."""
    (found,) = op.if_(
        full, then_branch=lambda: [mean(values, None)], else_branch=lambda: [mean(values, seen)]
    )
    return found


def any_of(seen: Var) -> Var:
    """Whether anything is seen of a row, bool `[rows, 1]`."""
    return op.cast(op.reduce_max(op.cast(seen, to=np.int32), constant([1])), to=np.bool_)


class Ordered:
    """What is seen of each row in ascending order, for its quantiles.

    Args:
        values, seen: `[rows, time]`.
        time: columns.
    """

    def __init__(self, values: Var, seen: Var | None, time: int) -> None:
        self._values, _ = op.top_k(known(values, seen, np.inf), constant([time]), axis=1, largest=0, sorted=1)
        self._seen, self._time = seen, time

    def quantile(self, level: float) -> Var:
        """Between neighbours by linear interpolation, `[rows, 1]`; zero where nothing is seen."""
        if self._seen is None:
            place = (self._time - 1) * level
            low, high = (self._column(round_(place)) for round_ in (np.floor, np.ceil))
            return op.add(low, op.mul(op.sub(high, low), number(place - np.floor(place), low)))
        last = op.sub(count(self._seen, self._values), number(1, self._values))
        at = op.mul(last, number(level, last))
        low, high = (self._gathered(round_(at)) for round_ in (op.floor, op.ceil))
        between = op.add(low, op.mul(op.sub(high, low), op.sub(at, op.floor(at))))
        return op.where(any_of(self._seen), between, number(0, between))

    def _column(self, place: float) -> Var:
        return op.slice(self._values, constant([int(place)]), constant([int(place) + 1]), constant([1]))

    def _gathered(self, place: Var) -> Var:
        return op.gather_elements(self._values, op.cast(place, to=np.int64), axis=1)
