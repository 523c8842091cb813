"""The text to score and the text the floor learns from: read, cut, encoded, counted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqtools.errors import DataError
from seqtools.metrics import words_in
from seqtools.plugin import Tokenizer
from seqtools.texts import Corpus, split_lines
from seqtools_generate.floor import MAX_TOKENS

IntArray = NDArray[np.int64]

_LONGEST_TRAIN = 16 * MAX_TOKENS


@dataclass(frozen=True)
class Sample:
    """What is scored, and what the floor may learn from.

    Attributes:
        text: the text to score; per line, one text a line.
        train: the text that the floor learns from; "" for none.
        ids: tokens of `text`, `[time]`; the first is context only.
        characters, words: of `text` without what the first token stands for.
        unknown: how many ids are the unknown id.
        per_line: each line stands between start and end ids, as in training.
    """

    text: str
    train: str
    ids: IntArray
    characters: int
    words: int
    unknown: int
    per_line: bool

    @property
    def scored(self) -> int:
        """Tokens that are predicted: all but the first."""
        return len(self.ids) - 1

    def train_ids(self, tokenizer: Tokenizer) -> IntArray:
        """Tokens of the floor's text; of a huge one only of its end, as no more are counted."""
        return encode(tokenizer, self.train[-_LONGEST_TRAIN:], self.per_line)


def read_sample(
    tokenizer: Tokenizer, files: Sequence[str], train: Sequence[str], share: float, *, per_line: bool = False
) -> Sample:
    """Join files and cut them; without `train` files the floor learns from what comes before the cut.

    Args:
        files: texts, folders, JSON Lines, gzip; `-` is stdin.
        train: the same, for the floor; empty for none.
        share: part of the characters (per line: of the lines) at the end that is scored.
        per_line: each line is a text of its own.

    Raises:
        DataError: a file is unusable, or fewer than two tokens are to be scored.
    """
    text = read(files, per_line)
    if per_line:
        lines = text.split("\n")[:-1]  # every text ends with a line end here
        cut = sum(len(line) + 1 for line in lines[: int((1 - share) * len(lines))])
    else:
        cut = int((1 - share) * len(text))
    return sample_of(tokenizer, text[cut:], read(train, per_line) if train else text[:cut], per_line=per_line)


def sample_of(tokenizer: Tokenizer, text: str, train: str, *, per_line: bool = False) -> Sample:
    """Encode the text to score and count what the figures are per.

    Raises:
        DataError: there are fewer than two tokens.
    """
    ids = encode(tokenizer, text, per_line)
    if len(ids) < 2:
        cause = f"it has {len(ids)} token{'' if len(ids) == 1 else 's'}, two are needed"
        raise DataError("text to score", cause, "Give more text, or score all of it with --whole")
    rest = text[len(tokenizer.decode(ids[:1])) :]
    unknown = int(np.count_nonzero(ids[1:] == tokenizer.unknown)) if tokenizer.unknown >= 0 else 0
    return Sample(text, train, ids, len(rest), words_in(rest), unknown, per_line)


def encode(tokenizer: Tokenizer, text: str, per_line: bool) -> IntArray:
    """Ids of a text, or per line of each line between its start and end ids, as training lays them out."""
    if not per_line:
        return np.asarray(tokenizer.encode(text), np.int64)
    ends = ([tokenizer.bos], [tokenizer.eos])
    parts = [part for line in _lines(text) for part in (ends[0], tokenizer.encode(line), ends[1])]
    return np.concatenate([np.asarray(part, np.int64) for part in parts]) if parts else np.zeros(0, np.int64)


def read(names: Sequence[str], per_line: bool) -> str:
    """All texts joined; per line, each ends with a line end and blank ones are left out.

    Raises:
        DataError: missing, unreadable, binary, not UTF-8 (with the byte's offset) or empty.
    """
    parts = []
    for name in names:
        if name == "-":
            found = _stdin()
            parts += [line + "\n" for line in _lines(found)] if per_line else [found]
        else:
            corpus = Corpus((Path(name),), per_line=per_line)
            parts += [line + "\n" for line in corpus.lines()] if per_line else list(corpus.blocks())
    text = "".join(parts)
    if not text:
        raise DataError(", ".join(names), "there is no text in it", "Give a file with some text in it")
    return text


def _lines(text: str) -> list[str]:
    return [line for line in split_lines([text]) if line.strip()]


def _stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        cure = "Convert it, for example with: iconv -f latin1 -t utf-8"
        raise DataError("stdin", f"it is not UTF-8 at offset {error.start}", cure) from error
