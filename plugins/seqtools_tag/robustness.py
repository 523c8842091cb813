"""Changes of a sentence that should not change its labels, and what they do.

The right labels are those of words, so every change leaves the words in their places: words are spelled
otherwise, or some go or come at the end, and those that stay are compared.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from seqtools_tag.figures import Figures, measure
from seqtools_tag.sentences import Sentence

Label = Callable[[Sequence[str]], Sequence[Sequence[str]]]
"""Labels of the words of texts, which stand between blanks."""

Words = Sequence[str]

_FINAL = re.compile(r"[.!?\u2026,;:\u3002\uff01\uff1f]+")
_APOSTROPHES = str.maketrans("\u2019", "'")
_WRITTEN_OUT = {"n't": "not", "'re": "are", "'ve": "have", "'ll": "will", "'m": "am"}
_VERBS = {"ca": "can", "wo": "will", "sha": "shall"}
_IS_AFTER = frozenset(["it", "that", "there", "here", "what", "he", "she", "who", "where", "how"])
_TOGETHER = {
    "n't": ("not", "is are was were do does did has have had would could should must need can will shall"),
    "'re": ("are", "they we you"),
    "'ve": ("have", "i they we you"),
    "'ll": ("will", "i they we you he she it"),
    "'m": ("am", "i"),
    "'s": ("is", "it that there he she"),
}
_PUT_TOGETHER = {(one, word): new for new, (word, before) in _TOGETHER.items() for one in before.split()}
_SHORT = {long: short for short, long in _VERBS.items()}


def _without_end(words: Words) -> str:
    count = len(words)
    while count and _FINAL.fullmatch(words[count - 1]):
        count -= 1
    return " ".join(words[:count] or words)


def _with_end(words: Words) -> str:
    return " ".join(words if _FINAL.fullmatch(words[-1]) else [*words, "."])


def _each(change: Callable[[str], str], words: Words) -> str:
    return " ".join(map(change, words))


def _written_out(words: Words) -> str:
    """English contractions that are words by themselves ("does" "n't") as they are said in full."""
    plain = [word.translate(_APOSTROPHES).lower() for word in words]
    told = []
    for word, before, now, after in zip(words, ["", *plain], plain, [*plain[1:], ""], strict=False):
        new = _WRITTEN_OUT.get(now) or (_VERBS.get(now) if after == "n't" else None)
        told.append(_cased(new or ("is" if now == "'s" and before in _IS_AFTER else word), word))
    return " ".join(told)


def _put_together(words: Words) -> str:
    plain = [word.lower() for word in words]
    told = []
    for word, before, now, after in zip(words, ["", *plain], plain, [*plain[1:], ""], strict=False):
        if after == "not" and (now, after) in _PUT_TOGETHER:  # "it is not" has one contraction, not two
            new = _SHORT.get(now)
        else:
            new = _PUT_TOGETHER.get((before, now))
        told.append(_cased(new or word, word))
    return " ".join(told)


def _cased(new: str, word: str) -> str:
    """In capitals where the word is, with its first letter large where the word has that."""
    if len(word) > 1 and word.isupper():
        return new.upper()
    return new[:1].upper() + new[1:] if word[:1].isupper() else new


CHANGES: dict[str, Callable[[Words], str]] = {
    "final punctuation removed": _without_end,
    "final full stop added": _with_end,
    "lower case": partial(_each, str.lower),
    "upper case": partial(_each, str.upper),
    "contractions written out": _written_out,
    "contractions put together": _put_together,
    "trailing newline": lambda words: f"{' '.join(words)}\n",
    "CR LF line ends": lambda words: f"{' '.join(words)}\r\n",
    "Unicode NFC": partial(_each, partial(unicodedata.normalize, "NFC")),
    "Unicode NFD": partial(_each, partial(unicodedata.normalize, "NFD")),
}
"""What is tried, by name; contractions are English ones."""


@dataclass(frozen=True)
class Change:
    """What one change does.

    Attributes:
        name: of the change.
        texts: how many sentences it applies to.
        flipped: how many of their words get another label.
        before, after: figures of these sentences, of the words that stay.
        example: the first sentence with such a word, as it was; "" if there is none.
    """

    name: str
    texts: int
    flipped: int
    before: Figures
    after: Figures
    example: str = ""

    @property
    def words(self) -> int:
        """How many words are compared."""
        return self.after.words

    @property
    def share(self) -> float:
        """Of these, those that get another label."""
        return self.flipped / self.words if self.words else 0.0

    def as_json(self) -> dict[str, Any]:
        """JSON-safe, keys in order."""
        return {
            "name": self.name,
            "texts": self.texts,
            "words": self.words,
            "flipped": self.flipped,
            "example": self.example,
            "share": self.share,
            "before": self.before.told(),
            "after": self.after.told(),
        }


def robustness(
    gold: Sequence[Sentence], before: Sequence[Sequence[str]] | None, label: Label, *, spanned: bool
) -> list[Change]:
    """Try every change on every sentence that it changes.

    Args:
        gold: sentences with the right labels.
        before: what the model says of them; None asks it, about those alone that a change applies to.
        label: asks the model.
        spanned: whether labels mark spans.
    """
    return [_tried(name, change, gold, before, label, spanned) for name, change in CHANGES.items()]


def _tried(
    name: str, change: Callable[[Words], str], gold: Sequence[Sentence],
    before: Sequence[Sequence[str]] | None, label: Label, spanned: bool,
) -> Change:  # fmt: skip
    texts = [" ".join(one.words) for one in gold]
    changed = [change(one.words) for one in gold]
    found = [place for place, (old, new) in enumerate(zip(texts, changed, strict=True)) if old != new]
    some = [texts[place] for place in found]
    said = label(some) if before is None else [before[place] for place in found]
    after = label([changed[place] for place in found])
    rows = [_kept(gold[place].labels, *pair) for place, *pair in zip(found, said, after, strict=True)]
    flips = [sum(a != b for a, b in zip(said, now, strict=True)) for _, said, now in rows]
    examples = (text for text, count in zip(some, flips, strict=True) if count)
    return Change(
        name,
        len(found),
        sum(flips),
        measure([right for right, _, _ in rows], [said for _, said, _ in rows], spanned=spanned),
        measure([right for right, _, _ in rows], [now for _, _, now in rows], spanned=spanned),
        next(examples, ""),
    )


def _kept(*labels: Sequence[str]) -> tuple[Sequence[str], ...]:
    """Labels of the words that stay: further ones come and go at the end."""
    count = min(map(len, labels))
    return tuple(row[:count] for row in labels)
