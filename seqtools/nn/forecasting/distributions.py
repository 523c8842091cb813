"""Distributions of one step: parameters out of a network, likelihood, and a value from two uniforms.

Everything is in units of the series' scale; counts are drawn in raw units and divided by it. A value is a
fixed function of its uniforms, with no rejection, so that torch, numpy and a graph draw the same one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from seqtools.nn.forecasting.counts import draw_count

if TYPE_CHECKING:
    from jaxtyping import Float

NARROWEST = 1e-4
"""Least scale of a step: a likelihood has no upper bound where a series stands still."""
LEAST_UNIFORM = 2.0**-25
"""Half of the least uniform above zero that the noise can hold; its logarithm is finite."""
FARTHEST = 100.0
"""Spreads at which the tails of Student's t are cut: a path is fed its own wild draws for ever."""


class Distribution:
    """Base: `raw [..., outputs]` are a network's unbounded outputs, everything else is `[...]`."""

    outputs: ClassVar[int]
    counts: ClassVar[bool] = False
    """Whether values are counts, which have no location but zero."""

    @staticmethod
    def log_prob(
        raw: Float[Tensor, "*shape outputs"], z: Float[Tensor, "*shape"], scale: Float[Tensor, "*shape"]
    ) -> Float[Tensor, "*shape"]:
        """Log-density of `z`, or log-probability of the count `z * scale`."""
        raise NotImplementedError

    @staticmethod
    def draw(
        raw: Float[Tensor, "*shape outputs"], noise: Float[Tensor, "*shape 2"], scale: Float[Tensor, "*shape"]
    ) -> Float[Tensor, "*shape"]:
        """A value in units of the scale, from two uniforms."""
        raise NotImplementedError


class Normal(Distribution):
    """Mean and spread; drawn by Box & Muller 1958."""

    outputs = 2

    @staticmethod
    def log_prob(raw: Tensor, z: Tensor, scale: Tensor) -> Tensor:
        """See the base."""
        spread = spread_of(raw[..., 1])
        away = (z - raw[..., 0]) / spread
        return -0.5 * away.square() - spread.log() - 0.5 * math.log(2 * math.pi)

    @staticmethod
    def draw(raw: Tensor, noise: Tensor, scale: Tensor) -> Tensor:
        """See the base."""
        radius = (-2 * noise[..., 0].clamp_min(LEAST_UNIFORM).log()).sqrt()
        return raw[..., 0] + spread_of(raw[..., 1]) * radius * (2 * math.pi * noise[..., 1]).cos()


class StudentT(Distribution):
    """Location, spread, degrees of freedom above 2; drawn by Bailey 1994, "Polar generation of random
    variates with the t-distribution", in the form that rejects nothing."""

    outputs = 3

    @staticmethod
    def log_prob(raw: Tensor, z: Tensor, scale: Tensor) -> Tensor:
        """See the base."""
        spread, freedom = spread_of(raw[..., 1]), freedom_of(raw[..., 2])
        away = (z - raw[..., 0]) / spread
        half = 0.5 * (freedom + 1)
        constant = torch.lgamma(half) - torch.lgamma(0.5 * freedom) - 0.5 * (math.pi * freedom).log()
        return constant - spread.log() - half * torch.log1p(away.square() / freedom)

    @staticmethod
    def draw(raw: Tensor, noise: Tensor, scale: Tensor) -> Tensor:
        """See the base. `u^(-2/v) - 1` is written as a hyperbolic sine, which is exact where v is large."""
        freedom = freedom_of(raw[..., 2])
        half = -noise[..., 0].clamp_min(LEAST_UNIFORM).log() / freedom
        radius = (2 * freedom * half.exp() * half.sinh()).sqrt().clamp_max(FARTHEST)
        return raw[..., 0] + spread_of(raw[..., 1]) * radius * (2 * math.pi * noise[..., 1]).cos()


class NegativeBinomial(Distribution):
    """Counts: mean and dispersion, whose variance is `mean + dispersion mean^2` (Salinas et al. 2020, eq. 3
    and section 3.3); drawn by inverting the distribution function at the first uniform."""

    outputs = 2
    counts = True

    @staticmethod
    def log_prob(raw: Tensor, z: Tensor, scale: Tensor) -> Tensor:
        """See the base. In double: the logarithms of factorials of large counts all but cancel."""
        mean, dispersion = (part.double() for part in rates_of(raw, scale))
        count, trials = (z * scale).double().round(), 1 / dispersion
        combinations = torch.lgamma(count + trials) - torch.lgamma(trials) - torch.lgamma(count + 1)
        failing = torch.log1p(mean * dispersion)
        succeeding = (mean * dispersion).log() - failing
        return (combinations + count * succeeding - trials * failing).to(z.dtype)

    @staticmethod
    def draw(raw: Tensor, noise: Tensor, scale: Tensor) -> Tensor:
        """See the base."""
        mean, dispersion = rates_of(raw, scale)
        return draw_count(mean, dispersion, noise[..., 0]) / scale


DISTRIBUTIONS: dict[str, type[Distribution]] = {
    "normal": Normal,
    "student": StudentT,
    "negbin": NegativeBinomial,
}
"""By the name of `network.head`."""


def spread_of(raw: Tensor) -> Tensor:
    """Any number to a scale above zero."""
    return torch.nn.functional.softplus(raw) + NARROWEST


def freedom_of(raw: Tensor) -> Tensor:
    """Any number to degrees of freedom; above 2 there is a variance."""
    return torch.nn.functional.softplus(raw) + 2


def rates_of(raw: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Mean in raw units, and dispersion: both follow the scale as a count's do."""
    softplus = torch.nn.functional.softplus
    mean = (softplus(raw[..., 0]) + NARROWEST) * scale
    return mean, (softplus(raw[..., 1]) + NARROWEST) / scale.sqrt()
