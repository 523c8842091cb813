"""Where in the day, the week, the year a step lies, as points on circles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float, Int


def phases(
    positions: Int[Tensor, "batch time"], periods: tuple[tuple[int, int], ...]
) -> Float[Tensor, "batch time twice_periods"]:
    """Sine and cosine of each step's place in each period.

    A period is a ratio of whole numbers and the place a remainder of whole numbers, so that it is as exact
    for a step in the year 2100 as for the first.
    """
    parts = []
    for steps, per in periods:
        angle = (positions * per).remainder(steps).float() * (2 * math.pi / steps)
        parts += [angle.sin(), angle.cos()]
    return torch.stack(parts, dim=-1) if parts else positions.new_zeros(*positions.shape, 0).float()


def steps_about(position: Int[Tensor, " batch"], before: int, after: int) -> Int[Tensor, "batch time"]:
    """Positions of the steps before the first one to forecast, and of those from it on."""
    return position[:, None] + torch.arange(-before, after, device=position.device)
