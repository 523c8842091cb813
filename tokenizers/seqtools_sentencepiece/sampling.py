"""Random segmentations for training, drawn by us: the library's own generator differs between processes.

Both samplers work word by word, for no piece reaches over a blank into the next word.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

# A word with the blank before it, the blanks before that, or a newline. Very long words are cut: the
# n-best search takes more than linear time.
_WORDS = re.compile(r" ?[^ \n]{1,32}| +(?= )| +|\n")
_CANDIDATES = 32
_CACHED_WORDS = 100_000


class Sampler(Protocol):
    """Draws the ids of a text."""

    def sample(self, text: str, rng: np.random.Generator) -> list[int]:
        """Ids of one random segmentation; it depends on `text` and `rng` alone."""


class NBestSampler:
    """Unigram: one of the 32 best cuts of each word, by probability to the power alpha (Kudo 2018, sec. 3.2).

    Args:
        candidates: the ids of the best segmentations of a word, at most as many as asked for.
        scores: log-probability of each piece, by id.
        alpha: 1 draws as the model believes, near 0 evenly.
    """

    def __init__(
        self, candidates: Callable[[str, int], list[list[int]]], scores: list[float], alpha: float
    ) -> None:
        self._candidates, self._scores, self._alpha = candidates, scores, alpha
        self._cache: dict[str, tuple[list[list[int]], list[float]]] = {}

    def sample(self, text: str, rng: np.random.Generator) -> list[int]:
        """Ids of one random segmentation."""
        words = _WORDS.findall(text)
        ids: list[int] = []
        for word, uniform in zip(words, rng.random(len(words)).tolist(), strict=True):
            cuts, cumulative = self._cache.get(word) or self._weigh(word)
            ids.extend(cuts[bisect_right(cumulative, uniform, hi=len(cuts) - 1)])
        return ids

    def _weigh(self, word: str) -> tuple[list[list[int]], list[float]]:
        cuts = self._candidates(word, _CANDIDATES)
        logs = np.array([self._alpha * sum(map(self._scores.__getitem__, cut)) for cut in cuts])
        weights = np.exp(logs - logs.max())
        if len(self._cache) >= _CACHED_WORDS:
            self._cache.clear()
        self._cache[word] = cuts, np.cumsum(weights / weights.sum()).tolist()
        return self._cache[word]


class BpeDropout:
    """BPE: every possible merge is left out with a probability, at each step anew (Provilkov et al. 2020).

    Args:
        pieces: id of each piece that merging may reach, blanks as blanks.
        scores: of each piece, by id; the highest merges first.
        spell: ids of a character that is no piece.
        dropout: probability that a merge is left out.
    """

    def __init__(
        self,
        pieces: Mapping[str, int],
        scores: list[float],
        spell: Callable[[str], list[int]],
        dropout: float,
    ) -> None:
        self._scores = {piece: scores[index] for piece, index in pieces.items()}
        self._pieces, self._spell, self._dropout = pieces, spell, dropout

    def sample(self, text: str, rng: np.random.Generator) -> list[int]:
        """Ids of one random segmentation."""
        ids: list[int] = []
        for word in _WORDS.findall(text):
            for part in self._merge(list(word), rng):
                index = self._pieces.get(part)
                ids.extend(self._spell(part) if index is None else (index,))
        return ids

    def _merge(self, parts: list[str], rng: np.random.Generator) -> list[str]:
        """Merge neighbours, best first, until what is left was dropped or is no piece."""
        draw, scores, nothing = rng.random, self._scores, -np.inf
        while len(parts) > 1:
            kept = draw(len(parts) - 1).tolist()
            best, at = nothing, -1
            for i, uniform in enumerate(kept):
                score = scores.get(parts[i] + parts[i + 1], nothing)
                if score > best and uniform >= self._dropout:
                    best, at = score, i
            if at < 0:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return parts
