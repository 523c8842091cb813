"""What the SentencePiece trainer gets to see: a fair sample of the lines of a corpus of any size."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator

# The trainer holds all its lines in memory, so a huge corpus is sampled; 100,000 lines of text are about
# 5 MB, and the vocabulary hardly changes above that.
SAMPLE_LINES = 100_000
LONGEST_LINE = 1000
# The trainer skips lines with a tab or U+2585, uses U+2581 for the blank and cannot read NUL.
_BREAKS = re.compile("[\n\t\0\u2581\u2585]+")


def training_lines(texts: Iterable[str], seed: int = 0) -> list[str]:
    """A uniform sample of the lines of a corpus in their order of draw (Vitter 1985, algorithm R).

    Args:
        texts: the corpus in pieces; a line may be cut by the border of two pieces.
        seed: of the sample.
    """
    rng = random.Random(seed)
    kept: list[str] = []
    for number, line in enumerate(_lines(texts)):
        if number < SAMPLE_LINES:
            kept.append(line)
        elif (slot := rng.randrange(number + 1)) < SAMPLE_LINES:
            kept[slot] = line
    return kept


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Lines that are not empty, long ones cut."""
    tail = ""
    for text in texts:
        *whole, tail = _BREAKS.split(tail + text)
        # Without a break for long, cut: joining ever longer tails would take quadratic time.
        if len(tail) > LONGEST_LINE:
            whole, tail = [*whole, tail], ""
        yield from _cut(whole)
    yield from _cut([tail])


def _cut(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        for start in range(0, len(line), LONGEST_LINE):
            yield line[start : start + LONGEST_LINE]
