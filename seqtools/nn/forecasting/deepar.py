"""DeepAR (Salinas et al. 2020): each step's distribution given those before it, and paths drawn from it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError, DataError
from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.dropout import Dropout
from seqtools.nn.forecasting import calendar, filling
from seqtools.nn.forecasting.base import BaseForecaster, check_levels
from seqtools.nn.forecasting.distributions import DISTRIBUTIONS
from seqtools.nn.forecasting.lags import first_step, lags_of, start_of
from seqtools.nn.forecasting.scaling import Scaled, main_season
from seqtools.nn.forecasting.window import Forecast, Window, fitted, from_rows, to_rows
from seqtools.nn.stack import RecurrentStack, StackState

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

SPREAD = -1.5
"""What the spread (or dispersion) starts from, before softplus: 0.2."""
SIZES = 0.1
"""What the logarithm of a window's size is multiplied by, so that it is about 1."""


class Begun(NamedTuple):
    """A window that is ready to be continued; each target of each series is a row."""

    scaled: Scaled
    known: Float[Tensor, "rows time_and_steps known"]
    """all that is known of each step without looking at the values, from the first step read on"""
    size: Float[Tensor, "rows 1"]
    """the scale in raw units"""


class DeepAR(BaseForecaster):
    """A recurrent stack whose input is some earlier values and all that is known of the step to tell.

    Each target of each series is a row. The value before a step that was not observed is filled in, and a
    flag says so; such steps are no part of the likelihood.

    Args:
        config: `head` is student, normal or negbin.
        shape: what the data settle.

    Attributes:
        lags: how many steps back the values lie that are shown, ascending.
        flags: 1 where a step is shown whether the one before it was observed, else 0.
        first: step of the window where reading starts.
        stack: reads lagged values, the flag, what is known.
        output: of the top layer, to the distribution's parameters.
        mix: weights of the lagged values in the location; None for none.
        distribution: of a step.
    """

    def __init__(self, config: ForecasterConfig, shape: ForecastShape) -> None:
        _check(config)
        super().__init__(config, shape)
        check_levels(shape)
        self.distribution = DISTRIBUTIONS[config.head]
        self.lags = lags_of(config, shape)
        self.first = first_step(self.lags, shape.context)
        known = self.covariates.phases + self.covariates.steps + self.covariates.static + 2
        self.flags = int(config.observed)
        self.stack = RecurrentStack(config, len(self.lags) + self.flags + known)
        self.drop_input = Dropout(config.dropout_input, locked=config.locked)
        self.drop_output = nn.Dropout(config.dropout_output)
        self.output = nn.Linear(self.stack.width, self.distribution.outputs)
        with torch.no_grad():
            # Narrow from the start: wide draws, fed back, would tell the first steps of training nothing.
            self.output.weight.mul_(0.1)
            self.output.bias.zero_()
            self.output.bias[1] = SPREAD
        self.mix: nn.Parameter | None = None
        if config.residual != "none":
            self.mix = nn.Parameter(torch.tensor(start_of(self.lags, main_season(shape))))

    def forward(self, window: Window, noise: Tensor | None = None) -> Forecast:
        """Quantiles and means of drawn paths.

        Args:
            window: history of any number of steps.
            noise: as `sample` takes it; None for some that are always the same.
        """
        window = fitted(window, self.shape)
        noise = self.noise_for(window) if noise is None else noise
        begun = self.begin(window, noise.shape[2])
        paths = self._draw(begun, noise)
        targets, scaled = self.shape.targets, begun.scaled
        forecast = Forecast(
            quantiles=paths.new_zeros(0),
            mean=paths.new_zeros(0),
            location=from_rows(scaled.location, targets),
            scale=from_rows(scaled.scale, targets),
            unit=from_rows(scaled.unit, targets),
            steady=from_rows(scaled.steady, targets),
            filled=from_rows(scaled.values, targets),
            parameters=paths.new_zeros(len(window.history), noise.shape[2], targets, 0),
        )
        levels = torch.tensor(self.shape.levels, dtype=paths.dtype, device=paths.device)
        quantiles = quantiles_of(paths, levels)
        mean = from_rows(self._raw(paths, scaled).mean(dim=1), targets)
        return forecast._replace(
            quantiles=from_rows(quantiles, targets), mean=self.scaled(mean, forecast).to(paths)
        )

    def loss(
        self, window: Window, target: Float[Tensor, "batch horizon targets"]
    ) -> tuple[Float[Tensor, "batch time targets"], Bool[Tensor, "batch time targets"]]:
        """Negative log-likelihood of each step read and of each step to forecast, given those before it.

        Args:
            window: history.
            target: what followed, raw, NaN where missing.

        Returns:
            Losses in scaled units, zero where nothing was observed; and where something was.

        Raises:
            DataError: counts below zero.
        """
        horizon, targets = target.shape[1], self.shape.targets
        window = fitted(window, self.shape)
        begun = self.begin(window, horizon)
        raw = torch.cat([to_rows(window.history), to_rows(target)], dim=1)
        seen = filling.observed(raw)
        self._check_counts(raw, seen)
        unit, location, scale = begun.scaled.unit, begun.scaled.location, begun.scaled.scale
        z = ((self.scaling.forward(filling.fill(raw, seen), unit) - location) / scale).to(raw)
        fed = z + self.noise * torch.randn_like(z) if self.training and self.noise else z
        x = torch.cat([self._lagged(fed), self._flags(seen), begun.known], dim=-1).transpose(0, 1)
        y, _ = self.stack(self.drop_input(x.contiguous()), self.stack.start(len(z)))
        parameters = self._outputs(self.drop_output(y.transpose(0, 1)), self._lagged(fed))
        told, there = z[:, self.first :], seen[:, self.first :]
        losses = -self.distribution.log_prob(parameters, told, begun.size.expand_as(told))
        return from_rows(losses.masked_fill(~there, 0.0), targets), from_rows(there, targets)

    @torch.no_grad()
    def sample(
        self, window: Window, noise: Float[Tensor, "batch samples steps twice_targets"]
    ) -> Float[Tensor, "batch samples steps targets"]:
        """Paths in raw units.

        Args:
            window: history; `future` holds covariates of as many steps ahead as are drawn.
            noise: uniforms from 0 on and below 1, two for each step and target; there may be more steps than
                the horizon has.
        """
        steps, targets = noise.shape[2], self.shape.targets
        window = fitted(window, replace(self.shape, horizon=steps))
        begun = self.begin(window, steps)
        paths = self._draw(begun, noise)
        raw = self._raw(paths, begun.scaled).to(paths)
        # Scaling leaves 3.9999998 of a four.
        raw = raw.round() if self.config.head == "negbin" else raw
        return raw.reshape(-1, targets, *raw.shape[1:]).permute(0, 2, 3, 1)

    def _raw(self, paths: Float[Tensor, "rows samples steps"], scaled: Scaled) -> Tensor:
        """Paths in raw units, in float64."""
        z = paths.double() * scaled.scale[:, None] + scaled.location[:, None]
        return self.scaling.backward(z, scaled.unit[:, None])

    def noise_for(self, window: Window) -> Float[Tensor, "batch samples horizon twice_targets"]:
        """The same uniforms for every window."""
        generator = torch.Generator().manual_seed(0)
        shape = self.config.samples, self.shape.horizon, 2 * self.shape.targets
        noise = torch.rand(shape, generator=generator).to(window.history.device)
        return noise.expand(len(window.history), *shape)

    def begin(self, window: Window, steps: int) -> Begun:
        """Scale a fitted window and gather what is known of its steps and of those to come."""
        context, targets = self.shape.context, self.shape.targets
        scaled = self.scale_window(window)
        places = calendar.steps_about(window.position, context, steps)
        columns = [calendar.phases(places, self.shape.periods if self.covariates.phases else ())]
        # A past covariate is known a step late, and not at all from the last one on.
        past = self.covariates.past(window.past)
        late = (torch.arange(context + steps, device=past.device) - 1).clamp(0, context - 1)
        columns.append(past[:, late])
        if self.shape.future:
            columns.append(self.covariates.future(window.future))
        over_time = torch.cat(columns, dim=-1).repeat_interleave(targets, dim=0)
        size = scaled.scale * scaled.unit
        sizes = torch.cat([scaled.scale.log(), SIZES * size.log()], dim=1).to(scaled.values)
        static = torch.cat([self.covariates.of_series(window), sizes], dim=1)
        known = torch.cat([over_time, static[:, None].expand(-1, context + steps, -1)], dim=-1)
        return Begun(scaled, known[:, self.first :], size.to(scaled.values))

    @torch.no_grad()
    def _draw(
        self, begun: Begun, noise: Float[Tensor, "batch samples steps twice_targets"]
    ) -> Float[Tensor, "rows samples steps"]:
        """Paths in scaled units."""
        batch, samples, steps, _ = noise.shape
        drawn = noise.reshape(batch, samples, steps, self.shape.targets, 2).permute(2, 0, 3, 1, 4)
        drawn = drawn.reshape(steps, -1, 2)
        values = begun.scaled.values
        state = self._read(begun)
        state = tuple(tuple(p.repeat_interleave(samples, dim=0) for p in layer) for layer in state)
        past = values[:, -max(self.lags) :].repeat_interleave(samples, dim=0)
        size = begun.size.repeat_interleave(samples, dim=0)[:, 0]
        read = self.shape.context - self.first
        paths = []
        for step in range(steps):
            lagged = past[:, [-lag for lag in self.lags]]
            known = begun.known[:, read + step].repeat_interleave(samples, dim=0)
            x = torch.cat([lagged, torch.ones_like(lagged[:, : self.flags]), known], dim=1)
            y, state = self.stack(x[None], state)
            z = self.distribution.draw(self._outputs(y[0], lagged), drawn[step], size)
            past = torch.cat([past[:, 1:], z[:, None]], dim=1)
            paths.append(z)
        return torch.stack(paths, dim=1).reshape(-1, samples, steps)

    def _read(self, begun: Begun) -> StackState:
        """States after the window."""
        values, steps = begun.scaled.values, self.shape.context - self.first
        parts = [self._lagged(values), self._flags(begun.scaled.seen), begun.known[:, :steps]]
        x = torch.cat(parts, dim=-1).transpose(0, 1).contiguous()
        state: StackState
        _, state = self.stack(x, self.stack.start(len(values)))
        return state

    def _lagged(self, z: Float[Tensor, "rows time"]) -> Float[Tensor, "rows steps lags"]:
        """The earlier values of each step from `first` on; zeros before the window."""
        before = max(self.lags)
        padded = nn.functional.pad(z, (before, 0))
        starts = [before + self.first - lag for lag in self.lags]
        return torch.stack([padded[:, s : s + z.shape[1] - self.first] for s in starts], dim=-1)

    def _flags(self, seen: Bool[Tensor, "rows time"]) -> Float[Tensor, "rows steps flags"]:
        """Whether the value before each step from `first` on was observed."""
        before = nn.functional.pad(seen[:, :-1], (1, 0))
        return before[:, self.first :, None].expand(-1, -1, self.flags).float()

    def _outputs(self, top: Tensor, lagged: Tensor) -> Float[Tensor, "*steps outputs"]:
        raw: Tensor = self.output(top).float()
        if self.mix is None:
            return raw
        location = raw[..., :1] + (lagged @ self.mix)[..., None]
        return torch.cat([location, raw[..., 1:]], dim=-1)

    def _check_counts(self, raw: Tensor, seen: Tensor) -> None:
        if self.distribution.counts and bool((raw.masked_fill(~seen, 0.0) < 0).any()):
            raise DataError("the series", "a count is below zero", "Use network.head = 'student'")


