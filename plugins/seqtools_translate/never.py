"""Phrases that a translation must not say, however its sub-words spell them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from seqtools.plugin import Tokenizer
from seqtools.runtime.arrays import FloatArray
from seqtools.search import SearchConstraint, SearchRows
from seqtools_translate.glossary import inside_word

# Half a character takes at most 8 tokens, so that many tokens for each character of a phrase show its place.
_TOKENS_A_CHARACTER = 8


class Spelling:
    """The tokens that would complete a phrase, by what is already there of it.

    Args:
        phrase: what must not be said; it counts where a word begins, whatever ending follows.
        pieces: the text of each token by itself, blanks included.
    """

    def __init__(self, phrase: str, pieces: Sequence[str]) -> None:
        self.phrase = phrase
        self._completes = [
            np.array([piece.startswith(phrase[begun:]) for piece in pieces])
            for begun in range(1, len(phrase))
        ]
        places = [piece.find(phrase) for piece in pieces]
        within = zip(pieces, places, strict=True)
        # A piece that begins with the phrase begins a word only after something that is no letter.
        self._holds = np.array([at > 0 and not inside_word(piece, at) for piece, at in within])
        self._begins = np.array([at == 0 for at in places])

    def after(self, text: str) -> NDArray[np.bool_]:
        """Tokens `[vocab]` that must not follow a text."""
        said = self._holds.copy()
        if not inside_word(text + self.phrase, len(text)):
            said |= self._begins
        for begun, completes in enumerate(self._completes, 1):
            if text.endswith(self.phrase[:begun]) and not inside_word(text, len(text) - begun):
                said |= completes
        return said


class Spellings:
    """Spellings of phrases, each made once, since making one looks at the whole vocabulary.

    Attributes:
        tokenizer: of the target.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._known: dict[str, Spelling] = {}

    @cached_property
    def _pieces(self) -> list[str]:
        return [self.tokenizer.decode([token]) for token in range(self.tokenizer.vocab_size)]

    def __getitem__(self, phrase: str) -> Spelling:
        if phrase not in self._known:
            self._known[phrase] = Spelling(phrase, self._pieces)
        return self._known[phrase]


class Never(SearchConstraint):
    """Keeps phrases out of translations.

    Args:
        phrases: for each sentence of the run.
        spellings: of all of them.
    """

    def __init__(self, phrases: Sequence[Sequence[str]], spellings: Spellings) -> None:
        self._decode = spellings.tokenizer.decode
        self._spellings = [[spellings[phrase] for phrase in told] for told in phrases]

    def forbid(self, scores: FloatArray, rows: SearchRows) -> None:
        """Forbid what would complete a phrase."""
        ends = (rows.starts + rows.lengths).tolist()
        for row, sentence in enumerate(rows.sentences.tolist()):
            spellings = self._spellings[sentence]
            if not spellings or rows.finished[row]:
                continue
            looked = _TOKENS_A_CHARACTER * (1 + max(len(one.phrase) for one in spellings))
            text = self._decode(rows.tokens[row, max(0, ends[row] - looked) : ends[row]])
            for spelling in spellings:
                scores[row, spelling.after(text)] = -np.inf
