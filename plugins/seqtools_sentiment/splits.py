"""Training and validation texts: every class in its share, equal texts on one side, the same every time.

Which side a text goes to depends on the seed and on the text alone, not on its place in a file.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence

from seqtools.errors import DataError, UsageError
from seqtools.wording import counted
from seqtools_sentiment.examples import Example


def key(text: str) -> str:
    """What texts have in common that count as one: blanks, case and Unicode's forms make no difference."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def split(examples: Sequence[Example], fraction: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Hold out a share of each class, rounded; a class of one text is not held out.

    Args:
        examples: all texts.
        fraction: share to hold out, from 0 to 1.
        seed: which texts are held out.

    Returns:
        Training and validation texts, each in their order.
    """
    held: set[str] = set()
    for texts in _classes(examples, seed):
        held.update(texts[: min(round(fraction * len(texts)), len(texts) - 1)])
    train = [example for example in examples if key(example.text) not in held]
    return train, [example for example in examples if key(example.text) in held]


def folds(examples: Sequence[Example], count: int, seed: int) -> list[tuple[list[Example], list[Example]]]:
    """Training and test texts of each of `count` folds; every text is tested once.

    Raises:
        UsageError: there are fewer than two folds.
        DataError: there are fewer texts than folds.
    """
    if count < 2:
        raise UsageError("--folds", f"{count} is too few", "Use 2 or more, often 10")
    dealt = [text for texts in _classes(examples, seed) for text in texts]
    if len(dealt) < count:
        cause = f"there are {len(dealt)} different texts for {count} folds"
        raise DataError("labelled texts", cause, "Give more texts, or ask for fewer folds")
    # Dealt like cards, class after class: each fold gets its share of each class and of all texts.
    fold = {text: place % count for place, text in enumerate(dealt)}
    places = [fold[key(example.text)] for example in examples]
    return [
        (
            [example for example, place in zip(examples, places, strict=True) if place != number],
            [example for example, place in zip(examples, places, strict=True) if place == number],
        )
        for number in range(count)
    ]


def without(examples: Sequence[Example], others: Sequence[Example]) -> list[Example]:
    """The examples whose text does not stand among others, too."""
    known = {key(example.text) for example in others}
    return [example for example in examples if key(example.text) not in known]


def repeats(examples: Sequence[Example]) -> str:
    """A line about texts that stand there more than once, "" where none does."""
    labels: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for example in examples:
        labels[key(example.text)].add(tuple(sorted(example.labels)))
    copies = len(examples) - len(labels)
    if not copies:
        return ""
    torn = sum(len(each) > 1 for each in labels.values())
    unlike = f", {counted(torn, 'text')} under unlike labels" if torn else ""
    return f"equal texts: {counted(copies, 'repetition')}{unlike}; a split keeps them on one side"


def _classes(examples: Sequence[Example], seed: int) -> list[list[str]]:
    """Different texts by class, the rarest class first, each class in an order that the seed draws.

    The class of a text with several labels is the rarest of them, so that rare labels are spread well.
    """
    counts = Counter(label for example in examples for label in example.labels)
    classes: dict[str, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for example in examples:
        text = key(example.text)
        if text not in seen:
            seen.add(text)
            classes[_class(example, counts)].append(text)
    ordered = sorted(classes, key=lambda name: (len(classes[name]), name))
    return [sorted(classes[name], key=lambda text: _drawn(text, seed)) for name in ordered]


def _class(example: Example, counts: Counter[str]) -> str:
    if example.shares:
        return max(zip(example.shares, example.labels, strict=True))[1]
    return min(example.labels, key=lambda label: (counts[label], label), default="")


def _drawn(text: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{text}".encode()).digest()
