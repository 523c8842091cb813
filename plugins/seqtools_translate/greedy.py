"""Greedy translation by the live network, for validation while training; files have the beam search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from seqtools.nn.seq2seq import Seq2Seq
from seqtools.plugin import Tokenizer
from seqtools_translate.batches import pad

ROWS = 128
"""Sentences translated at once."""

# Longest translation: so many tokens more than this factor of the source's.
_FACTOR, _MORE = 2, 10

END = "⏎"
"""How the end of a source is shown."""


@dataclass(frozen=True)
class Translated:
    """A translation and where its tokens came from.

    Attributes:
        text: the translation.
        pieces: its tokens, as text.
        sources: the source token that each looked at most, as text; `END` where it was the end.
    """

    text: str
    pieces: list[str]
    sources: list[str]

    def looked(self) -> str:
        """Each token with the source token that it looked at most: `Ein<A Mann<man`."""
        pairs = zip(self.pieces, self.sources, strict=True)
        return " ".join(f"{piece.strip() or '␣'}<{source.strip() or '␣'}" for piece, source in pairs)


@torch.no_grad()
def translate(
    network: Seq2Seq, tokenizers: tuple[Tokenizer, Tokenizer], texts: Sequence[str], device: torch.device
) -> list[Translated]:
    """Translate sentences, the likeliest token at every step; those of like length together."""
    source, _ = tokenizers
    ids = [source.encode(text).tolist() for text in texts]
    found: dict[int, Translated] = {}
    order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
    for first in range(0, len(order), ROWS):
        rows = order[first : first + ROWS]
        told = _batch(network, tokenizers, [ids[row] for row in rows], device)
        found.update(zip(rows, told, strict=True))
    return [found[index] for index in range(len(ids))]


def _batch(
    network: Seq2Seq, tokenizers: tuple[Tokenizer, Tokenizer], ids: list[list[int]], device: torch.device
) -> list[Translated]:
    source, target = tokenizers
    tokens, lengths = pad([torch.tensor([*row, source.eos]).numpy() for row in ids], source.eos)
    read = network.encode(tokens.to(device), lengths.to(device))
    state, drawn = network.start(read), network.decoder.draw(read)
    token = torch.full((len(ids),), target.bos, device=device)
    written, looked = [], []
    done = torch.zeros(len(ids), dtype=torch.bool, device=device)
    for _ in range(_longest(int(lengths.max()))):
        state, weights = network.step(token, state, read, drawn)
        token = network.logits(state).argmax(dim=-1)
        written.append(token)
        looked.append(weights.argmax(dim=-1))
        done |= token == target.eos
        if bool(done.all()):
            break
    said, where = torch.stack(written, dim=1).tolist(), torch.stack(looked, dim=1).tolist()
    return [_told(tokenizers, *row) for row in zip(ids, said, where, strict=True)]


def _longest(source: int) -> int:
    """Most tokens of a translation, by the source's length with its end."""
    return _FACTOR * source + _MORE


def _told(
    tokenizers: tuple[Tokenizer, Tokenizer], ids: list[int], said: list[int], where: list[int]
) -> Translated:
    source, target = tokenizers
    said = said[: _longest(len(ids) + 1)]
    end = said.index(target.eos) if target.eos in said else len(said)
    return Translated(
        target.decode(said[:end]),
        [target.decode([token]) for token in said[:end]],
        [source.decode([ids[place]]) if place < len(ids) else END for place in where[:end]],
    )
