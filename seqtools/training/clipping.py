"""Gradient clipping, with the gradient's norm as a by-product for the log."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from seqtools.errors import UsageError

Clip = Callable[[list[nn.Parameter]], Tensor]
"""Clips in place and returns the norm before it, a scalar on the device (no synchronisation)."""


def clipper(kind: str, threshold: float) -> Clip:
    """`norm`: scale all gradients when their joint norm is above the threshold (Pascanu et al. 2013);
    `value`: bound every entry (char-rnn); `none`: only measure.

    Raises:
        UsageError: unknown kind, or a threshold that is not above zero.
    """
    if kind not in ("norm", "value", "none"):
        raise UsageError(f"clip '{kind}'", "no such kind of clipping", "Choose norm, value or none")
    if kind != "none" and not threshold > 0:
        raise UsageError("clip_at", f"the threshold must be above zero, not {threshold:g}", "Try 1.0")

    def by_norm(parameters: list[nn.Parameter]) -> Tensor:
        return nn.utils.clip_grad_norm_(parameters, threshold)

    def by_value(parameters: list[nn.Parameter]) -> Tensor:
        norm = measure(parameters)
        nn.utils.clip_grad_value_(parameters, threshold)
        return norm

    def measure(parameters: list[nn.Parameter]) -> Tensor:
        return nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])

    return {"norm": by_norm, "value": by_value, "none": measure}[kind]


def all_finite(tensors: list[Tensor]) -> bool:
    """Whether no entry of any tensor is NaN or infinite (one synchronisation)."""
    with torch.no_grad():
        return bool(torch.isfinite(torch.stack(torch._foreach_norm(tensors, float("inf")))).all())
