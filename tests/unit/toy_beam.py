"""Models that are tables, and searches so plain that they are surely right; tests load this by `runpy`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from seqtools import loader
from seqtools.runtime.arrays import FloatArray, IntArray

EOS = 2
SOURCE = 3
Search: Any = loader.lookup(loader.registry().decoders, "decoder", "beam").load()


class TableModel:
    """Log-probabilities of the next token from the whole history: a mixed-up row changes everything.

    Args:
        vocab: number of tokens.
        seed: of the table.
        names: what each sentence is called; two models tell a sentence of one name the same.
        sharpness: how far opinions are apart.
    """

    def __init__(
        self, vocab: int, seed: int = 0, names: Sequence[int] | None = None, sharpness: float = 1.5
    ) -> None:
        self.vocab, self.names = vocab, names
        self.steps, self.widest = 0, 0

        @cache
        def row(name: int, history: tuple[int, ...]) -> FloatArray:
            rng = np.random.default_rng([seed, name, *history])
            scores = rng.normal(size=vocab) * sharpness
            told: FloatArray = (scores - np.log(np.exp(scores).sum())).astype(np.float32)
            return told

        self.row = row

    def start(self, batch: int) -> list[tuple[int, tuple[int, ...]]]:
        names = range(batch) if self.names is None else self.names
        return [(name, ()) for name in names]

    def first(self, batch: int) -> tuple[FloatArray, Any]:
        state = self.start(batch)
        return self._rows(state), state

    def step(self, tokens: IntArray, state: Any) -> tuple[FloatArray, Any]:
        assert tokens.dtype == np.int64
        assert len(tokens) == len(state)
        self.steps, self.widest = self.steps + 1, max(self.widest, len(tokens))
        new = [(name, (*past, int(token))) for (name, past), token in zip(state, tokens, strict=True)]
        return self._rows(new), new

    def reorder(self, state: Any, rows: IntArray) -> Any:
        return [state[row] for row in rows]

    def _rows(self, state: Any) -> FloatArray:
        return np.stack([self.row(*one) for one in state]) if state else np.zeros((0, self.vocab), np.float32)


class LookingModel(TableModel):
    """One that also tells where it looks."""

    def attention(self, state: Any) -> FloatArray:
        return np.stack([self.look(*one) for one in state])

    def look(self, name: int, history: tuple[int, ...]) -> FloatArray:
        weights = np.random.default_rng([7, name, *history]).random(SOURCE)
        told: FloatArray = (weights / weights.sum()).astype(np.float32)
        return told


def summed(model: TableModel, name: int, tokens: Sequence[int], before: Sequence[int] = ()) -> np.float32:
    """The float32 sum of log-probabilities, added in order."""
    total, past = np.float32(0), tuple(before)
    for token in tokens:
        total, past = total + model.row(name, past)[token], (*past, token)
    return total


def every(vocab: int, longest: int, shortest: int = 0, eos: int = EOS) -> list[tuple[list[int], bool]]:
    """All hypotheses of a length: tokens, and whether the end token follows."""
    others = [token for token in range(vocab) if token != eos]
    found = []
    for length in range(longest + 1):
        finished = length < longest
        if finished and length < shortest:
            continue
        found += [(list(tokens), finished) for tokens in itertools.product(others, repeat=length)]
    return found


def exhaustive(
    model: TableModel, name: int, longest: int, alpha: float, shortest: int = 0, eos: int = EOS
) -> list[tuple[float, list[int]]]:
    """All hypotheses with their scores, best first."""
    scored = [
        (
            float(
                summed(model, name, [*tokens, eos] if finished else tokens)
                / np.power(np.float32(len(tokens) + 1), np.float32(alpha))
            ),
            tokens,
        )
        for tokens, finished in every(model.vocab, longest, shortest, eos)
    ]
    return sorted(scored, key=lambda pair: -pair[0])


def plain(
    model: TableModel,
    name: int,
    size: int,
    longest: int,
    alpha: float = 1.0,
    shortest: int = 0,
    prefix: Sequence[int] = (),
) -> list[tuple[float, list[int]]]:
    """Beam search as the contract words it, with lists: (ranked score, tokens), best first."""
    beam: list[tuple[np.float32, list[int], bool]] = [(np.float32(0), [], False)]
    for turn in range(longest):
        candidates = []
        for row, (score, tokens, finished) in enumerate(beam):
            if finished:
                candidates.append((score, row, 0, EOS))
                continue
            told = model.row(name, (*prefix, *tokens))
            candidates += [
                (score + told[token], row, -told[token], token)
                for token in range(model.vocab)
                if token != EOS or turn >= shortest
            ]
        candidates.sort(key=lambda one: (-one[0], *one[1:]))
        beam = [
            (score, beam[row][1] + ([] if token == EOS else [token]), token == EOS)
            for score, row, _, token in candidates[:size]
        ]
        if all(finished for _, _, finished in beam):
            break
    ranked = [
        (float(score / np.power(np.float32(len(tokens) + 1), np.float32(alpha))), tokens)
        for score, tokens, _ in beam
    ]
    return sorted(ranked, key=lambda pair: -pair[0])


def greedy(model: TableModel, name: int, longest: int) -> list[int]:
    """The likeliest token, again and again."""
    tokens: list[int] = []
    while len(tokens) < longest and (token := int(model.row(name, tuple(tokens)).argmax())) != EOS:
        tokens.append(token)
    return tokens


def search(
    model: TableModel,
    batch: int,
    longest: int | Sequence[int] = 4,
    given: dict[str, Any] | None = None,
    **options: Any,
) -> list[list[Any]]:
    """Run a search with these options; `given` goes to `run`."""
    lengths = [longest] * batch if isinstance(longest, int) else list(longest)
    asked = {"eos": EOS, "max_lengths": lengths, **(given or {})}
    found: list[list[Any]] = Search(Search.Options(**options)).run(model, batch, **asked)
    return found
