"""Matrices kept in eight bits and multiplied in float32: a quarter of the size, at the speed of float32.

A runtime computes what depends on constants alone when it loads a file, so the matrices are float32 again
before the first run; nothing else is rounded, unlike in graphs that quantise what they multiply, too.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op
from numpy.typing import NDArray

from seqtools.export.graph import Var, Weights

_LEAST = 1024
"""Numbers of a matrix that is worth it."""
_LARGEST = 127
_BY_ROW = (".W", ".R")
"""What recurrent nodes read: `[1, gates * width, input]`, a row for each number that comes out."""


class PackedWeights(Weights):
    """Stores matrices as bytes, with one scale for each number that comes out of a product."""

    def __init__(self) -> None:
        super().__init__()
        self._unpacked: dict[str, Var] = {}

    def add(self, name: str, array: NDArray[Any]) -> Var:
        """Store an array; a matrix of float32 in eight bits."""
        by_row = name.endswith(_BY_ROW)
        if array.dtype != np.float32 or array.size < _LEAST or not (by_row or array.ndim == 2):
            return super().add(name, array)
        array = np.ascontiguousarray(array)
        digest = hashlib.sha256(f"{array.shape}".encode() + array.tobytes()).hexdigest()
        if digest not in self._unpacked:
            top = np.abs(array).max(axis=-1 if by_row else 0, keepdims=True)
            scale = np.where(top > 0, top / np.float32(_LARGEST), np.float32(1)).astype(np.float32)
            values = super().add(f"{name}.int8", np.rint(array / scale).astype(np.int8))
            scales = super().add(f"{name}.scale", scale)
            self._unpacked[digest] = op.mul(op.cast(values, to=np.float32), scales)
        return self._unpacked[digest]