def quantiles_of(
    paths: Float[Tensor, "rows samples steps"], levels: Float[Tensor, " levels"]
) -> Float[Tensor, "rows steps levels"]:
    """Quantiles over samples, between neighbours by linear interpolation."""
    ordered = paths.sort(dim=1).values.transpose(1, 2)
    place = levels * (paths.shape[1] - 1)
    low, high = ordered[..., place.floor().long()], ordered[..., place.ceil().long()]
    return low + (high - low) * (place - place.floor())


def _check(config: ForecasterConfig) -> None:
    """Refuse what does not go with sampling.

    Raises:
        ConfigError: it asks for that.
    """
    if config.head not in DISTRIBUTIONS:
        cause = f"deepar draws from a distribution, and '{config.head}' is none"
        raise ConfigError("network.head", cause, f"Use {', '.join(DISTRIBUTIONS)}")
    for name in ("linear", "affine", "mixing", "deep", "normalise"):
        if getattr(config, name):
            raise ConfigError(f"network.{name}", "deepar has no use for it", f"Set network.{name} = false")
    if DISTRIBUTIONS[config.head].counts:
        wanted = {"transform": "none", "location": "zero"}
        for name, value in wanted.items():
            if getattr(config, name) != value:
                cause = f"a count has no {getattr(config, name)}"
                raise ConfigError(f"network.{name}", cause, f"Set network.{name} = '{value}'")
