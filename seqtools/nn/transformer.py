"""A Transformer encoder, the reading half of the hybrid of Chen et al. 2018."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


class TransformerLayer(nn.Module):
    """Self-attention and a feed-forward part, each normalised before and added after (pre-norm).

    Args:
        width: values of a position.
        heads: of the self-attention.
        feedforward: hidden units of the feed-forward part (ReLU).
        dropout: on both parts' results.
    """

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            cause = f"{width} values cannot be shared by {heads} heads"
            raise ConfigError("network.encoder_heads", cause, "Choose a divisor of encoder_width")
        self.heads, self.dropout = heads, dropout
        self.norm_attention, self.norm_feedforward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, feedforward), nn.Linear(feedforward, width)
        for linear in (self.query_key_value, self.output, self.widen, self.narrow):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)

    def forward(
        self, x: Float[Tensor, "batch source width"], mask: Bool[Tensor, "batch source"]
    ) -> Float[Tensor, "batch source width"]:
        """`x` with both parts added; positions outside `mask` are looked at by nobody."""
        x = x + self._drop(self.attend(self.norm_attention(x), mask))
        hidden = torch.relu(self.widen(self.norm_feedforward(x)))
        return x + self._drop(self.narrow(hidden))

    def attend(self, x: Tensor, mask: Tensor) -> Tensor:
        """Multi-head self-attention (Vaswani et al. 2017)."""
        parts = self.query_key_value(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, mask[:, None, None, :])
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return output

    def _drop(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, self.dropout, self.training)


class TransformerStack(nn.Module):
    """Positions added to the input, layers, a last norm.

    Args:
        width, heads, feedforward, dropout: see `TransformerLayer`.
        layers: how many.
    """

    def __init__(self, width: int, layers: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.ModuleList(
            TransformerLayer(width, heads, feedforward, dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "batch source width"], mask: Bool[Tensor, "batch source"]
    ) -> Float[Tensor, "batch source width"]:
        """Outputs of the last layer, normalised."""
        x = x + positions(x.shape[1], self.width, x.device).to(x.dtype)
        for layer in self.layers:
            x = layer(x, mask)
        normed: Tensor = self.norm(x)
        return normed


def positions(time: int, width: int, device: torch.device) -> Float[Tensor, "time width"]:
    """Sines of falling frequency, then their cosines (Vaswani et al. 2017; halves, not pairs)."""
    half = (width + 1) // 2
    steps = torch.arange(time, device=device, dtype=torch.float32)[:, None]
    rates = torch.exp(
        torch.arange(half, device=device, dtype=torch.float32) * (-math.log(1e4) / max(half - 1, 1))
    )
    angles = steps * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width]
