"""How good forecasts of windows are: the scaled quantile loss, relative to the seasonal naive's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast.conformal import coverage
from seqtools_forecast.predicting import window_losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.forecaster import ForecastShape
    from seqtools.plugin import FloatArray
    from seqtools_forecast.predicting import Told
    from seqtools_forecast.splits import WindowList
    from seqtools_forecast.windows import WindowSource


class Judge:
    """Scores what is said of some windows.

    Args:
        source: where they lie.
        windows: which.
        shape: of the forecaster.
        units: the usual change of all series over a lag, `[series, targets]`.
        lag: in steps: a season, or 1.

    Attributes:
        naive: loss of the seasonal naive (the naive where the lag is 1) on these windows.
    """

    def __init__(
        self,
        source: WindowSource,
        windows: WindowList,
        shape: ForecastShape,
        units: NDArray[np.float64],
        lag: int,
    ) -> None:
        self.windows, self.shape, self.units = windows, shape, units[windows.series]
        self.lag = lag
        losses = [
            self._naive(source, few, units[few.series]) for few in windows.batches(256)
        ]  # point forecasts, so that batches are small
        self.naive = max(float(np.concatenate(losses).mean()), 1e-9)

    def _naive(
        self, source: WindowSource, few: WindowList, units: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        window, raw = source.gather(few)
        told = seasonal_naive(window.history.numpy(), self.shape.horizon, self.lag)
        return window_losses(raw.numpy(), told[..., None], units, self.shape.levels)

    def losses(self, raw: FloatArray, quantiles: FloatArray) -> NDArray[np.float64]:
        """Of each window, over the mean of the seasonal naive, `[windows]`; both in raw units."""
        return window_losses(raw, quantiles, self.units, self.shape.levels) / self.naive

    def figures(self, told: Told) -> dict[str, float]:
        """What an evaluation says; `valid_loss` is below 1 where the seasonal naive is beaten."""
        raw, levels = told.raw.numpy(), self.shape.levels
        quantiles = told.restored(told.quantiles)
        middle = quantiles[..., levels.index(0.5), None]
        inside = coverage(quantiles, raw, levels)
        figures = {
            "valid_loss": float(self.losses(raw, quantiles).mean()),
            "mase": float(window_losses(raw, middle, self.units, (0.5,)).mean()),
        }
        return figures | ({"coverage_80": inside["80"]} if "80" in inside else {})


def seasonal_naive(history: FloatArray, horizon: int, lag: int) -> FloatArray:
    """The values one season before, the last one where they are missing, `[windows, horizon, targets]`."""
    seen = ~np.isnan(history)
    steps = np.arange(history.shape[1])[:, None]
    place = np.maximum.accumulate(np.where(seen, steps, 0), axis=1)
    filled = np.take_along_axis(history, place, axis=1)
    ago = history.shape[1] - lag + np.arange(horizon) % lag
    told: FloatArray = np.where(np.isnan(history[:, ago]), filled[:, -1:], history[:, ago])
    return np.nan_to_num(told)
