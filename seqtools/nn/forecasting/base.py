"""What every forecaster of one network has: its scaling, its covariates, and what training data settle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError
from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.covariates import Covariates, Standard
from seqtools.nn.forecasting.scaling import Scaled, Scaling
from seqtools.nn.forecasting.window import Forecast, Window, to_rows

if TYPE_CHECKING:
    from jaxtyping import Float


class BaseForecaster(nn.Module):
    """Base of the forecasters: `forward(window) -> Forecast`, in scaled units.

    Args:
        config: the network's.
        shape: what the data settle.

    Attributes:
        scaling: from raw values to scaled ones.
        covariates: all that stands beside the history.
        standard: `[targets]`, spread of the training data; the unit where `scale` is none.
        noise: standard deviation of what is added to scaled windows in training; set by who trains.
    """

    standard: Tensor

    def __init__(self, config: ForecasterConfig, shape: ForecastShape) -> None:
        super().__init__()
        self.config, self.shape = config, shape
        self.scaling = Scaling(config, shape)
        self.covariates = Covariates(config, shape)
        self.register_buffer("standard", torch.ones(shape.targets))
        self.noise = 0.0

    def forward(self, window: Window) -> Forecast:
        """Quantiles and means of the steps after a window."""
        raise NotImplementedError

    def scale_window(self, window: Window) -> Scaled:
        """The scaled history, each target of each series a row."""
        history = to_rows(window.history)
        return self.scaling(history, self.standard.repeat(len(window.history))[:, None])

    def restore(
        self, z: Float[Tensor, "batch horizon targets *levels"], forecast: Forecast
    ) -> Float[Tensor, "batch horizon targets *levels"]:
        """Scaled values to raw ones: computed in float64, told in the precision of `z`.

        Whatever is said of a window that never moved, it is followed by its value.
        """
        steady = _as_wide(forecast.steady, z)
        return torch.where(steady.isnan(), self.unscaled(z, forecast), steady).to(z.dtype)

    def unscaled(
        self, z: Float[Tensor, "batch horizon targets *levels"], forecast: Forecast
    ) -> Float[Tensor, "batch horizon targets *levels"]:
        """The same of windows that never moved, too, in float64."""
        location, scale, unit = (_as_wide(part, z) for part in _scales(forecast))
        return self.scaling.backward(z.double() * scale + location, unit)

    def scaled(
        self, raw: Float[Tensor, "batch horizon targets *levels"], forecast: Forecast
    ) -> Float[Tensor, "batch horizon targets *levels"]:
        """Raw values to scaled ones; the inverse of `unscaled`. NaN stays."""
        location, scale, unit = (_as_wide(part, raw) for part in _scales(forecast))
        return ((self.scaling.forward(raw, unit) - location) / scale).to(raw.dtype)

    @torch.no_grad()
    def settle(self, *, standard: Tensor | None = None, **columns: tuple[Tensor, Tensor]) -> None:
        """Take figures of the training data, before training.

        Args:
            standard: spread of each target.
            columns: means and spreads of `past`, `future` and `numbers`.
        """
        if standard is not None:
            self.standard.copy_(torch.where(standard > 0, standard, 1.0))
        parts: Mapping[str, Standard] = {
            "past": self.covariates.past,
            "future": self.covariates.future,
            "numbers": self.covariates.numbers,
        }
        for name, (shift, spread) in columns.items():
            parts[name].settle(shift, spread)


def check_levels(shape: ForecastShape) -> None:
    """Levels must ascend and hold the median.

    Raises:
        ConfigError: they do not.
    """
    inside = all(0 < level < 1 for level in shape.levels)
    if not inside or 0.5 not in shape.levels or list(shape.levels) != sorted(set(shape.levels)):
        cause = f"{', '.join(map(str, shape.levels))} do not ascend within 0 and 1 with 0.5 among them"
        raise ConfigError("data.levels", cause, "Write `0.1,0.5,0.9`")


def _scales(forecast: Forecast) -> tuple[Tensor, Tensor, Tensor]:
    return forecast.location, forecast.scale, forecast.unit


def _as_wide(part: Float[Tensor, "batch 1 targets"], like: Tensor) -> Tensor:
    return part.reshape(*part.shape, *(1,) * (like.dim() - part.dim()))
