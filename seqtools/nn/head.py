"""Outputs to logits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.nn.embedding import TokenEmbedding

if TYPE_CHECKING:
    from jaxtyping import Float


class Head(nn.Module):
    """An affine map from the top layer to the vocabulary.

    Args:
        width: values of the top layer's output.
        vocab: number of tokens.
        tied: share this embedding as the weight (Press & Wolf 2017; Inan et al. 2017). If its width is not
            `width`, a projection without bias comes between.
    """

    def __init__(self, width: int, vocab: int, tied: TokenEmbedding | None = None) -> None:
        super().__init__()
        self.projection: nn.Linear | None = None
        if tied is None:
            self.weight = nn.Parameter(torch.empty(vocab, width).uniform_(-(width**-0.5), width**-0.5))
        else:
            self.weight = tied.weight
            if tied.weight.shape[1] != width:
                self.projection = nn.Linear(width, tied.weight.shape[1], bias=False)
        self.bias = nn.Parameter(torch.zeros(vocab))

    def forward(self, outputs: Float[Tensor, "*steps width"]) -> Float[Tensor, "*steps vocab"]:
        """Logits of each step."""
        if self.projection is not None:
            outputs = self.projection(outputs)
        return nn.functional.linear(outputs, self.weight, self.bias)
