"""What a core's outputs mean: quantiles told directly, or the parameters of a distribution."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError
from seqtools.forecaster import ForecastShape

if TYPE_CHECKING:
    from jaxtyping import Float

START = 0.5
"""Quantiles start as those of a normal distribution of this standard deviation."""
LEAST = 1e-4
"""Least scale of a distribution, in scaled units."""


class Told(NamedTuple):
    """What a head makes of a network's outputs."""

    quantiles: Float[Tensor, "*steps levels"]
    """never crossing"""
    mean: Float[Tensor, "*steps"]
    parameters: Float[Tensor, "*steps parameters"]
    """location and scale of a distribution; no columns where there is none"""

    def moved(self, by: Float[Tensor, "*steps"], gain: Tensor) -> Told:
        """All of it plus `by`, over `gain`."""
        location, scale = self.parameters[..., :1], self.parameters[..., 1:]
        moved = torch.cat([(location + by[..., None]) / gain[..., None], scale / gain[..., None]], dim=-1)
        return Told((self.quantiles + by[..., None]) / gain[..., None], (self.mean + by) / gain, moved)


class Head(nn.Module):
    """Base of the heads.

    Args:
        levels: quantiles told, ascending, 0.5 among them.

    Attributes:
        outputs: numbers of a step that the network gives.
    """

    outputs: int

    def __init__(self, levels: tuple[float, ...]) -> None:
        super().__init__()
        self.levels = levels

    def start(self) -> Float[Tensor, " outputs"]:
        """Bias that the outputs start from."""
        raise NotImplementedError

    def forward(self, outputs: Float[Tensor, "*steps outputs"]) -> Told:
        """Quantiles and mean."""
        raise NotImplementedError

    def log_prob(
        self, parameters: Float[Tensor, "*steps parameters"], target: Float[Tensor, "*steps"]
    ) -> Float[Tensor, "*steps"]:
        """Log-density of targets, in the units of the parameters."""
        raise no_likelihood()


def no_likelihood() -> ConfigError:
    """That a head of quantiles cannot be trained by likelihood."""
    cause = "a quantile head has no likelihood"
    return ConfigError("training.loss", cause, "Use pinball, or set network.head = 'student'")


class QuantileHead(Head):
    """The median, the gaps to the levels about it, which softplus makes positive, and the mean.

    Cumulative sums of positive gaps cannot cross (an incremental quantile function, Park et al. 2022).
    """

    def __init__(self, levels: tuple[float, ...]) -> None:
        super().__init__(levels)
        self.outputs = len(levels) + 1
        self.middle = levels.index(0.5)

    def start(self) -> Tensor:
        """See the base."""
        normal = [START * NormalDist().inv_cdf(level) for level in self.levels]
        gaps = [high - low for low, high in pairwise(normal)]
        raw = [math.log(math.expm1(gap)) for gap in gaps]
        return torch.tensor([*raw[: self.middle], 0.0, *raw[self.middle :], 0.0])

    def forward(self, outputs: Tensor) -> Told:
        """See the base."""
        above = len(self.levels) - self.middle - 1
        low, median, high, mean = torch.split(outputs, [self.middle, 1, above, 1], dim=-1)
        up = nn.functional.softplus(high).cumsum(dim=-1)
        down = nn.functional.softplus(low).flip(-1).cumsum(dim=-1).flip(-1)
        quantiles = torch.cat([median - down, median, median + up], dim=-1)
        return Told(quantiles, mean.squeeze(-1), outputs[..., :0])


class NormalHead(Head):
    """Mean and standard deviation of a normal distribution."""

    outputs = 2

    def start(self) -> Tensor:
        """See the base."""
        return torch.tensor([0.0, math.log(math.expm1(START))])

    def forward(self, outputs: Tensor) -> Told:
        """See the base."""
        location, scale = outputs[..., 0], nn.functional.softplus(outputs[..., 1]) + LEAST
        standard = self.standard().to(location)
        quantiles = location[..., None] + scale[..., None] * standard
        return Told(quantiles, location, torch.stack([location, scale], dim=-1))

    def standard(self) -> Float[Tensor, " levels"]:
        """Quantiles of the distribution with location 0 and scale 1."""
        return torch.tensor([NormalDist().inv_cdf(level) for level in self.levels])

    def log_prob(self, parameters: Tensor, target: Tensor) -> Tensor:
        """See the base."""
        location, scale = parameters.unbind(-1)
        z = (target - location) / scale
        return -0.5 * z.square() - scale.log() - 0.5 * math.log(2 * math.pi)


class StudentHead(NormalHead):
    """Location and scale of Student's t; its degrees of freedom are one learned number above 2.

    Attributes:
        freedom: degrees of freedom less 2, through softplus; learned by likelihood alone, since quantiles
            take it as a constant.
    """

    def __init__(self, levels: tuple[float, ...]) -> None:
        super().__init__(levels)
        self.freedom = nn.Parameter(torch.tensor(3.0))

    def degrees(self) -> Float[Tensor, ""]:
        """Degrees of freedom."""
        return 2 + nn.functional.softplus(self.freedom)

    def standard(self) -> Tensor:
        """See the base."""
        from scipy.special import stdtrit

        degrees = float(self.degrees().detach())
        return torch.tensor([float(stdtrit(degrees, level)) for level in self.levels])

    def log_prob(self, parameters: Tensor, target: Tensor) -> Tensor:
        """See the base."""
        location, scale = parameters.unbind(-1)
        z, degrees = (target - location) / scale, self.degrees()
        gammas = torch.lgamma((degrees + 1) / 2) - torch.lgamma(degrees / 2)
        constant = gammas - 0.5 * (degrees * math.pi).log()
        return constant - scale.log() - (degrees + 1) / 2 * (z.square() / degrees).log1p()


HEADS: dict[str, type[Head]] = {"quantile": QuantileHead, "normal": NormalHead, "student": StudentHead}


def make_head(kind: str, shape: ForecastShape) -> Head:
    """The head that a configuration names.

    Raises:
        ConfigError: a head that is for sampling networks only, or is not known.
    """
    if kind not in HEADS:
        raise ConfigError("network.head", f"'{kind}' goes with deepar only", f"Use {', '.join(HEADS)}")
    return HEADS[kind](shape.levels)
