"""Raw values to scaled ones and back: a unit, a transform, a location and a scale of each window.

The unit is the largest value seen, so that 1e-12 and 1e12 are alike; the transform comes after it. All of it
is computed in float64, and only what the network reads is rounded: of a series that hardly moves, float32
would lose the part that is forecast, and what is divided by a small scale is an error made large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting import filling

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

LEAST = 1e-30
"""A unit below this is one of a row of zeros (or gaps), and taken as 1."""
FLOOR = 1e-6
"""log: values below this share of the largest are read as that."""
TOP = 20.0
"""Transformed values above this are cut before they are taken back, so that nothing overflows."""
FLAT = 1e-6
"""A scale below this is that of a constant window, for which `CONSTANT` stands."""
CONSTANT = 0.1
"""Scale of a constant window, as a share of its value."""
SOFT = 1e-3
"""log: added to every scale, as logarithms need no unit."""


class Scaled(NamedTuple):
    """Windows, each target a row."""

    values: Float[Tensor, "rows context"]
    """scaled, without gaps, in the network's precision"""
    exact: Float[Tensor, "rows context"]
    """the same in float64, and so are the last four"""
    seen: Bool[Tensor, "rows context"]
    """where a value was observed"""
    location: Float[Tensor, "rows 1"]
    scale: Float[Tensor, "rows 1"]
    unit: Float[Tensor, "rows 1"]
    steady: Float[Tensor, "rows 1"]
    """the one value of a window that never moved, raw; NaN of one that did, or holds less than two values"""


class Scaling:
    """The way from raw values to scaled ones that a configuration names.

    A window that never moved has no scale in which to say how far it will: its value is told, and not what a
    network makes of the scale that stands in. Networks that draw paths learn a distribution of such windows,
    too, and keep it.

    Args:
        config: transform, location and scale.
        shape: seasons and context.
    """

    def __init__(self, config: ForecasterConfig, shape: ForecastShape) -> None:
        self.transform, self.location, self.scale = config.transform, config.location, config.scale
        self.holds = config.kind != "deepar"
        self.context = shape.context
        self.season = main_season(shape)
        self.longest = max((s for s in shape.seasons if s <= shape.context), default=0)

    def __call__(self, history: Float[Tensor, "rows context"], standard: Float[Tensor, "rows 1"]) -> Scaled:
        """Scale raw windows with NaN where values are missing.

        Args:
            standard: the unit of each row where `scale` is none.
        """
        seen, raw = filling.observed(history), history.double()
        filled = filling.fill(raw, seen)
        unit = standard.double() if self.scale == "none" else self._unit(raw, seen)
        z = self.forward(filled, unit)
        location = self._location(z, seen)
        scale = self._scale(z, seen, location)
        exact = (z - location) / scale
        return Scaled(exact.to(history), exact, seen, location, scale, unit, self._steady(filled, seen))

    def forward(self, raw: Tensor, unit: Tensor) -> Tensor:
        """Raw values to transformed ones, in float64."""
        parts = raw.double() / unit
        if self.transform == "log":
            return parts.clamp(min=FLOOR).log()
        return parts.asinh() if self.transform == "asinh" else parts

    def backward(self, z: Tensor, unit: Tensor) -> Tensor:
        """Transformed values to raw ones, in float64."""
        if self.transform == "log":
            return z.clamp(max=TOP).exp() * unit
        return z.clamp(-TOP, TOP).sinh() * unit if self.transform == "asinh" else z * unit

    def _steady(self, filled: Tensor, seen: Tensor) -> Tensor:
        low, high = filled.aminmax(dim=1, keepdim=True)
        still = (low == high) & (seen.sum(dim=1, keepdim=True) > 1) & self.holds
        return torch.where(still, high, torch.nan)

    def _unit(self, history: Tensor, seen: Tensor) -> Tensor:
        known = history.masked_fill(~seen, 0.0).abs()
        largest = known.amax(dim=1, keepdim=True)
        largest = torch.where(largest > LEAST, largest, 1.0)
        if self.transform != "asinh":
            return largest
        # What is usual maps to about 1, so that peaks are drawn in and the rest is not.
        share = known / largest
        usual = filling.quantile(share, seen, 0.5)
        usual = torch.where(usual > FLAT, usual, filling.mean(share, seen))
        return largest * torch.where(usual > FLAT, usual, 1.0)

    def _location(self, z: Tensor, seen: Tensor) -> Tensor:
        kind, last = self.location, z[:, -1:]
        if kind == "zero":
            return torch.zeros_like(last)
        if kind == "last":
            return last
        if kind == "median":
            return filling.quantile(z, seen, 0.5)
        span = {"mean": 0, "season": self.season, "seasons": self.longest}[kind] or self.context
        recent = seen[:, -span:]
        # Of differences from one of them: the mean of equal values is then that value, and not near it.
        average = last + filling.mean(z[:, -span:] - last, recent)
        return torch.where(recent.any(dim=1, keepdim=True), average, last)

    def _scale(self, z: Tensor, seen: Tensor, location: Tensor) -> Tensor:
        if self.scale == "none":
            return torch.ones_like(location)
        scale = self._spread(z, seen, location)
        if self.transform == "log":
            return scale + SOFT
        return torch.where(scale > FLAT, scale, CONSTANT)

    def _spread(self, z: Tensor, seen: Tensor, location: Tensor) -> Tensor:
        if self.scale == "mean_abs":
            return filling.mean((z - location).abs(), seen)
        if self.scale == "robust":
            return filling.quantile(z, seen, 0.75) - filling.quantile(z, seen, 0.25)
        if self.scale == "std":
            return _deviation(z, seen)
        lag = self.season if self.scale == "difference" and 0 < self.season < self.context else 1
        if lag >= self.context:
            return _deviation(z, seen)
        both = seen[:, lag:] & seen[:, :-lag]
        steps = filling.mean((z[:, lag:] - z[:, :-lag]).abs(), both)
        return torch.where(both.any(dim=1, keepdim=True), steps, _deviation(z, seen))


def _deviation(z: Tensor, seen: Tensor) -> Tensor:
    apart = z - z[:, -1:]
    return filling.mean((apart - filling.mean(apart, seen)).square(), seen).sqrt()


def main_season(shape: ForecastShape) -> int:
    """Steps of the season that counts most, 0 for none."""
    return shape.seasons[0] if shape.seasons else 0
