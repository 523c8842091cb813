"""The recurrent tagger: a sentence in, a label for each of its words out (Huang et al. 2015)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from seqtools.nn.char_words import CharWords
from seqtools.nn.crf import CRF, Decoded
from seqtools.nn.dropout import Dropout
from seqtools.nn.embedding import TokenEmbedding
from seqtools.nn.stack import RecurrentStack
from seqtools.recipe import TaggerConfig

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class Words(NamedTuple):
    """A batch of sentences as a tagger reads it; int64, and any valid id past a row's length."""

    ids: Int[Tensor, "time batch"]
    """of the words"""
    lengths: Int[Tensor, " batch"]
    """words of each row, at least 1"""
    spellings: Int[Tensor, "unique characters"]
    """character ids of each different word, 0 past its end"""
    spelled: Int[Tensor, "time batch"]
    """each word's row in `spellings`"""
    shapes: Int[Tensor, "time batch"]
    """number of each word's shape"""


class Tagger(nn.Module):
    """Words, their spelling and their shape side by side; a recurrent stack; labels, one by one or by a CRF.

    Args:
        config: widths, spelling, dropout.
        vocab_size: number of words.
        characters: number of character ids.
        labels: number of labels.
        shapes: number of shapes.
        fixed: that many of the last words keep the vectors they are given.

    Attributes:
        characters: vectors of spellings, or None.
        shapes: vectors of shapes, or None.
        crf: the moves between labels, or None where each label is chosen for itself.
    """

    def __init__(
        self,
        config: TaggerConfig,
        vocab_size: int,
        characters: int,
        labels: int,
        shapes: int,
        *,
        fixed: int = 0,
    ) -> None:
        super().__init__()
        self.config, self.vocab_size, self.labels = config, vocab_size, labels
        self.embedding = TokenEmbedding(
            vocab_size,
            config.embedding,
            dropout=config.dropout_embedding,
            spread=1 / math.sqrt(config.embedding),
            fixed=fixed,
        )
        self.embedding.weight.requires_grad_(not config.freeze)
        width = config.embedding
        self.characters: CharWords | None = None
        if config.characters != "none":
            self.characters = CharWords(
                config.characters,
                characters,
                config.character_embedding,
                config.character_width,
                config.character_kernel,
            )
            width += config.character_width
        self.shapes = nn.Embedding(shapes, config.shape) if config.shape else None
        width += config.shape
        self.stack = RecurrentStack(config, width, bidirectional=config.bidirectional)
        self.output = nn.Linear(self.stack.width, labels)
        self.crf = CRF(labels) if config.crf else None
        self.drop_input = Dropout(config.dropout_input, locked=config.locked)
        self.drop_output = Dropout(config.dropout_output, locked=config.locked)

    def embed(self, words: Words) -> Float[Tensor, "time batch width"]:
        """Each word's vectors side by side: the word, its spelling, its shape."""
        parts = [self.embedding(words.ids)]
        if self.characters is not None:
            parts.append(nn.functional.embedding(words.spelled, self.characters(words.spellings)))
        if self.shapes is not None:
            parts.append(self.shapes(words.shapes))
        return torch.cat(parts, dim=-1)

    def forward(self, words: Words) -> Float[Tensor, "time batch labels"]:
        """Emissions: a score of each label for each word; past a row's length they mean nothing."""
        x = self.stack.read(self.drop_input(self.embed(words)), words.lengths)
        emissions: Tensor = self.output(self.drop_output(x))
        return emissions

    def nats(
        self, emissions: Tensor, labels: Int[Tensor, "time batch"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, ""]:
        """Negative log-likelihood of labels, summed over the batch; in float32.

        Without a CRF, labels of -100 do not count; with one, every label must be valid.
        """
        emissions = emissions.float()
        if self.crf is not None:
            return -self.crf.log_likelihood(emissions, labels, lengths).sum()
        inside = torch.arange(len(labels), device=labels.device)[:, None] < lengths
        counted = labels.masked_fill(~inside, -100)
        return nn.functional.cross_entropy(emissions.flatten(0, 1), counted.flatten(), reduction="sum")

    def choose(self, emissions: Tensor, lengths: Int[Tensor, " batch"]) -> Int[Tensor, "time batch"]:
        """The best labels for emissions, float32; past a row's length they mean nothing."""
        return emissions.argmax(dim=2) if self.crf is None else self.crf.viterbi(emissions, lengths)

    def decode(self, words: Words) -> Decoded:
        """The best labels of sentences, and the probability of each label."""
        emissions = self(words).float()
        if self.crf is not None:
            return self.crf.decode(emissions, words.lengths)
        shares, labels = emissions.softmax(dim=2).max(dim=2)
        return Decoded(labels, shares)
