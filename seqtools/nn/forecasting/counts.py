"""A count of the negative binomial distribution from one uniform, by inverting its distribution function.

Neither the inverse nor the distribution function itself has a form that a graph could hold, so probabilities
are added up over a grid of counts: every count where the distribution is narrow or near zero, and steps that
grow with it elsewhere, between which the probability is taken for a power of the count. Doubles throughout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Float

EXACT, BELOW, ABOVE = 32, 48, 48
"""Points of the grid: every count from 0, then up to the mean, then beyond it."""
REACH = 7.0, 6.0, 17.0
"""How far the grid goes: standard deviations below the mean; deviations and lengths of tail above it."""

POINTS: NDArray[np.float64] = np.concatenate(
    [np.zeros(EXACT), np.arange(1, BELOW + 1) / BELOW, (np.arange(1, ABOVE + 1) / ABOVE) ** 2]
)
"""Where each point lies between the ends of its part."""


def draw_count(
    mean: Float[Tensor, "*shape"], dispersion: Float[Tensor, "*shape"], uniform: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """The least count whose distribution function reaches the uniform; the variance is
    `mean + dispersion mean^2`."""
    average, alpha = mean.double()[..., None], dispersion.double()[..., None]
    counts = grid(average, alpha)
    reached = probabilities(counts, average, alpha)
    target = uniform.double()[..., None]
    index = (reached < target).sum(-1, keepdim=True).clamp_max(counts.shape[-1] - 1)
    before = (index - 1).clamp_min(0)
    low, high = counts.gather(-1, before), counts.gather(-1, index)
    start, end = reached.gather(-1, before), reached.gather(-1, index)
    part = (target - start) / (end - start).clamp_min(1e-300)
    found = torch.where(index == 0, torch.zeros_like(low), low + (part * (high - low)).ceil())
    return found[..., 0].to(mean.dtype)


def grid(mean: Tensor, dispersion: Tensor) -> Tensor:
    """Counts in ascending order, `[..., points]`, some of them twice."""
    deviation = (mean * (1 + dispersion * mean)).sqrt()
    tail = 1 / torch.log1p(1 / (dispersion * mean))
    points = torch.as_tensor(POINTS, dtype=mean.dtype, device=mean.device)
    _, below, above = torch.split(points, [EXACT, BELOW, ABOVE])
    last = float(EXACT - 1)
    middle = mean.clamp_min(last)
    low = torch.where(dispersion > 1, last, (mean - REACH[0] * deviation).clamp_min(last))
    ratio = middle / low
    evenly, by_ratio = low + (middle - low) * below, low * ratio**below
    rising = torch.where(dispersion > 1, by_ratio, evenly)
    falling = middle + (REACH[1] * deviation + REACH[2] * tail) * above
    first = torch.arange(EXACT, dtype=mean.dtype, device=mean.device).expand(*mean.shape[:-1], EXACT)
    return torch.cat([first, (rising + 0.5).floor(), (falling + 0.5).floor()], -1)


def probabilities(counts: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    """The distribution function at each point of the grid, 1 at the last."""
    trials = 1 / dispersion
    failing = torch.log1p(mean * dispersion)
    log = (
        torch.lgamma(counts + trials) - torch.lgamma(trials) - torch.lgamma(counts + 1)
        + counts * ((mean * dispersion).log() - failing) - trials * failing
    )  # fmt: skip
    each = log.exp()
    low, high = counts[..., :-1], counts[..., 1:]
    a, b = each[..., :-1], each[..., 1:]
    # The sum over (low, high] by Euler and Maclaurin, for a power law in k + 1 through both ends.
    ratio = ((high + 1) / (low + 1)).log()
    growth = log.diff() + ratio
    level = growth.abs() < 1e-6
    upper, lower = (high + 1) * b, (low + 1) * a
    curved = (upper - lower) / torch.where(level, torch.ones_like(growth), growth)
    inside = torch.where(level, 0.5 * (upper + lower), curved) * ratio
    steps = high - low
    mass = torch.where(steps > 1, inside + 0.5 * (b - a), torch.where(steps > 0, b, torch.zeros_like(b)))
    reached = torch.cat([each[..., :1], mass], -1).cumsum(-1)
    return reached / reached[..., -1:]
