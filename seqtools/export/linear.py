"""A matrix of the network inside the graph, in the precision of the profile."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op
import torch
from numpy.typing import NDArray

from seqtools.errors import UsageError
from seqtools.export import quantize
from seqtools.export.graph import Var, Weights

PROFILES = ("portable", "int8")


def check_profile(profile: str) -> None:
    """Refuse a profile that nobody wrote.

    Raises:
        UsageError: it is none of `PROFILES`.
    """
    if profile not in PROFILES:
        raise UsageError("--profile", f"{profile!r} is not a profile", f"Choose {' or '.join(PROFILES)}")


Array = NDArray[np.float32]


def array(tensor: torch.Tensor) -> Array:
    """A parameter as a float32 array."""
    values: Array = tensor.detach().to("cpu", torch.float32).numpy()
    return values


@dataclass
class Context:
    """What every part of a lowering needs: where weights go, and in which precision."""

    profile: str = "portable"
    weights: Weights = field(default_factory=Weights)

    def __post_init__(self) -> None:
        check_profile(self.profile)

    @property
    def int8(self) -> bool:
        """Whether matrices are stored in eight bits."""
        return self.profile == "int8"


class Linear:
    """`x @ matrix + bias`; in the `int8` profile a DynamicQuantizeMatMul.

    Args:
        matrix: `[input, output]`. It is stored as it is used: onnxruntime packs such a constant once, in
            loop bodies too, whereas a transposed weight would be read column by column.
        bias: `[output]` or None.
    """

    def __init__(self, context: Context, name: str, matrix: Array, bias: Array | None = None) -> None:
        self._context, self._name, self._bias = context, name, bias
        self._matrix = matrix

    @cached_property
    def _quantized(self) -> quantize.Quantized:
        return quantize.quantize_columns(self._matrix)

    def __call__(self, x: Var) -> Var:
        """`x [a, b, input]` -> `[a, b, output]`."""
        weights = self._context.weights
        if self._context.int8:
            return quantize.matmul(weights, self._name, self._quantized, self._bias, x)
        y = op.matmul(x, self.matrix())
        return y if self._bias is None else op.add(y, weights.add(f"{self._name}.bias", self._bias))

    def rows(self, x: Var, added: Var | None = None) -> Var:
        """`x [rows, input]` -> `[rows, output]` in one node; `added [rows, output]` replaces the bias."""
        weights = self._context.weights
        if self._context.int8:
            y = quantize.matmul(weights, self._name, self._quantized, self._bias, x, rank=2)
            return y if added is None else op.add(y, added)
        if added is None and self._bias is not None:
            added = weights.add(f"{self._name}.bias", self._bias)
        return op.gemm(x, self.matrix(), added)

    def matrix(self) -> Var:
        """The fp32 matrix."""
        return self._context.weights.add(self._name, self._matrix)


class Embedding:
    """Rows of a table by token; in the `int8` profile a byte a value with one scale a row."""

    def __init__(self, context: Context, name: str, table: Array) -> None:
        self._context, self._name, self._table = context, name, table

    def __call__(self, tokens: Var) -> Var:
        """`tokens [time, batch, 1]` -> `[time, batch, width]`."""
        weights = self._context.weights
        if not self._context.int8:
            return op.gather_nd(weights.add(self._name, self._table), tokens)
        values, scale = quantize.quantize_columns(self._table.T, quantize.LARGEST_ROW)
        rows = op.gather_nd(weights.add(f"{self._name}.int8", values.T), tokens)
        scales = op.gather_nd(weights.add(f"{self._name}.scale", scale[:, None]), tokens)
        return op.mul(op.cast(rows, to=np.float32), scales)


class LayerNorm:
    """Layer normalisation over the last axis (Ba et al. 2016)."""

    def __init__(self, context: Context, name: str, gain: Array, bias: Array, epsilon: float) -> None:
        self._parts = context.weights.add(f"{name}.gain", gain), context.weights.add(f"{name}.bias", bias)
        self._epsilon = epsilon

    def __call__(self, x: Var) -> Var:
        """`x [a, b, width]`, same shape out."""
        gain, bias = self._parts
        return op.layer_normalization(x, gain, bias, axis=-1, epsilon=self._epsilon)[0]


def lower_norm(context: Context, norm: Any, name: str) -> LayerNorm | None:
    """A layer norm, or None where torch has an identity."""
    if not hasattr(norm, "normalized_shape"):
        return None
    return LayerNorm(context, name, array(norm.weight), array(norm.bias), norm.eps)
