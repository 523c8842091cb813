"""Several networks of one configuration whose forecasts are averaged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.base import BaseForecaster
from seqtools.nn.forecasting.cores import make_forecaster
from seqtools.nn.forecasting.window import Forecast, Window

if TYPE_CHECKING:
    from jaxtyping import Float


class Ensemble(nn.Module):
    """Means of quantiles and means of the members, taken in raw units, told in those of the first member.

    Args:
        members: forecasters of one shape.

    Attributes:
        members: the same; each has weights of its own.
    """

    def __init__(self, members: list[BaseForecaster]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.config, self.shape = members[0].config, members[0].shape

    def forward(self, window: Window, noise: Tensor | None = None) -> Forecast:
        """Quantiles and means of the steps after a window; `noise` is for members that draw paths."""
        given = () if noise is None else (noise,)
        forecasts: list[Forecast] = [member(window, *given) for member in self.members]
        first = forecasts[0]
        if len(forecasts) == 1:
            return first
        quantiles, mean = [], []
        for member, forecast in zip(self.forecasters(), forecasts, strict=True):
            quantiles.append(member.unscaled(forecast.quantiles, forecast))
            mean.append(member.unscaled(forecast.mean, forecast))
        whole = (self.scaled(_average(parts), first).to(first.mean) for parts in (quantiles, mean))
        return first._replace(quantiles=next(whole), mean=next(whole))

    def forecasters(self) -> list[BaseForecaster]:
        """The members, for those who want to know what they are."""
        return [member for member in self.members if isinstance(member, BaseForecaster)]

    def restore(self, z: Tensor, forecast: Forecast) -> Tensor:
        """Scaled values to raw ones, by the first member."""
        return self.forecasters()[0].restore(z, forecast)

    def scaled(self, raw: Tensor, forecast: Forecast) -> Tensor:
        """Raw values to scaled ones, by the first member."""
        return self.forecasters()[0].scaled(raw, forecast)

    def settle(self, *, standard: Tensor | None = None, **columns: tuple[Tensor, Tensor]) -> None:
        """Give every member figures of the training data."""
        for member in self.forecasters():
            member.settle(standard=standard, **columns)


def build(config: ForecasterConfig, shape: ForecastShape) -> Ensemble:
    """As many networks as a configuration has members.

    Raises:
        ConfigError: a network that cannot be built.
    """
    plain = replace(config, linear=False)
    mapped = config.linear_members or config.members
    kinds = [config if place < mapped else plain for place in range(config.members)]
    return Ensemble([make_forecaster(kind, shape) for kind in kinds])


def _average(parts: list[Float[Tensor, "*shape"]]) -> Float[Tensor, "*shape"]:
    return torch.stack(parts).mean(dim=0)
