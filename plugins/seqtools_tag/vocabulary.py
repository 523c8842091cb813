"""The words that a tagger knows: those of its training sentences, then those of a file of vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqtools import loader
from seqtools.errors import DataError, UsageError
from seqtools.nn.vectors import read_vectors
from seqtools.plugin import Tokenizer
from seqtools_tag.lookup import WordLookup
from seqtools_tag.recipe import TagRecipe
from seqtools_tag.spelling import clipped

_OPTIONS = ("lowercase", "normalize", "accents", "digits", "min_count")


@dataclass(frozen=True)
class Vocabulary:
    """What preparing a run learns of its words.

    Attributes:
        tokenizer: looks words up; words of the training sentences have the lowest ids.
        fixed: how many words at the end are known by their vectors alone.
        rare: ids of words that training sees once and that have no vector.
    """

    tokenizer: Tokenizer
    fixed: int
    rare: tuple[int, ...]


def learn_vocabulary(sentences: Iterable[Sequence[str]], recipe: TagRecipe) -> Vocabulary:
    """The vocabulary of training sentences and, if the recipe wants it, of its vectors.

    Raises:
        DataError: no word is frequent enough, or the vectors cannot be read.
        UsageError: the word tokenizer has an option that does not suit words that are cut already.
    """
    empty = _tokenizer((), recipe)
    lookup = WordLookup(empty)
    words = Counter(word for sentence in sentences for word in sentence)
    counts = Counter[str]()
    for word, count in words.items():
        counts[lookup.key(word)] += count
    for word in ("", *lookup.reserved):
        counts.pop(word, None)
    least = int(recipe.tokenizer.options.get("min_count", 1))
    kept = [word for _, word in sorted((-count, word) for word, count in counts.items() if count >= least)]
    if recipe.tokenizer.vocab_size:
        kept = kept[: max(0, recipe.tokenizer.vocab_size - empty.vocab_size)]
    if not kept:
        raise DataError("words", f"none occurs {least} times", "Set min_count = 1, or give more sentences")
    given = _words_with_vectors(recipe, lookup)
    further: list[str] = []
    if recipe.network.vectors_vocabulary:
        trained = {"", *kept, *lookup.reserved}
        further = [word for word in given if word not in trained]
    tokenizer = _tokenizer((*kept, *further), recipe)
    first = empty.vocab_size
    rare = [number for number, word in enumerate(kept, first) if counts[word] == 1 and word not in given]
    return Vocabulary(tokenizer, len(further), tuple(rare))


def _words_with_vectors(recipe: TagRecipe, lookup: WordLookup) -> dict[str, None]:
    """The words of the recipe's file of vectors, each as it is looked up, in the file's order."""
    found: dict[str, None] = {}
    if recipe.network.vectors:
        for word, _ in read_vectors(Path(recipe.network.vectors)):
            if clipped(word) == word and word.split() == [word]:
                found.setdefault(lookup.key(word))
    return found


def _tokenizer(words: Sequence[str], recipe: TagRecipe) -> Tokenizer:
    options = recipe.tokenizer.options
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        cause = f"'{unknown[0]}' is none of a tagger, whose words are cut already"
        raise UsageError("tokenizer.options", cause, f"Use {', '.join(_OPTIONS)}")
    payload = {
        "words": list(words),
        "mode": "whitespace",
        "unk": "<unk>",
        "lowercase": False,
        "newlines": False,
        **{name: value for name, value in options.items() if name != "min_count"},
    }
    return loader.tokenizer_class(recipe.tokenizer.kind).from_payload(payload)
