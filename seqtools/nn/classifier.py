"""The recurrent text classifier: a whole text in, a logit for each class out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.nn.dropout import Dropout
from seqtools.nn.embedding import TokenEmbedding
from seqtools.nn.pooling import Pooling
from seqtools.nn.stack import RecurrentStack
from seqtools.recipe import ClassifierConfig

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class Classifier(nn.Module):
    """Embedding, recurrent stack, pooling, perhaps a hidden layer, output.

    With `ordinal`, logit k is the log odds of a class higher than k: one score less a threshold, and the
    thresholds are sorted, so that the logits are, too (McCullagh 1980).

    Args:
        config: widths, pooling, dropout.
        vocab_size: number of tokens.
        outputs: number of logits.
        ordinal: the logits are cumulative.
        fixed: that many of the last tokens keep the vectors they are given.
    """

    def __init__(
        self,
        config: ClassifierConfig,
        vocab_size: int,
        outputs: int,
        ordinal: bool = False,
        *,
        fixed: int = 0,
    ) -> None:
        super().__init__()
        self.config, self.vocab_size, self.outputs, self.ordinal = config, vocab_size, outputs, ordinal
        # Small, so that what is learned of a word soon outweighs what was drawn (SST-2: 80 against 73 %).
        self.embedding = TokenEmbedding(
            vocab_size, config.embedding, dropout=config.dropout_embedding, spread=0.1, fixed=fixed
        )
        self.embedding.weight.requires_grad_(not config.freeze)
        self.stack = RecurrentStack(config, config.embedding, bidirectional=config.bidirectional)
        self.pooling = Pooling(config.pooling, self.stack.width, self.stack.directions)
        self.hidden = nn.Linear(self.pooling.width, config.head) if config.head else None
        self.output = nn.Linear(config.head or self.pooling.width, 1 if ordinal else outputs)
        self.cuts = nn.Parameter(_even_cuts(outputs)) if ordinal else None
        self.drop_input = Dropout(config.dropout_input, locked=config.locked)
        self.drop_output = nn.Dropout(config.dropout_output)

    def forward(
        self, tokens: Int[Tensor, "time batch"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch outputs"]:
        """Logits of texts, int64, of which `lengths`, at least 1, count."""
        return self.classify(self.embed(tokens), lengths)

    def embed(self, tokens: Int[Tensor, "time batch"]) -> Float[Tensor, "time batch embedding"]:
        """The tokens' vectors, after dropout: what an adversary may move."""
        vectors: Tensor = self.drop_input(self.embedding(tokens))
        return vectors

    def classify(
        self, x: Float[Tensor, "time batch embedding"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch outputs"]:
        """Logits of embedded texts."""
        pooled = self.drop_output(self.pooling(self.stack.read(x, lengths), lengths))
        if self.hidden is not None:
            pooled = self.drop_output(self.hidden(pooled).relu())
        logits: Tensor = self.output(pooled)
        return logits - self.thresholds() if self.ordinal else logits

    def thresholds(self) -> Float[Tensor, " outputs"]:
        """Where one class ends and the next begins on the score's axis, ascending (ordinal only)."""
        assert self.cuts is not None
        gaps = nn.functional.softplus(self.cuts[1:])
        return torch.cat([self.cuts[:1], self.cuts[:1] + gaps.cumsum(dim=0)])


def _even_cuts(outputs: int) -> Tensor:
    """The lowest threshold and, through softplus, the gaps: even, about zero, 1 apart."""
    cuts = torch.full((outputs,), 0.5413)  # softplus of it is 1
    cuts[0] = -(outputs - 1) / 2
    return cuts
