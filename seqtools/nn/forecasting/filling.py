"""Which values of a window are there, and what stands for the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

_LARGEST = torch.finfo(torch.float32).max


def observed(values: Float[Tensor, "*shape"]) -> Bool[Tensor, "*shape"]:
    """True where there is a number: no NaN and no infinity."""
    return values.abs() <= _LARGEST


def fill(values: Float[Tensor, "rows time"], seen: Bool[Tensor, "rows time"]) -> Float[Tensor, "rows time"]:
    """Gaps hold the value before them, those at the beginning the first one; a row of gaps holds zeros."""
    steps = torch.arange(values.shape[1], device=values.device)
    before = torch.where(seen, steps, -1).cummax(dim=1).values
    first = seen.to(torch.int8).argmax(dim=1, keepdim=True)
    known = values.masked_fill(~seen, 0.0)
    return known.gather(1, torch.where(before < 0, first, before))


def count(seen: Bool[Tensor, "rows time"]) -> Int[Tensor, "rows 1"]:
    """How many values are seen, at least 1."""
    return seen.sum(dim=1, keepdim=True).clamp(min=1)


def mean(values: Float[Tensor, "rows time"], seen: Bool[Tensor, "rows time"]) -> Float[Tensor, "rows 1"]:
    """Mean of what is seen; zero where nothing is."""
    return values.masked_fill(~seen, 0.0).sum(dim=1, keepdim=True) / count(seen)


def quantile(
    values: Float[Tensor, "rows time"], seen: Bool[Tensor, "rows time"], level: float
) -> Float[Tensor, "rows 1"]:
    """Quantile of what is seen, between neighbours by linear interpolation; zero where nothing is."""
    ordered = values.masked_fill(~seen, float("inf")).sort(dim=1).values
    place = (count(seen) - 1).to(values.dtype) * level
    low, high = (ordered.gather(1, end.long()) for end in (place.floor(), place.ceil()))
    between = low + (high - low) * (place - place.floor())
    return torch.where(seen.any(dim=1, keepdim=True), between, 0.0)
