"""How large a model file may be, and what fits into it."""

from __future__ import annotations

import re

import torch

from seqtools.errors import UsageError
from seqtools.nn.classifier import Classifier
from seqtools_sentiment.recipe import SentimentRecipe

_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)

# Bytes of an int8 file, as measured: the graph with its tables of characters, card and test vectors; a word
# in the table of words and in the description of the tokenizer; a feature of the linear model.
_GRAPH, _WORD, _FEATURE = 90_000, 24, 11
_LINEAR_SHARE = 0.3
"""Share of a file that a blended linear model may have."""
_SIZED = ("word", "sentencepiece")
"""Kinds of tokenizers that can be made smaller."""
_STEPS = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)


def parse_size(text: str) -> int:
    """Bytes of `2MB`, `500 kB`, `1.5MiB` or `800000`.

    Raises:
        UsageError: not a size, or not above zero.
    """
    found = _SIZE.fullmatch(text)
    unit = _UNITS.get(found[2].lower()) if found else None
    size = int(float(found[1]) * unit) if found and unit else 0
    if size <= 0:
        raise UsageError(f"size '{text}'", "not a size above zero", "Write for example 2MB or 800kB")
    return size


def vocabulary_within(recipe: SentimentRecipe, outputs: int, limit: int) -> int:
    """Most ids whose int8 file stays within a size, as far as can be told beforehand; 0 if none do.

    Args:
        outputs: of the network.
        limit: bytes; 0 for any, which leaves the recipe's own number.
    """
    wanted = recipe.tokenizer.vocab_size
    if not limit or recipe.tokenizer.kind not in _SIZED:
        return wanted
    with torch.device("meta"):
        small = Classifier(recipe.network, 8, outputs)
    rest = sum(parameter.numel() for parameter in small.parameters())
    left = limit - _GRAPH - rest
    if recipe.linear.blend:
        left -= _FEATURE * features_within(recipe, limit)
    most = int(left / (recipe.network.embedding + _WORD))
    return min(wanted or most, _round(most))


def features_within(recipe: SentimentRecipe, limit: int) -> int:
    """Most features of the linear model, where one is blended in; `limit` 0 leaves the recipe's number."""
    most = recipe.linear.features
    return min(most, int(_LINEAR_SHARE * limit / _FEATURE)) if limit and recipe.linear.blend else most


def _round(most: int) -> int:
    """The next lower of a few round numbers, so that recipes share vocabularies; 0 if it would be tiny."""
    steps = [int(step * 10**power) for power in range(2, 7) for step in _STEPS]
    return max((step for step in steps if step <= most), default=0)
