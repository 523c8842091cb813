"""The window of history as graph pieces: cut or padded to its length, gaps filled, figures of what is seen.

A window is `[rows, context]`, float32, NaN where a value is missing; each target of each series is a row.
`missing [rows, context]` is bool throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant

_END = 2**62
_LEAST = 1e-30


def cut(values: Var, context: int, ahead: int = 0, empty: float = np.nan) -> Var:
    """The last `context` steps of any number of them, `empty` before the first where there are fewer.

    Args:
        values: `[batch, time, …]`, or `[batch, time + ahead, …]`.
        context: steps wanted.
        ahead: further steps at the end, which are kept: the result is `[batch, context + ahead, …]`.
        empty: what stands where nothing is known.
    """
    wanted, rank = context + ahead, len(values.unwrap_tensor().shape or ())
    before = [0, wanted, *[0] * (rank - 2), *[0] * rank]
    # Cut, then padded, then cut: whatever is fed, no more than two windows are copied.
    padded = op.pad(_last(values, wanted), constant(before), constant(empty, np.float32))
    return _last(padded, wanted)


def _last(values: Var, count: int) -> Var:
    return op.slice(values, constant([-count]), constant([_END]), constant([1]))


def to_rows(values: Var) -> Var:
    """`[batch, time, targets]` -> `[batch * targets, time]`, a series' targets next to each other."""
    steps = values.unwrap_tensor().shape
    time = steps[1] if steps is not None and isinstance(steps[1], int) else -1
    turned = op.transpose(values, perm=(0, 2, 1))
    if time > 0:
        return op.reshape(turned, constant([-1, time]))
    return op.reshape(turned, op.concat([constant([-1]), op.shape(values, start=1, end=2)], axis=0))


def from_rows(values: Var, targets: int, tail: Sequence[int]) -> Var:
    """`[batch * targets, *tail]` -> `[batch, horizon, targets, …]`; `tail` is `(horizon, …)`."""
    apart = op.reshape(values, constant([-1, targets, *tail]))
    return op.transpose(apart, perm=(0, 2, 1, *range(3, 2 + len(tail))))


def fill(values: Var, missing: Var) -> Var:
    """Each gap holds the value before it, one at the beginning the value after it, a row of gaps zeros.

    Values are moved together, and looked up again by how many have been seen: five nodes for any length of
    gaps, and none of them runs where nothing is missing.
    """

    def filled() -> list[Var]:
        nothing, never = constant(0, np.float32), constant(0, np.int32)
        seen = op.cumsum(op.cast(op.not_(missing), to=np.int32), constant(1))
        known = op.where(missing, nothing, values)
        # Column 0 takes what is missing and is not read; column k gets the value seen as the k-th.
        room = op.pad(op.mul(known, nothing), constant([0, 0, 0, 1]), nothing)
        stored = op.scatter_elements(room, op.where(missing, never, seen), known, axis=1)
        return [op.gather_elements(stored, op.max([seen, constant(1, np.int32)]), axis=1)]

    return where_any(missing, filled, lambda: [op.identity(values)])


def where_any(condition: Var, then: Callable[[], list[Var]], other: Callable[[], list[Var]]) -> Var:
    """One value, computed in a way that depends on whether a bool array holds anywhere."""
    anywhere = op.cast(op.reduce_max(op.cast(condition, to=np.int32), keepdims=0), to=np.bool_)
    (chosen,) = op.if_(anywhere, then_branch=then, else_branch=other)
    return chosen


def seen_only(values: Var, missing: Var, otherwise: float = 0.0) -> Var:
    """Values with a number where they are missing."""
    return op.where(missing, constant(otherwise, np.float32), values)


def count(missing: Var) -> Var:
    """How many values of a row are seen, one at least, float32 `[rows, 1]`."""
    seen = op.cast(op.not_(missing), to=np.float32)
    return op.max([op.reduce_sum(seen, constant([1])), constant(1, np.float32)])


def mean(values: Var, missing: Var, seen: Var) -> Var:
    """Mean of what is seen, `[rows, 1]`; `seen` from `count`. Zero for a row of gaps."""
    return op.div(op.reduce_sum(seen_only(values, missing), constant([1])), seen)


def largest(values: Var, missing: Var) -> Var:
    """Largest absolute value seen, `[rows, 1]`; one for a row of zeros or gaps."""
    top = op.reduce_max(op.abs(seen_only(values, missing)), constant([1]))
    return op.where(op.greater(top, constant(_LEAST, np.float32)), top, constant(1, np.float32))


def last(filled: Var) -> Var:
    """The last value of a filled window, `[rows, 1]`."""
    return _last(filled, 1)


class Sorted:
    """What is seen of each row in ascending order, for quantiles of it.

    Args:
        values, missing: `[rows, context]`.
        seen: from `count`.
    """

    def __init__(self, values: Var, missing: Var, seen: Var, context: int) -> None:
        # The smallest first: what is missing counts as larger than anything.
        full = seen_only(values, missing, np.inf)
        self._values, _ = op.top_k(full, constant([context]), axis=1, largest=0, sorted=1)
        self._some = op.less(op.reduce_min(full, constant([1])), constant(np.inf, np.float32))
        self._above = op.sub(seen, constant(1, np.float32))

    def quantile(self, level: float) -> Var:
        """Linear interpolation between neighbours, `[rows, 1]`; zero for a row of gaps."""
        place = op.mul(self._above, constant(level, np.float32))
        below = op.floor(place)
        low = op.gather_elements(self._values, op.cast(below, to=np.int64), axis=1)
        high = op.gather_elements(self._values, op.cast(op.ceil(place), to=np.int64), axis=1)
        between = op.add(low, op.mul(op.sub(high, low), op.sub(place, below)))
        return op.where(self._some, between, constant(0, np.float32))
