"""Texts to ids and back, for each side of a translator, and what its vocabulary lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqtools import loader
from seqtools.errors import ModelFileError
from seqtools.model_file import ModelFile
from seqtools.plugin import Tokenizer
from seqtools.runtime.arrays import FloatArray, IntArray
from seqtools.tokens import REPLACEMENT, UNKNOWN
from seqtools_translate.never import Spellings

_LINE_ENDS = str.maketrans("\n\r", "  ")


def tokenizers_of(file: ModelFile) -> tuple[Tokenizer, Tokenizer]:
    """The tokenizers of the source and of the target, one object where they are joint.

    Raises:
        ModelFileError: the file has none.
    """
    stored: Mapping[str, Any] = file.tokenizer
    if "source" in stored and "target" in stored:
        return loader.tokenizer_from(stored["source"]), loader.tokenizer_from(stored["target"])
    if not stored:
        cause = "its metadata has no tokenizer"
        raise ModelFileError(str(file.path), cause, "Export it again with: seqtools export RUN -o FILE")
    joint = loader.tokenizer_from(stored)
    return joint, joint


class SourceText:
    """Reads texts to translate."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self._strange: dict[int, bool] = {}

    def encode(self, text: str) -> IntArray:
        """Ids `[time]` of a text without blanks around it."""
        return np.asarray(self.tokenizer.encode(text.strip()), np.int64)

    def decode(self, ids: Sequence[int] | IntArray) -> str:
        """The text of ids."""
        return self.tokenizer.decode(ids).strip()

    def foreign(self, ids: IntArray) -> bool:
        """Whether the vocabulary does not cover a text: unknown words, or mostly characters in bytes."""
        if not len(ids):
            return False
        unknown, strange = self.tokenizer.unknown, 0
        if unknown >= 0 and (ids == unknown).any():
            return True
        if self.tokenizer.kind != "byte":  # to which every text is bytes, and that is well
            strange = sum(map(self._is_strange, ids.tolist()))
        return 2 * strange > len(ids)

    def unknowns(self, ids: IntArray) -> int:
        """Tokens of a text that the vocabulary does not cover: unknown ones, and pieces of characters."""
        unknown = self.tokenizer.unknown
        count = int(np.count_nonzero(ids == unknown)) if unknown >= 0 else 0
        return count or sum(map(self._is_strange, ids.tolist()))

    def _is_strange(self, token: int) -> bool:
        """Whether a token is a part of a character that the vocabulary spells in bytes."""
        if token not in self._strange:
            self._strange[token] = REPLACEMENT in self.tokenizer.decode([token])
        return self._strange[token]


class TargetText:
    """Writes translations.

    Attributes:
        spellings: of phrases that must not be said.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer, self.spellings = tokenizer, Spellings(tokenizer)

    def encode(self, text: str) -> IntArray:
        """Ids `[time]` of a text, blanks around it included."""
        return np.asarray(self.tokenizer.encode(text), np.int64)

    def decode(self, ids: Sequence[int] | IntArray) -> str:
        """The text of ids, on one line whatever the model wrote."""
        return one_line(self.tokenizer.decode(ids))

    def replaced(
        self,
        ids: Sequence[int],
        attention: FloatArray,
        source_words: Sequence[int],
        words: Sequence[str],
    ) -> str:
        """The text of ids with another word in the place of each unknown token.

        Args:
            ids: the translation.
            attention: `[time, source]`.
            source_words: the word of each source token, -1 for none.
            words: what to write for each source word; the one looked at most is chosen.
        """
        inside = [place for place, word in enumerate(source_words) if 0 <= word < len(words)]
        stream, marker, parts = self.tokenizer.stream(), self.tokenizer.decode([UNKNOWN]), []
        for place, token in enumerate(ids):
            piece = stream.push(token)
            if token == UNKNOWN and inside and marker:
                column = inside[int(attention[place, inside].argmax())]
                before, _, after = piece.rpartition(marker)
                piece = before + words[source_words[column]] + after
            parts.append(piece)
        return one_line("".join(parts) + stream.flush())


def one_line(text: str) -> str:
    """A text without line ends and without blanks around it."""
    return spaced(text).strip()


def spaced(text: str) -> str:
    """A text with blanks in the place of line ends."""
    return text.translate(_LINE_ENDS)
