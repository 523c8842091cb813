"""How weights start."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError

if TYPE_CHECKING:
    from jaxtyping import Float


def recurrent_(weight: Float[Tensor, "gates_width width"], scheme: str) -> None:
    """Fill in place.

    `orthogonal` makes each gate's square block orthogonal (Saxe et al. 2014), so that a state neither
    fades nor explodes at the start; `uniform` is torch's own +-1/sqrt(width).

    Raises:
        ConfigError: unknown scheme.
    """
    width = weight.shape[1]
    if scheme == "orthogonal":
        for block in weight.view(-1, width, width):
            nn.init.orthogonal_(block)
    elif scheme == "uniform":
        nn.init.uniform_(weight, -1 / math.sqrt(width), 1 / math.sqrt(width))
    else:
        raise ConfigError("network.init", f"'{scheme}' is not known", "Use orthogonal or uniform")


@torch.no_grad()
def input_(weight: Float[Tensor, "gates_width input"], width: int, *, one_hot: bool) -> None:
    """Fill in place with +-1/sqrt(width), as torch does.

    A one-hot input switches on a single column, which at that scale is drowned by the recurrence;
    its columns get the spread that an embedding of 64 standard-normal values would bring.
    """
    bound = 1 / math.sqrt(width)
    if one_hot:
        nn.init.normal_(weight, std=8 * bound / math.sqrt(3))
    else:
        nn.init.uniform_(weight, -bound, bound)
