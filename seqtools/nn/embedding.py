"""Tokens to vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    """

    def __init__(self, vocab: int, width: int, *, dropout: float = 0.0, spread: float = 1.0) -> None:
        super().__init__()
        self.dropout = dropout
        self.weight = nn.Parameter(torch.empty(vocab, width).normal_(std=spread))

    def forward(self, tokens: Int[Tensor, "time batch"]) -> Float[Tensor, "time batch width"]:
        """The tokens' vectors."""
        weight: Tensor = self.weight
        if self.training and self.dropout:
            weight = weight * keep_mask(weight[:, :1], self.dropout)
        return nn.functional.embedding(tokens, weight)
