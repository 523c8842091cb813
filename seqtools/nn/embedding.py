"""Tokens to vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from seqtools.nn.dropout import keep_mask

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class TokenEmbedding(nn.Module):
    """A vector for each token, with dropout of whole tokens (Gal & Ghahramani 2016).

    Args:
        vocab: number of tokens.
        width: values of a vector.
        dropout: probability that a token is missing, everywhere in the batch, for one call.
        spread: standard deviation of the initial values. 1 suits a table that only feeds the cell; a tied
            table is also the output layer and wants small values.
        fixed: that many of the last tokens stay as they are given: pretrained vectors of words that no
            training text holds. An optimiser would only let them fade, and walk over them at every step.
    """

    def __init__(
        self, vocab: int, width: int, *, dropout: float = 0.0, spread: float = 1.0, fixed: int = 0
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.weight = nn.Parameter(torch.empty(vocab - fixed, width).normal_(std=spread))
        self.fixed: Tensor | None
        self.register_buffer("fixed", torch.empty(fixed, width).normal_(std=spread) if fixed else None)

    def forward(self, tokens: Int[Tensor, "time batch"]) -> Float[Tensor, "time batch width"]:
        """The tokens' vectors."""
        weight: Tensor = self.weight
        if self.training and self.dropout:
            weight = weight * keep_mask(weight[:, :1], self.dropout)
        if self.fixed is None:
            return nn.functional.embedding(tokens, weight)
        known = tokens < len(weight)
        learned = nn.functional.embedding(tokens.clamp(max=len(weight) - 1), weight)
        given = nn.functional.embedding((tokens - len(weight)).clamp(min=0), self.fixed)
        return torch.where(known[:, :, None], learned, given)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *others: Any) -> None:
        """Take a table that was trained in two parts as one where this one has no fixed part."""
        fixed = f"{prefix}fixed"
        if self.fixed is None and fixed in state:
            state[f"{prefix}weight"] = torch.cat([state[f"{prefix}weight"], state.pop(fixed)])
        super()._load_from_state_dict(state, prefix, *others)
