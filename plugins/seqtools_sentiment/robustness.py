"""Changes of a text that should not change its label, and how often they do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

Label = Callable[[Sequence[str]], Sequence[tuple[str, ...]]]
"""The labels that count of each text."""

_FINAL = re.compile(r"[\s.!?\u2026,;:\u3002\uff01\uff1f]+\Z")
_APOSTROPHE = "['\u2019]"
_OUT = (
    (r"\bca\s?n{0}t\b", "cannot"),
    (r"\bwo\s?n{0}t\b", "will not"),
    (r"\bsha\s?n{0}t\b", "shall not"),
    (r"(?<=[a-z])\s?n{0}t\b", " not"),
    (r"(?<=[a-z])\s?{0}re\b", " are"),
    (r"(?<=[a-z])\s?{0}ve\b", " have"),
    (r"(?<=[a-z])\s?{0}ll\b", " will"),
    (r"\bi\s?{0}m\b", "I am"),
    (r"\b(it|that|there|here|what|he|she|who|where|how)\s?{0}s\b", r"\1 is"),
)
_TOGETHER = (
    (r"\b(?:cannot|can not)\b", "can't"),
    (r"\bwill not\b", "won't"),
    (r"\bshall not\b", "shan't"),
    (r"\b(is|are|was|were|do|does|did|has|have|had|would|could|should|must|need)\s+not\b", r"\1n't"),
    (r"\b(they|we|you) are\b", r"\1're"),
    (r"\b(i|they|we|you) have\b", r"\1've"),
    (r"\b(i|they|we|you|he|she|it) will\b", r"\1'll"),
    (r"\bi am\b", "I'm"),
    (r"\b(it|that|there|he|she) is\b", r"\1's"),
)


def _compiled(pairs: Sequence[tuple[str, str]]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(old.replace("{0}", _APOSTROPHE), re.IGNORECASE), new) for old, new in pairs]


def _without_end(text: str) -> str:
    return _FINAL.sub("", text) or text


def _with_end(text: str) -> str:
    return text if _FINAL.search(text) else f"{text}."


def _replaced(pairs: Sequence[tuple[re.Pattern[str], str]], text: str) -> str:
    for pattern, new in pairs:
        text = pattern.sub(new, text)
    return text


def _carriage_returns(text: str) -> str:
    return re.sub(r"\r?\n", "\r\n", f"{text}\n")


CHANGES: dict[str, Callable[[str], str]] = {
    "final punctuation removed": _without_end,
    "final full stop added": _with_end,
    "lower case": str.lower,
    "upper case": str.upper,
    "contractions written out": partial(_replaced, _compiled(_OUT)),
    "contractions put together": partial(_replaced, _compiled(_TOGETHER)),
    "trailing newline": "{}\n".format,
    "CR LF line ends": _carriage_returns,
    "Unicode NFC": partial(unicodedata.normalize, "NFC"),
    "Unicode NFD": partial(unicodedata.normalize, "NFD"),
}
"""What is tried, by name; contractions are English ones."""


@dataclass(frozen=True)
class Change:
    """What one change does.

    Attributes:
        name: of the change.
        texts: how many it applies to.
        flipped: how many of them get another label.
        example: the first text that does, as it was; "" if none does.
    """

    name: str
    texts: int
    flipped: int
    example: str = ""

    @property
    def share(self) -> float:
        """Of the texts it applies to, those that get another label."""
        return self.flipped / self.texts if self.texts else 0.0


def robustness(texts: Sequence[str], before: Sequence[tuple[str, ...]], label: Label) -> list[Change]:
    """Try every change on every text that it changes.

    Args:
        texts: as they are.
        before: their labels.
        label: asks the model.
    """
    return [_tried(name, change, texts, before, label) for name, change in CHANGES.items()]


def _tried(
    name: str, change: Callable[[str], str], texts: Sequence[str], before: Sequence[tuple[str, ...]],
    label: Label,
) -> Change:  # fmt: skip
    changed = [(place, new) for place, text in enumerate(texts) if (new := change(text)) != text]
    after = label([new for _, new in changed]) if changed else []
    flipped = [
        place for (place, _), now in zip(changed, after, strict=True) if set(now) != set(before[place])
    ]
    return Change(name, len(changed), len(flipped), texts[flipped[0]] if flipped else "")
