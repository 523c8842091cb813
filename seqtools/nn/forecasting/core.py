"""What a core is: a network between the prepared window and the head."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError
from seqtools.forecaster import ForecasterConfig, ForecastShape

if TYPE_CHECKING:
    from jaxtyping import Float


class Inputs(NamedTuple):
    """What a core reads; each target of each series is a row."""

    values: Float[Tensor, "rows context channels"]
    """the scaled window, whether each step was observed, the windows of all targets, covariates"""
    known: Float[Tensor, "rows horizon known"]
    """covariates of the steps to forecast"""
    phases: Float[Tensor, "rows context_and_horizon phases"]
    """calendar of all steps"""
    static: Float[Tensor, "rows static"]
    """of the whole series, figures of the window's scale among them"""


class Widths(NamedTuple):
    """Values of a step, or a row, in each part of `Inputs`."""

    values: int
    known: int
    phases: int
    static: int


class Core(nn.Module):
    """Base of the cores.

    Args:
        config, shape: of the forecaster.
        widths: of what is read.

    Attributes:
        width: values of each output.
        block: steps to forecast that one output stands for.
    """

    width: int
    block: int

    def __init__(self, config: ForecasterConfig, shape: ForecastShape, widths: Widths) -> None:
        super().__init__()
        self.config, self.shape, self.widths = config, shape, widths

    @property
    def blocks(self) -> int:
        """Outputs that a horizon takes."""
        return -(-self.shape.horizon // self.block)

    def forward(self, inputs: Inputs) -> Float[Tensor, "rows blocks width"]:
        """What the head reads."""
        raise NotImplementedError


def dilations(config: ForecasterConfig) -> tuple[int, ...]:
    """How many steps back each layer's state lies.

    Raises:
        ConfigError: no whole numbers above zero, or not as many as there are layers.
    """
    if not config.dilations:
        return (1,) * config.layers
    parts = [part.strip() for part in config.dilations.split(",")]
    steps = tuple(int(part) for part in parts if part.isdecimal())
    if len(steps) != len(parts) or min(steps, default=0) < 1:
        raise ConfigError("network.dilations", f"'{config.dilations}' is no list of steps", "Write `1,4,24`")
    if len(steps) != config.layers:
        raise ConfigError(
            "network.dilations",
            f"there are {len(steps)} for {config.layers} layers",
            f"Set network.layers = {len(steps)}",
        )
    return steps


def pad_front(values: Float[Tensor, "rows time channels"], steps: int) -> Tensor:
    """Zeros before the first step."""
    return nn.functional.pad(values, (0, 0, steps, 0)) if steps else values


def small_(linear: nn.Linear) -> nn.Linear:
    """Start at zero: what it adds comes in as it is learned."""
    nn.init.zeros_(linear.weight)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)
    return linear


def position_vectors(count: int, width: int) -> nn.Parameter:
    """One learned vector for each step (or block) ahead."""
    return nn.Parameter(torch.randn(count, width) * 0.1)


def linear_map(steps: int, ahead: int, rank: int) -> nn.Linear | nn.Sequential:
    """A map from a window to what follows it, zero at first; two thin ones if a rank makes them smaller."""
    if not rank or rank * (steps + ahead) >= steps * ahead:
        return small_(nn.Linear(steps, ahead))
    return nn.Sequential(nn.Linear(steps, rank, bias=False), small_(nn.Linear(rank, ahead)))
