"""What training makes small: the pinball loss of all levels, in units that the recipe names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from seqtools.nn.forecasting.window import Forecast

if TYPE_CHECKING:
    from jaxtyping import Float

FAR = 10.0
"""Squared errors grow like a line beyond so many scaled units (Huber 1964): a rate that was pegged for years
and is let go would drown all else."""
LEAST_LEVEL = 0.1
"""Where errors are relative, a value counts as at least this share of the mean size of its window."""


class Scaler(Protocol):
    """What brings values to a forecast's scaled units and back: any forecaster."""

    def scaled(self, raw: Tensor, forecast: Forecast) -> Tensor:
        """Raw values `[batch, horizon, targets, ...]` in scaled units."""

    def restore(self, z: Tensor, forecast: Forecast) -> Tensor:
        """The inverse."""


@dataclass(frozen=True)
class Objective:
    """The loss of a batch.

    Attributes:
        levels: of the quantiles.
        transform: taken of values before they are scaled: none, log or asinh.
        weights: none (scaled units), naive (in seasonal steps of the series, as MASE), level (relative to the
            value, as sMAPE), or owa (half of each, over what Naive2 has).
        mean_weight: of the error of the mean, in scaled units.
        squared: whether that is the squared or the absolute one.
        naive2: sMAPE (as a share) and MASE of Naive2, for owa.
    """

    levels: Sequence[float]
    transform: str = "none"
    weights: str = "none"
    mean_weight: float = 0.0
    squared: bool = True
    naive2: tuple[float, float] = (1.0, 1.0)

    def loss(
        self, scaler: Scaler, forecast: Forecast, raw: Float[Tensor, "batch horizon targets"], units: Tensor
    ) -> Tensor:
        """The mean over what was observed.

        Args:
            scaler: the forecaster.
            forecast: what it said.
            raw: what came, NaN where missing.
            units: seasonal steps of each window's series, raw, `[batch, targets]`.
        """
        there = ~raw.isnan()
        raw = torch.where(there, raw, scaler.restore(forecast.mean.detach(), forecast))
        target = scaler.scaled(raw, forecast)
        loss = torch.zeros_like(target)
        for share, unit in self._units(forecast, raw, there, units):
            if self.transform == "none" or unit is None:
                size = forecast.scale if unit is None else forecast.scale * forecast.unit / unit
                size = torch.ones_like(size) if self.weights == "none" else size
                loss = loss + share * size.to(target) * pinball(target, forecast.quantiles, self.levels)
            else:
                told = scaler.restore(forecast.quantiles, forecast) / unit[..., None]
                loss = loss + share * pinball(raw / unit, told, self.levels)
        if self.mean_weight:
            error = forecast.mean - target
            loss = loss + self.mean_weight * (squares(error) if self.squared else error.abs())
        return (loss * there).sum() / there.sum().clamp(min=1)

    def _units(
        self, forecast: Forecast, raw: Tensor, there: Tensor, units: Tensor
    ) -> list[tuple[float, Tensor | None]]:
        """Shares of the loss and the raw units that each is in; None is the transformed values' own."""
        smape, mase = self.naive2 if self.weights == "owa" else (0.5, 0.5)
        # A difference of logarithms is relative already.
        level = None if self.transform == "log" else sizes(raw, there)
        parts: list[tuple[float, Tensor | None]] = []
        if self.weights in ("level", "owa"):
            parts.append((0.5 / smape, level))
        if self.weights in ("naive", "owa"):
            parts.append((0.5 / mase, units[:, None].expand_as(raw)))
        return parts or [(1.0, None)]


def pinball(target: Tensor, quantiles: Tensor, levels: Sequence[float]) -> Tensor:
    """Twice the pinball loss, the mean over levels: `[...]` of quantiles `[..., levels]`."""
    level = torch.tensor(levels, dtype=quantiles.dtype, device=quantiles.device)
    apart = target[..., None] - quantiles
    return 2 * torch.maximum(level * apart, (level - 1) * apart).mean(dim=-1)


def squares(error: Tensor) -> Tensor:
    """Squares of errors, beyond `FAR` their tangent."""
    size = error.abs()
    return torch.where(size <= FAR, error.square(), FAR * (2 * size - FAR))


def sizes(raw: Tensor, there: Tensor) -> Tensor:
    """Absolute values, those near zero raised to a share of the window's mean; 1 in a window of zeros."""
    known = raw.abs() * there
    mean = known.sum(dim=1, keepdim=True) / there.sum(dim=1, keepdim=True).clamp(min=1)
    size = torch.maximum(raw.abs(), LEAST_LEVEL * mean)
    return torch.where(size > 0, size, 1.0)
