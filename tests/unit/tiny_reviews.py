"""Small labelled texts for tests of classifiers: reviews of a few words, where `not` turns the next one.

tiny = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_reviews.py"))))
tiny.reviews(300, seed=1)      # Examples labelled neg or pos
"""

from __future__ import annotations

import random

from seqtools_sentiment.examples import Example

GOOD, BAD = ("good", "great", "fine", "lovely"), ("bad", "awful", "dull", "weak")
THINGS = ("film", "plot", "song", "café", "cast", "end")


def reviews(count: int, seed: int) -> list[Example]:
    """So many reviews, the same ones for the same seed."""
    rng = random.Random(seed)
    return [_review(rng) for _ in range(count)]


def _review(rng: random.Random) -> Example:
    label = rng.choice(["neg", "pos"])
    words: list[str] = []
    for _ in range(rng.randint(1, 3)):
        negated = rng.random() < 0.3
        good = (label == "pos") != negated
        words += [*(["not"] if negated else []), rng.choice(GOOD if good else BAD), rng.choice(THINGS)]
    return Example(" ".join(words), (label,))
