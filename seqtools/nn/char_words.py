"""Words by their spelling: a vector from the characters of each, so that words never met have one, too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError
from seqtools.nn.layer import RecurrentLayer
from seqtools.nn.stack import reverse

if TYPE_CHECKING:
    from jaxtyping import Float, Int

KINDS = ("cnn", "lstm")
NOTHING = 0
"""Id of no character: what rows of spellings are padded with."""


class CharWords(nn.Module):
    """A vector for each spelling; every one is computed for itself, so a batch needs each word once.

    cnn: filters over neighbouring characters, the largest answer of each over the word, relu (Ma & Hovy
    2016). lstm: both directions' last outputs (Lample et al. 2016).

    Args:
        kind: one of these.
        characters: number of ids.
        embedding: values of a character.
        width: filters, or units of both directions together.
        kernel: characters that a filter sees; the middle one is where it stands.

    Attributes:
        embedding: a vector for each character; the one of no character is zero and stays so.
        conv: the filters (cnn, else None); beyond a word's ends they see zeros.
        forward_layer, backward_layer: the recurrent layers (lstm, else None).
    """

    def __init__(self, kind: str, characters: int, embedding: int, width: int, kernel: int = 3) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ConfigError("network.characters", f"'{kind}' is not known", f"Use {', '.join(KINDS)}")
        if kind == "lstm" and width % 2:
            cause = f"{width} units cannot be shared by two directions"
            raise ConfigError("network.character_width", cause, "Make it even")
        self.kind, self.width, self.kernel = kind, width, kernel
        self.embedding = nn.Embedding(characters, embedding, padding_idx=NOTHING)
        spread = math.sqrt(3 / embedding)
        with torch.no_grad():
            self.embedding.weight.uniform_(-spread, spread)
            self.embedding.weight[NOTHING] = 0
        self.conv: nn.Conv1d | None = None
        self.forward_layer: RecurrentLayer | None = None
        self.backward_layer: RecurrentLayer | None = None
        if kind == "cnn":
            self.conv = nn.Conv1d(embedding, width, kernel, padding=kernel // 2)
        else:
            self.forward_layer = RecurrentLayer("lstm.v1", embedding, width // 2)
            self.backward_layer = RecurrentLayer("lstm.v1", embedding, width // 2)

    def forward(self, spellings: Int[Tensor, "words characters"]) -> Float[Tensor, "words width"]:
        """The vectors of spellings, int64, each padded at its end with `NOTHING`."""
        if self.conv is not None:
            return self._filtered(spellings, self.conv)
        assert self.forward_layer is not None
        assert self.backward_layer is not None
        lengths = (spellings != NOTHING).sum(dim=1).clamp(min=1)
        x = self.embedding(spellings.T)
        ends = lengths - 1, torch.arange(len(spellings), device=x.device)
        there, _ = self.forward_layer(x, self.forward_layer.start(len(spellings)))
        back, _ = self.backward_layer(reverse(x, lengths), self.backward_layer.start(len(spellings)))
        return torch.cat([there[ends], back[ends]], dim=-1)

    def _filtered(self, spellings: Tensor, conv: nn.Conv1d) -> Tensor:
        # One product for all places: quicker on a CPU than the convolution of so narrow an input.
        length, side = spellings.shape[1], self.kernel // 2
        x = nn.functional.pad(self.embedding(spellings), (0, 0, side, side))
        seen = torch.cat([x[:, place : place + length] for place in range(self.kernel)], dim=-1)
        answers = nn.functional.linear(seen, conv.weight.transpose(1, 2).flatten(1), conv.bias)
        # The first place counts always, so that a word without characters has a vector.
        past = spellings == NOTHING
        past[:, 0] = False
        return answers.masked_fill(past[:, :, None], -torch.inf).amax(dim=1).relu()

    def extra_repr(self) -> str:
        """For `print(network)`."""
        return f"{self.kind}, width={self.width}"
