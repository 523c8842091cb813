"""All steps of a text to one vector."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError

if TYPE_CHECKING:
    from jaxtyping import Float, Int

KINDS = ("last", "max", "mean", "attention", "concat")


class Pooling(nn.Module):
    """One vector for each row of `[time, batch, width]`; steps past a row's length have no part in it.

    last: the forward half at the row's last step, the backward half at its first, where each has read all.
    max, mean: of each value over the row's steps. attention: the steps' mean, weighted by the softmax of a
    learned score (Yang et al. 2016). concat: last, max and mean side by side (Howard & Ruder 2018).

    Args:
        kind: one of these.
        steps: values of a step.
        directions: 2 where the second half of a step was read backwards.

    Attributes:
        width: values of the vector.
        query: a step's score, for attention.
    """

    def __init__(self, kind: str, steps: int, directions: int = 1) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ConfigError("network.pooling", f"'{kind}' is not known", f"Use {', '.join(KINDS)}")
        self.kind, self.directions = kind, directions
        self.width = 3 * steps if kind == "concat" else steps
        self.query = nn.Linear(steps, 1) if kind == "attention" else None

    def forward(
        self, x: Float[Tensor, "time batch steps"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch width"]:
        """The vectors; lengths are at least 1."""
        if self.kind == "last":
            return self._last(x, lengths)
        past = (torch.arange(len(x), device=x.device)[:, None] >= lengths)[:, :, None]
        if self.query is not None:
            weights = self.query(x).masked_fill(past, -torch.inf).softmax(dim=0)
            return torch.sum(x * weights, dim=0)
        parts = [self._last(x, lengths)] if self.kind == "concat" else []
        if self.kind != "mean":
            parts.append(x.masked_fill(past, -torch.inf).amax(dim=0))
        if self.kind != "max":
            parts.append(x.masked_fill(past, 0).sum(dim=0) / lengths[:, None])
        return torch.cat(parts, dim=-1)

    def _last(self, x: Tensor, lengths: Tensor) -> Tensor:
        ends = x[lengths - 1, torch.arange(x.shape[1], device=x.device)]
        if self.directions == 1:
            return ends
        half = x.shape[2] // 2
        return torch.cat([ends[:, :half], x[0, :, half:]], dim=-1)

    def extra_repr(self) -> str:
        """For `print(network)`."""
        return f"{self.kind}, width={self.width}"
