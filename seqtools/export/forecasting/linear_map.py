"""A fixed linear map from a window to the steps ahead, stored in the smallest of three ways.

The values of a window that each step is made of, where they are few; two thin matrices, where the steps are
mixtures of a few (a level and a slope); else the matrix.
"""

from __future__ import annotations

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant
from seqtools.export.linear import Array, Context, Linear

_ROUNDING = 2e-7
"""Singular values below this share of the largest one are float32's rounding."""


class LinearMap:
    """`matrix @ window`.

    Args:
        name: of the weights.
        matrix: `[horizon, context]`.
    """

    def __init__(self, context: Context, name: str, matrix: Array) -> None:
        self._horizon = len(matrix)
        terms = int(np.count_nonzero(matrix, axis=1).max(initial=0))
        self._factors: list[Linear] = []
        parts = _factors(matrix.T)
        # To look a value up takes its place and its weight.
        if 2 * self._horizon * terms > sum(part.size for part in parts):
            exact = Context(weights=context.weights)
            self._factors = [Linear(exact, f"{name}.{i}", part) for i, part in enumerate(parts)]
            return
        self._terms = max(terms, 1)
        # The columns of each step's largest weights; zeros fill up where a step has fewer.
        columns = np.argsort(-np.abs(matrix), axis=1, kind="stable")[:, : self._terms]
        weights = np.take_along_axis(matrix, columns, axis=1)
        self._columns = context.weights.add(f"{name}.columns", columns.reshape(-1).astype(np.int32))
        self._weights: Var | None = None
        if not (weights == 1).all():
            self._weights = context.weights.add(f"{name}.weights", weights.astype(np.float32))

    def __call__(self, filled: Var) -> Var:
        """`filled [rows, context]` -> `[rows, horizon]`."""
        if self._factors:
            for factor in self._factors:
                filled = factor.rows(filled)
            return filled
        found = op.gather(filled, self._columns, axis=1)
        if self._terms == 1 and self._weights is None:
            return found
        found = op.reshape(found, constant([-1, self._horizon, self._terms]))
        weighed = found if self._weights is None else op.mul(found, self._weights)
        return op.reduce_sum(weighed, constant([2]), keepdims=0)


def _factors(matrix: Array) -> list[Array]:
    """The matrix, or two with the same product if they are smaller."""
    left, sizes, right = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    rank = int((sizes > _ROUNDING * sizes[0]).sum())
    if rank * sum(matrix.shape) >= matrix.size:
        return [matrix]
    halves = left[:, :rank] * np.sqrt(sizes[:rank]), right[:rank] * np.sqrt(sizes[:rank])[:, None]
    return [half.astype(np.float32) for half in halves]
