"""Forms of one word under one id: what shares a Snowball stem (Porter 2001) counts together.

The stemmer works in training only. A tokenizer keeps a table of all the forms that training met, so that a
model file needs no stemmer, and a form that was never met is unknown.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping

from seqtools.errors import UsageError
from seqtools.plugin import missing_extra

Stem = Callable[[str], str]


def stemmer(language: str) -> Stem:
    """The stem of a word in a language.

    Raises:
        MissingDependencyError: the package of stemmers is not installed.
        UsageError: it has no such language.
    """
    subject = "tokenizer option 'stemmer'"
    try:
        import snowballstemmer
    except ImportError as error:
        raise missing_extra(error, subject) or error from error
    known = sorted(snowballstemmer.algorithms())
    if language not in known:
        raise UsageError(subject, f"there is none for {language!r}", f"Use one of {', '.join(known)}")
    stem = snowballstemmer.stemmer(language).stemWord
    # Stemmers know composed letters only.
    return lambda word: str(stem(unicodedata.normalize("NFC", word)))


def gathered(counts: Mapping[str, int], stem: Stem) -> tuple[Counter[str], dict[str, str]]:
    """Counts of families of words, each under its most frequent form, and the family of each other form.

    Args:
        counts: how often each word occurs.
        stem: what the words of a family share.
    """
    families: dict[str, list[str]] = {}
    for word in sorted(counts, key=lambda word: (-counts[word], word)):
        families.setdefault(stem(word), []).append(word)
    together = Counter({words[0]: sum(counts[word] for word in words) for words in families.values()})
    return together, {form: words[0] for words in families.values() for form in words[1:]}
