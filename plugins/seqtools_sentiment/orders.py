"""Labels that say by themselves which is lower and which is higher."""

from __future__ import annotations

import re
from collections.abc import Collection

# Each a scale from lowest to highest; names on one level mean the same. A set of labels may skip levels.
_SCALES: tuple[tuple[tuple[str, ...], ...], ...] = (
    (
        ("very negative", "strongly negative", "extremely negative"),
        ("negative", "neg"),
        ("somewhat negative", "slightly negative", "weakly negative", "mostly negative"),
        ("neutral", "neu", "mixed"),
        ("somewhat positive", "slightly positive", "weakly positive", "mostly positive"),
        ("positive", "pos"),
        ("very positive", "strongly positive", "extremely positive"),
    ),
    (
        ("terrible", "awful", "horrible", "very bad"),
        ("bad", "poor"),
        ("ok", "okay", "average", "fair", "neutral"),
        ("good",),
        ("great", "very good"),
        ("excellent", "perfect"),
    ),
    (("con", "cons"), ("pro", "pros")),
    (("no", "false", "n", "f"), ("maybe", "unsure"), ("yes", "true", "y", "t")),
    (("very low",), ("low",), ("medium", "mid", "moderate"), ("high",), ("very high",)),
    (("never",), ("rarely", "seldom"), ("sometimes",), ("often", "usually"), ("always",)),
    (("strongly disagree",), ("disagree",), ("neutral", "undecided"), ("agree",), ("strongly agree",)),
    (("very dissatisfied",), ("dissatisfied",), ("neutral",), ("satisfied",), ("very satisfied",)),
    (("dislike", "hate"), ("neutral",), ("like",), ("love",)),
    (("down", "thumbs down"), ("up", "thumbs up")),
    (("one",), ("two",), ("three",), ("four",), ("five",)),
)
_STARS = re.compile(r"(\d+)[ _-]?stars?")
_BLANKS = re.compile(r"[\s_-]+")


def known_order(names: Collection[str]) -> tuple[str, ...]:
    """The names from lowest to highest: whole numbers, stars, or a scale of words; () if none is known."""
    if len(names) < 2:
        return ()
    numbers = {name: _number(name) for name in names}
    found = [number for number in numbers.values() if number is not None]
    if len(set(found)) == len(names):
        return tuple(sorted(names, key=lambda name: numbers[name] or 0))
    plain = {name: _BLANKS.sub(" ", name.strip().lower()) for name in names}
    for scale in _SCALES:
        level = {word: rank for rank, words in enumerate(scale) for word in words}
        ranks = {name: level.get(word, -1) for name, word in plain.items()}
        if min(ranks.values()) >= 0 and len(set(ranks.values())) == len(names):
            return tuple(sorted(names, key=lambda name: ranks[name]))
    return ()


def _number(name: str) -> int | None:
    """What a name counts: `4`, `-1`, `4 stars`, `****`, `★★★★`."""
    name = name.strip().lower()
    if re.fullmatch(r"[+-]?\d{1,6}", name):
        return int(name)
    if stars := _STARS.fullmatch(name):
        return int(stars[1])
    if name and set(name) <= set("★☆") and "☆" not in name.rstrip("☆"):
        return name.count("★")
    return len(name) if name and set(name) == {"*"} else None
