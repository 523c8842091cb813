"""Text to words as a tagger's training sentences have them. The standard library only.

Sentences with labels come as words, cut by some treebank's rules. A text has to be cut the same way, or the
network reads words that it never met. What differs from treebank to treebank is learned from the words:
endings that are cut off ("does" "n't", "John" "'s"), elisions ("l'" "homme"), abbreviations that keep their
point, and whether a hyphen parts words.

The first expression cuts a text; then elisions and endings are taken off its words. As everywhere, no two
alternatives can differ in what "first" (Python) and "longest" (onnxruntime's operator) match.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from seqtools.characters import BLANKS, PUNCTUATION, SINGLES
from seqtools.errors import DataError

WHOLE = f"[^{BLANKS}]+"
"""What a word is in a text that is cut already."""

_LETTER = f"[^{BLANKS}{PUNCTUATION}{SINGLES}0-9]"
_WORD = f"[^{BLANKS}{PUNCTUATION}{SINGLES}]"
_QUOTE = "['’]"
_ADDRESSES = (
    f"(?:https?://|www\\.)[^{BLANKS}]*(?:{_WORD}|/)",
    r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]+\.)+[A-Za-z0-9]+",
)
_INITIALS = r"(?:[A-Za-z]\.){2,}"
_NUMBER = r"[0-9]+(?:[.,:/][0-9]+)+"
_RUNS = (r"\.{2,}", r"-{2,}", r"[!?]{2,}", r"={2,}", r"_{2,}", r"\*{2,}")

_FEW = 3
_MOST_ABBREVIATIONS = 500


@dataclass(frozen=True)
class Cutter:
    """How a text is cut.

    Attributes:
        endings: cut off where a word ends so, in lower case with a straight apostrophe (`'s`, `n't`).
        elisions: the same where a word begins so (`l'`).
        abbreviations: words that keep the point at their end.
        hyphens: words keep the hyphens inside them.
    """

    endings: tuple[str, ...] = ()
    elisions: tuple[str, ...] = ()
    abbreviations: tuple[str, ...] = ()
    hyphens: bool = True

    @classmethod
    def learn(cls, sentences: Iterable[Sequence[str]]) -> Cutter:
        """From the words of training sentences."""
        words, pairs, dashes = Counter[str](), Counter[str](), 0
        for sentence in sentences:
            words.update(sentence)
            pairs.update(f"{left}." for left, right in pairwise(sentence) if right == ".")
            triples = zip(sentence, sentence[1:], sentence[2:], strict=False)
            dashes += sum(_joined(*triple) for triple in triples)
        plain = Counter[str]()
        for word, count in words.items():
            plain[word.replace("’", "'").lower()] += count
        hyphened = sum(count for word, count in words.items() if _HYPHENED.search(word))
        return cls(
            _cut_off(plain, _ENDING, str.endswith),
            _cut_off(plain, _ELISION, str.startswith),
            _abbreviations(words, pairs),
            hyphens=hyphened >= dashes,
        )

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Cutter:
        """Rebuild from `payload()`.

        Raises:
            DataError: it is damaged.
        """
        try:
            names = ("endings", "elisions", "abbreviations")
            endings, elisions, abbreviations = (tuple(map(str, payload[name])) for name in names)
            return cls(endings, elisions, abbreviations, bool(payload["hyphens"]))
        except (KeyError, TypeError) as error:
            cause = f"its stored description is damaged ({error})"
            raise DataError("cutting of words", cause, "Take the run folder from its source again") from error

    def payload(self) -> dict[str, Any]:
        """JSON-safe; says everything."""
        return {
            "endings": list(self.endings),
            "elisions": list(self.elisions),
            "abbreviations": list(self.abbreviations),
            "hyphens": self.hyphens,
        }

    @property
    def expression(self) -> str:
        """Matches the words of a text, before anything is taken off."""
        inside = f"['’-]{_WORD}+" if self.hyphens else f"{_QUOTE}{_WORD}+"
        abbreviations = sorted(self.abbreviations, key=lambda one: (-len(one), one))
        # An ending may stand by itself; \b keeps it from biting off the start of a quoted word.
        alone = [f"{_spelled(one)}\\b" for one in _longest_first(self.endings) if one.startswith("'")]
        parts = [
            *_ADDRESSES,
            _INITIALS,
            *map(re.escape, abbreviations),
            _NUMBER,
            f"{_WORD}+(?:{inside})*",
            *alone,
            *_RUNS,
            f"[{PUNCTUATION}{SINGLES}]",
        ]
        return "|".join(parts)

    @property
    def beginning(self) -> str:
        """Matches an elision that a word begins with; "" if there are none."""
        return f"^(?:{'|'.join(map(_spelled, _longest_first(self.elisions)))})" if self.elisions else ""

    @property
    def ending(self) -> str:
        """Matches an ending that a word ends with; "" if there are none."""
        return f"(?:{'|'.join(map(_spelled, _longest_first(self.endings)))})$" if self.endings else ""

    def cut(self, text: str) -> list[str]:
        """The words of a text."""
        return [piece for word in self._words.findall(text) for piece in self._pieces(word)]

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return re.compile(self.expression, re.ASCII)

    def _pieces(self, word: str) -> Iterator[str]:
        """A word without its elision and its ending, and these."""
        first = re.match(self.beginning, word) if self.beginning else None
        begin = first.end() if first else 0
        last = re.search(self.ending, word[begin:]) if self.ending else None
        end = begin + last.start() if last else len(word)
        return (piece for piece in (word[:begin], word[begin:end], word[end:]) if piece)


_HYPHENED = re.compile(f"{_LETTER}-{_LETTER}")
_ENDING = re.compile(f"'{_LETTER}{{1,3}}|n't")
_ELISION = re.compile(f"{_LETTER}{{1,8}}'")
_ABBREVIATION = re.compile(f"{_LETTER}+\\.")
_EDGE = re.compile(_LETTER)


def _joined(left: str, middle: str, right: str) -> bool:
    """Whether a hyphen stands between two words as a word."""
    return middle == "-" and bool(_EDGE.match(left[-1:]) and _EDGE.match(right[:1]))


def _cut_off(words: Counter[str], form: re.Pattern[str], holds: Any) -> tuple[str, ...]:
    """Parts of this form that stand by themselves more often than in longer words."""
    found = {word: count for word, count in words.items() if count >= _FEW and form.fullmatch(word)}
    inside = Counter[str]()
    for word, count in words.items():
        if "'" in word:
            for part in found:
                inside[part] += count if word != part and holds(word, part) else 0
    return tuple(sorted(part for part, count in found.items() if count > inside[part]))


def _abbreviations(words: Counter[str], pairs: Counter[str]) -> tuple[str, ...]:
    """Words with a point at their end that are seldom parted from it; the most frequent ones."""
    found = [
        (-count, word)
        for word, count in words.items()
        if count > max(1, pairs[word]) and _ABBREVIATION.fullmatch(word)
    ]
    return tuple(sorted(word for _, word in sorted(found)[:_MOST_ABBREVIATIONS]))


def _longest_first(parts: Sequence[str]) -> list[str]:
    return sorted(parts, key=lambda part: (-len(part), part))


def _spelled(part: str) -> str:
    """Matches a part in either case and with either apostrophe."""
    return "".join(map(_one_of, part))


def _one_of(character: str) -> str:
    if character == "'":
        return _QUOTE
    other = character.upper()
    return f"[{character}{other}]" if len(other) == 1 and other != character else re.escape(character)
