"""Eight-bit weights: one scale a column, no zero points, activations quantised while running.

The nodes are emitted by us; onnxruntime's `quantize_dynamic` skips loop bodies, crashes on weights
of an outer scope and never touches a GRU.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqtools.export.graph import Var, Weights, contrib

# Seven bits, not eight: on CPUs without VNNI the product of two full bytes saturates, and the same
# file would then give other answers there (onnxruntime#14642).
LARGEST = 63
# What is only looked up and never multiplied in eight bits can have them all.
LARGEST_ROW = 127


class Quantized(NamedTuple):
    """`values * scale` is the matrix: int8 `[rows, columns]`, float32 `[columns]`."""

    values: NDArray[np.int8]
    scale: NDArray[np.float32]


def quantize_columns(matrix: NDArray[np.float32], largest: int = LARGEST) -> Quantized:
    """Round a matrix `[rows, columns]` to int8, -largest to largest, with one scale a column."""
    scale = np.abs(matrix).max(axis=0) / largest
    scale = np.where(scale > 0, scale, 1.0).astype(np.float32)
    return Quantized(np.rint(matrix / scale).clip(-largest, largest).astype(np.int8), scale)


def matmul(
    weights: Weights, name: str, matrix: Quantized, bias: NDArray[np.float32] | None, x: Var, rank: int = 3
) -> Var:
    """`x @ matrix + bias` as one DynamicQuantizeMatMul; `x […, rows]` of so many axes -> `[…, columns]`."""
    columns = matrix.values.shape[1]
    inputs = [
        x,
        weights.add(f"{name}.int8", matrix.values),
        weights.add(f"{name}.scale", matrix.scale),
        weights.add(f"{name}.zero", np.zeros(columns, np.int8)),
        None if bias is None else weights.add(f"{name}.bias", bias),
    ]
    return contrib("DynamicQuantizeMatMul", inputs, [(np.float32, (*[None] * (rank - 1), columns))])[0]


def lstm(
    weights: Weights,
    name: str,
    matrices: tuple[Quantized, Quantized],
    bias: Var,
    x: Var,
    lengths: Var | None,
    state: Sequence[Var],
) -> tuple[Var, Var, Var]:
    """DynamicQuantizeLSTM over `x [time, batch, input]`; input and recurrent matrices in ONNX's order."""
    width = matrices[1].values.shape[0]
    values, scales = [], []
    for part, matrix in zip("WR", matrices, strict=True):
        values.append(weights.add(f"{name}.{part}.int8", matrix.values[None]))
        zero = weights.add(f"{name}.{part}.zero", np.zeros((1, 4 * width), np.int8))
        scales += [weights.add(f"{name}.{part}.scale", matrix.scale[None]), zero]
    last = np.float32, (1, None, width)
    y, h, c = contrib(
        "DynamicQuantizeLSTM",
        [x, *values, bias, lengths, *state, None, *scales],
        [(np.float32, (None, 1, None, width)), last, last],
        hidden_size=width,
    )
    return y, h, c
