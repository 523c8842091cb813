"""Exponential smoothing of a window: its level and its seasons, step by step, by learned coefficients.

The recursion is additive (Holt-Winters with two seasons at most, after Taylor 2003); of logarithms it is the
multiplicative one. As no season is shorter than a block of steps, all of a block's seasonal parts are known
when it begins, and its levels are a product with a triangular matrix: one turn a block, none a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from seqtools.forecaster import ForecastShape

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

BLOCK = 32
"""Steps of a block where there is no season."""
QUIET = 1e-3
"""Added to figures that are divided by or taken logarithms of."""
LEVEL, SEASON = -1.0, -2.0
"""Logits that the coefficients of level and seasons start from: 0.27 and 0.12."""


class Smoothed(NamedTuple):
    """A window taken apart, in float64."""

    residuals: Float[Tensor, "rows context"]
    """less its seasons and its last level, in units of the spread; 0 where nothing was observed"""
    ahead: Float[Tensor, "rows horizon"]
    """the last level and the seasons to come"""
    spread: Float[Tensor, "rows 1"]
    """mean absolute error of the level and the seasons as a forecast of the next step"""
    levels: Float[Tensor, "rows context"]


class State(NamedTuple):
    """What smoothing carries from block to block."""

    level: Float[Tensor, "rows 1"]
    seasons: list[Float[Tensor, "rows season"]]
    """the part of each season for the steps to come, the next step first"""


class Smoother(nn.Module):
    """Smoothing of windows, each of which gets coefficients by how it moves.

    Args:
        shape: seasons, context, horizon.

    Attributes:
        seasons: their lengths, ascending: the main one and the longest, where the window holds them twice.
        block: steps of a turn.
        pad: steps put before the window, so that blocks fill it.
        rates: from the logarithms of how far a window moves in a step and in each season, over its
            deviation, to the logits of the coefficients of level and seasons.
    """

    def __init__(self, shape: ForecastShape) -> None:
        super().__init__()
        self.context, self.horizon = shape.context, shape.horizon
        self.seasons = seasons_of(shape)
        self.block = self.seasons[0] if self.seasons else min(BLOCK, shape.context)
        self.pad = -shape.context % self.block
        figures = 1 + len(self.seasons)
        self.rates = nn.Linear(figures, figures)
        nn.init.zeros_(self.rates.weight)
        with torch.no_grad():
            self.rates.bias.copy_(torch.tensor([LEVEL] + [SEASON] * len(self.seasons)))

    def forward(self, values: Float[Tensor, "rows context"], seen: Bool[Tensor, "rows context"]) -> Smoothed:
        """Smooth windows without gaps; what was not observed changes neither level nor seasons.

        In float64: what smoothing leaves of a window that it nearly fits would be rounding, and is scaled up.
        """
        values, there = values.double(), seen.double()
        rates = self.rates(self.figures(values, there).to(self.rates.weight)).double()
        x, o = (nn.functional.pad(part, (self.pad, 0)) for part in (values, there))
        alone, levels, errors, state = self._turns(x, o, rates)
        spread = (errors.abs() * o).sum(dim=1, keepdim=True) / _count(o) + QUIET
        residuals = (alone - state.level) * o / spread
        ahead = state.level + sum(
            (repeated(part, self.horizon) for part in state.seasons), torch.zeros_like(state.level)
        )
        return Smoothed(
            residuals[:, self.pad :], ahead.expand(-1, self.horizon), spread, levels[:, self.pad :]
        )

    def figures(
        self, values: Float[Tensor, "rows context"], there: Float[Tensor, "rows context"]
    ) -> Float[Tensor, "rows figures"]:
        """How far a window moves in a step and in each season, over its deviation; logarithms."""
        mean = _mean(values, there)
        deviation = _mean((values - mean).square(), there).sqrt()
        parts = []
        for lag in (1, *self.seasons):
            both = there[:, lag:] * there[:, :-lag]
            parts.append(_mean((values[:, lag:] - values[:, :-lag]).abs(), both))
        return torch.cat([((part + QUIET) / (deviation + QUIET)).log() for part in parts], dim=1)

    def begin(self, x: Float[Tensor, "rows time"], o: Float[Tensor, "rows time"]) -> State:
        """Where smoothing starts: seasons as means over the window, the level as that of the first block.

        Args:
            x, o: padded windows, and 1 where a value was observed, else 0.
        """
        seasons, rest = [], x
        for season in self.seasons:
            part = profile(rest, o, season)
            # What was put before the window belongs to the steps at the end of the first season.
            turned = part.roll(x.shape[1] % season, dims=1)
            seasons.append(turned)
            rest = rest - repeated(turned, x.shape[1])
        first = slice(0, self.block)
        begun = (o[:, first].sum(dim=1, keepdim=True) > 0).to(x.dtype)
        whole, near = _mean(rest, o), _mean(rest[:, first], o[:, first])
        return State(begun * near + (1 - begun) * whole, seasons)

    def _turns(self, x: Tensor, o: Tensor, rates: Tensor) -> tuple[Tensor, Tensor, Tensor, State]:
        """Steps less their seasons, levels, errors of the next step, each `[rows, time]`; the last state."""
        blocks = zip(*(torch.split(part, self.block, dim=1) for part in (x, o)), strict=True)
        state, gains = self.begin(x, o), torch.split(rates[:, 1:].sigmoid(), 1, dim=1)
        alone, levels, errors = [], [], []
        for values, there in blocks:
            season = sum((part[:, : self.block] for part in state.seasons), torch.zeros_like(values))
            bare = values - season
            weights, kept = block_weights(there, rates[:, :1])
            level = (weights @ bare[:, :, None])[:, :, 0] + kept * state.level
            before = torch.cat([state.level, level[:, :-1]], dim=1)
            off = (bare - level) * there
            seasons = [
                torch.cat([part[:, self.block :], part[:, : self.block] + gain * off], dim=1)
                for part, gain in zip(state.seasons, gains, strict=False)
            ]
            state = State(level[:, -1:], seasons)
            alone.append(bare)
            levels.append(level)
            errors.append(bare - before)
        return torch.cat(alone, dim=1), torch.cat(levels, dim=1), torch.cat(errors, dim=1), state


def block_weights(
    there: Float[Tensor, "rows block"], logit: Float[Tensor, "rows 1"]
) -> tuple[Float[Tensor, "rows block block"], Float[Tensor, "rows block"]]:
    """How much of each step of a block, and of the level before it, is in the level of each step.

    Args:
        there: 1 where a value was observed, else 0.
        logit: of the coefficient.
    """
    count, fade = there.cumsum(dim=1), -nn.functional.softplus(logit)
    since = (count[:, :, None] - count[:, None, :]).clamp(min=0)
    weights = (since * fade[:, :, None]).exp() * (logit.sigmoid() * there)[:, None, :]
    return weights.tril(), (count * fade).exp()


def profile(
    x: Float[Tensor, "rows time"], o: Float[Tensor, "rows time"], season: int
) -> Float[Tensor, "rows season"]:
    """Mean distance of each phase from the mean of its own season; the last step is of the last phase."""
    pad = -x.shape[1] % season
    whole, there = (nn.functional.pad(part, (pad, 0)).reshape(len(x), -1, season) for part in (x, o))
    mean = (whole * there).sum(dim=2, keepdim=True) / there.sum(dim=2, keepdim=True).clamp(min=1)
    apart: Tensor = (whole - mean) * there
    return apart.sum(dim=1) / there.sum(dim=1).clamp(min=1)


def repeated(part: Float[Tensor, "rows season"], steps: int) -> Float[Tensor, "rows steps"]:
    """A season again and again."""
    return part.repeat(1, -(-steps // part.shape[1]))[:, :steps]


def seasons_of(shape: ForecastShape) -> tuple[int, ...]:
    """Lengths of the seasons that are smoothed, ascending."""
    fitting = [season for season in shape.seasons if 1 < season <= shape.context // 2]
    return tuple(sorted({fitting[0], max(fitting)})) if fitting else ()


def _count(there: Float[Tensor, "rows time"]) -> Float[Tensor, "rows 1"]:
    return there.sum(dim=1, keepdim=True).clamp(min=1)


def _mean(values: Float[Tensor, "rows time"], there: Float[Tensor, "rows time"]) -> Float[Tensor, "rows 1"]:
    return (values * there).sum(dim=1, keepdim=True) / _count(there)
