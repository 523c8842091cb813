"""What a network says of windows of a store, batch by batch, and of the same windows in raw units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from seqtools.forecaster import ForecastShape
from seqtools.nn.forecasting.window import Forecast
from seqtools_forecast.calibration import Calibration
from seqtools_forecast.splits import WindowList
from seqtools_forecast.windows import WindowSource, to_device

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray, IntArray

_CELLS = 2_000_000
"""Quantiles of a batch, so that memory is bounded whatever the horizon."""


@dataclass(frozen=True)
class Told:
    """What a network said of some windows, on the CPU.

    Attributes:
        network: who said it.
        windows: of what.
        forecast: in scaled units.
        raw: what came, `[windows, horizon, targets]`, NaN where missing.
    """

    network: nn.Module
    windows: WindowList
    forecast: Forecast
    raw: Tensor

    @property
    def quantiles(self) -> FloatArray:
        """Scaled, `[windows, horizon, targets, levels]`."""
        return _numbers(self.forecast.quantiles)

    @property
    def filled(self) -> FloatArray:
        """The scaled windows without gaps, `[windows, context, targets]`."""
        return _numbers(self.forecast.filled)

    @property
    def target(self) -> FloatArray:
        """What came, in scaled units, `[windows, horizon, targets]`; NaN where missing.

        And behind windows that never moved: what is told of those is not scaled, and says nothing of others.
        """
        there = ~self.raw.isnan() & self.forecast.steady.isnan()
        scaler: Any = self.network
        scaled = scaler.scaled(torch.where(there, self.raw, 1.0), self.forecast)
        return _numbers(torch.where(there, scaled, torch.nan))

    def restored(self, quantiles: FloatArray) -> FloatArray:
        """Scaled quantiles in raw units, in order."""
        scaler: Any = self.network
        return _numbers(scaler.restore(torch.from_numpy(quantiles), self.forecast).sort(dim=-1).values)

    def calibrated(self, calibration: Calibration, *, non_negative: bool) -> tuple[FloatArray, FloatArray]:
        """Quantiles and mean in raw units, as the file tells them."""
        scaler: Any = self.network
        quantiles, mean = calibration.apply(self.quantiles, _numbers(self.forecast.mean), self.filled)
        told = self.restored(quantiles)
        middle = _numbers(scaler.restore(torch.from_numpy(mean), self.forecast))
        if non_negative:
            return np.maximum(told, 0), np.maximum(middle, 0)
        return told, middle


@dataclass(frozen=True)
class ToldByAll:
    """What several networks said, each of its own windows: as if one had said it all.

    Attributes:
        parts: what each said.
    """

    parts: Sequence[Told]

    @property
    def windows(self) -> WindowList:
        """All windows, as all that follows in the order of the parts."""
        return WindowList.joined([part.windows for part in self.parts])

    @property
    def quantiles(self) -> FloatArray:
        """Scaled, `[windows, horizon, targets, levels]`."""
        return np.concatenate([part.quantiles for part in self.parts])

    @property
    def filled(self) -> FloatArray:
        """The scaled windows without gaps, `[windows, context, targets]`."""
        return np.concatenate([part.filled for part in self.parts])

    @property
    def target(self) -> FloatArray:
        """What came, in scaled units, `[windows, horizon, targets]`."""
        return np.concatenate([part.target for part in self.parts])

    @property
    def raw(self) -> FloatArray:
        """What came, `[windows, horizon, targets]`."""
        return np.concatenate([_numbers(part.raw) for part in self.parts])

    @property
    def block(self) -> IntArray:
        """Which part a window belongs to, `[windows]`."""
        return np.repeat(np.arange(len(self.parts)), [len(part.windows) for part in self.parts])

    def restored(self, quantiles: FloatArray) -> FloatArray:
        """Scaled quantiles in raw units, in order."""
        ends = np.cumsum([len(part.windows) for part in self.parts])
        each = np.split(quantiles, ends[:-1])
        return np.concatenate([part.restored(own) for part, own in zip(self.parts, each, strict=True)])


def _numbers(tensor: Tensor) -> FloatArray:
    array: FloatArray = tensor.numpy()
    return array


def rows_at_once(shape: ForecastShape) -> int:
    """Windows of a batch."""
    cells = shape.targets * max(shape.horizon * len(shape.levels), shape.context)
    return max(1, min(512, _CELLS // cells))


@torch.no_grad()
def predict(
    network: nn.Module, source: WindowSource, windows: WindowList, shape: ForecastShape, device: torch.device
) -> Told:
    """Ask a network, in eval mode, about windows."""
    parts: list[tuple[Forecast, Tensor]] = []
    for few in windows.batches(rows_at_once(shape)):
        window, raw = source.gather(few)
        told = network(to_device(window, device))
        parts.append((Forecast(*(part.cpu() for part in told)), raw))
    whole = (torch.cat(column) for column in zip(*(forecast for forecast, _ in parts), strict=True))
    return Told(network, windows, Forecast(*whole), torch.cat([raw for _, raw in parts]))


def window_losses(
    raw: FloatArray, quantiles: FloatArray, units: NDArray[np.float64], levels: Sequence[float]
) -> NDArray[np.float64]:
    """Scaled quantile loss of each window, the mean over steps, targets and levels, `[windows]`.

    Args:
        raw: what came, `[windows, horizon, targets]`, NaN where missing.
        quantiles: raw, `[windows, horizon, targets, levels]`, or a last axis of 1 for a point forecast.
        units: seasonal steps of each window's series, `[windows, targets]`.
        levels: of the quantiles.
    """
    there = ~np.isnan(raw)
    loss = np.zeros(raw.shape)
    for place, level in enumerate(levels):
        apart = np.where(there, raw - quantiles[..., min(place, quantiles.shape[-1] - 1)], 0)
        loss += np.maximum(level * apart, (level - 1) * apart)
    loss *= 2 / len(levels) / units[:, None]
    found: NDArray[np.float64] = loss.sum(axis=(1, 2)) / np.maximum(there.sum(axis=(1, 2)), 1)
    return found
