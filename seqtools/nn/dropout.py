"""Dropout that keeps its mask over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class Dropout(nn.Module):
    """Dropout on `[time, batch, width]`.

    Args:
        rate: probability that a value is set to zero.
        locked: one mask for all time steps (variational dropout, Gal & Ghahramani 2016), else a fresh
            one for each.
    """

    def __init__(self, rate: float, *, locked: bool = True) -> None:
        super().__init__()
        self.rate, self.locked = rate, locked

    def forward(self, x: Float[Tensor, "time batch width"]) -> Float[Tensor, "time batch width"]:
        """`x` with values dropped and the rest scaled up; `x` itself in eval mode."""
        if not self.training or self.rate == 0:
            return x
        if not self.locked:
            return nn.functional.dropout(x, self.rate)
        return x * keep_mask(x[:1], self.rate)

    def extra_repr(self) -> str:
        """For `print(network)`."""
        return f"{self.rate}, locked={self.locked}"


def keep_mask(like: Float[Tensor, "*shape"], rate: float) -> Float[Tensor, "*shape"]:
    """Zeros with probability `rate`, else 1 / (1 - rate); shape, type and device of `like`."""
    return torch.empty_like(like).bernoulli_(1 - rate).div_(1 - rate)


def drop_tokens(tokens: Int[Tensor, "*shape"], rate: float, unknown: int) -> Int[Tensor, "*shape"]:
    """Each token read as `unknown` with probability `rate`; where there is no such id (-1), none is."""
    if rate == 0 or unknown < 0:
        return tokens
    return tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < rate, unknown)
