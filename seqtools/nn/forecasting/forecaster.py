"""A window in, quantiles out: scaling, a core, a baseline, a head."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting import filling
from seqtools.nn.forecasting.base import BaseForecaster, check_levels
from seqtools.nn.forecasting.baseline import Baseline
from seqtools.nn.forecasting.core import Inputs, Widths, linear_map
from seqtools.nn.forecasting.cores import make_core
from seqtools.nn.forecasting.heads import Told, make_head
from seqtools.nn.forecasting.scaling import Scaled
from seqtools.nn.forecasting.window import Forecast, Window, fitted, from_rows

if TYPE_CHECKING:
    from jaxtyping import Float

QUIET = 1e-3
"""Least spread by which a window is normalised."""


class Forecaster(BaseForecaster):
    """Each target of each series is a row; scaled, read by the core, told about the baseline.

    Args:
        config: kind, scaling, head, baseline.
        shape: what the data settle.

    Attributes:
        core: segment, recurrent or seq2seq.
        hidden: of what the head reads, added to it after a ReLU; None for none.
        output: a core's output to the head's numbers for its block of steps.
        head: quantiles, or the parameters of a distribution.
        baseline: what outputs are told about; None for the location.
        linear: a map from window to horizon that joins the baseline; None for none.
        gain, shift: `[targets]`, gain through exp; what is applied to scaled windows and undone at the end
            (RevIN, Kim et al. 2022); None for none.
        figures: how many figures of a window `tell` is given beside its own.
    """

    figures: ClassVar[int] = 0

    def __init__(self, config: ForecasterConfig, shape: ForecastShape) -> None:
        super().__init__(config, shape)
        check_levels(shape)
        self.mixes = shape.targets if config.mixing and shape.targets > 1 else 0
        channels = 1 + config.observed + self.mixes + self.covariates.steps
        figures = config.observed + config.normalise + (config.transform == "log") + self.figures
        widths = Widths(
            channels, self.covariates.known, self.covariates.phases, self.covariates.static + figures
        )
        self.core = make_core(config, shape, widths)
        self.hidden = nn.Linear(self.core.width, self.core.width) if config.deep else None
        self.head = make_head(config.head, shape)
        self.output = nn.Linear(self.core.width, self.core.block * self.head.outputs)
        with torch.no_grad():
            # A linear map that was solved for is where learning begins: the network adds nothing to it yet.
            self.output.weight.mul_(0.0 if config.linear else 0.1)
            self.output.bias.copy_(self.head.start().repeat(self.core.block))
        self.baseline = Baseline(config, shape, self.core.width) if config.residual != "none" else None
        sizes = shape.context, shape.horizon, config.linear_rank
        self.linear = linear_map(*sizes) if config.linear else None
        self.gain = nn.Parameter(torch.zeros(shape.targets)) if config.affine else None
        self.shift = nn.Parameter(torch.zeros(shape.targets)) if config.affine else None
        self.drop = nn.Dropout(config.dropout_output)

    def forward(self, window: Window) -> Forecast:
        """Quantiles and means of the steps after a window of any number of steps."""
        window = fitted(window, self.shape)
        scaled = self.scale_window(window)
        gain, shift = self._affine(scaled.values)
        values = scaled.exact * gain + shift
        told = self.tell(window, scaled, values).moved(-shift, gain)
        targets = self.shape.targets
        return Forecast(
            quantiles=from_rows(told.quantiles, targets),
            mean=from_rows(told.mean, targets),
            location=from_rows(scaled.location, targets),
            scale=from_rows(scaled.scale, targets),
            unit=from_rows(scaled.unit, targets),
            steady=from_rows(scaled.steady, targets),
            filled=from_rows(scaled.values, targets),
            parameters=from_rows(told.parameters, targets),
        )

    def tell(
        self, window: Window, scaled: Scaled, values: Float[Tensor, "rows context"], *figures: Tensor
    ) -> Told:
        """What comes after scaled windows, in their units.

        Args:
            window: what stands beside the values.
            scaled: where values were observed, and figures of the scale.
            values: the windows, in float64.
            figures: of a window, `[rows, 1]` each, that the network is shown beside its own.
        """
        values = values.to(scaled.values)
        x = self.drop(self.core(self.inputs(window, scaled, values, *figures)))
        if self.hidden is not None:
            x = x + self.hidden(x).relu()
        outputs = self.output(x).float().reshape(len(x), -1, self.head.outputs)
        told: Told = self.head(outputs[:, : self.shape.horizon])
        return told.moved(self._centre(values, scaled, x), torch.ones_like(values[:, :1]))

    def log_prob(
        self, forecast: Forecast, target: Float[Tensor, "batch horizon targets"]
    ) -> Float[Tensor, "batch horizon targets"]:
        """Log-density of scaled targets (heads that are distributions)."""
        return self.head.log_prob(forecast.parameters, target)

    def inputs(
        self, window: Window, scaled: Scaled, values: Float[Tensor, "rows context"], *figures: Tensor
    ) -> Inputs:
        """What the core reads."""
        static = [self.covariates.of_series(window), *self._figures(scaled), *figures]
        if self.config.normalise:
            spread = self._spread(values, scaled)
            values, static = values / spread, [*static, spread.log()]
        if self.noise and self.training:
            values = values + self.noise * torch.randn_like(values)
        channels = [values[..., None]]
        if self.config.observed:
            channels.append(scaled.seen.to(values)[..., None])
        if self.mixes:
            together = from_rows(values, self.mixes)
            channels.append(together.repeat_interleave(self.mixes, dim=0))
        before, known = self.covariates.over_time(window)
        return Inputs(
            values=torch.cat([*channels, before], dim=-1),
            known=known,
            phases=self.covariates.calendar(window),
            static=torch.cat(static, dim=-1),
        )

    def _figures(self, scaled: Scaled) -> list[Tensor]:
        """Share of steps observed, and the scale where it says something by itself."""
        figures = []
        if self.config.observed:
            figures.append(scaled.seen.float().mean(dim=1, keepdim=True))
        if self.config.transform == "log":
            figures.append(scaled.scale.log().to(scaled.values))
        return figures

    def _spread(self, values: Tensor, scaled: Scaled) -> Float[Tensor, "rows 1"]:
        """Root of the mean square of what is observed."""
        return filling.mean(values.square(), scaled.seen).sqrt().clamp(min=QUIET)

    def _affine(self, values: Tensor) -> tuple[Float[Tensor, "rows 1"], Float[Tensor, "rows 1"]]:
        rows = len(values)
        if self.gain is None or self.shift is None:
            return values.new_ones(rows, 1), values.new_zeros(rows, 1)
        series = rows // self.shape.targets
        return self.gain.exp().repeat(series)[:, None], self.shift.repeat(series)[:, None]

    def _centre(
        self, values: Tensor, scaled: Scaled, x: Float[Tensor, "rows blocks width"]
    ) -> Float[Tensor, "rows horizon"]:
        """What outputs are told about."""
        centre = values.new_zeros(len(values), self.shape.horizon)
        if self.baseline is not None:
            gates = self.baseline.gate(x).float().repeat_interleave(self.core.block, dim=1)
            centre = self.baseline(values, scaled.seen, gates[:, : self.shape.horizon])
        return centre if self.linear is None else centre + self.linear(values).float()
