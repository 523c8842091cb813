"""A word-by-word dictionary learnt from sentence pairs: a floor to beat, and words for what is unknown."""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqtools.tokens import payload_error
from seqtools_translate.ibm1 import Bitext, Table, train
from seqtools_translate.words import replace_words, words_of

_DAMAGED = (KeyError, TypeError, ValueError, zlib.error)


@dataclass(frozen=True)
class Dictionary:
    """One translation for each source word.

    Attributes:
        entries: lower-cased source word to target word, written as it most often is. A word that is
            best left as it is has no entry.
    """

    entries: Mapping[str, str]

    @classmethod
    def learn(cls, pairs: Iterable[tuple[str, str]]) -> Dictionary:
        """Learn from sentence pairs, read once, by IBM model 1 in both directions.

        A word becomes the one with the greatest p(target | source) p(source | target): one direction
        alone gives a rare word whatever stood beside it.
        """
        source_words, target_words = _Numbers(), _Numbers()
        written, begun = Counter[str](), Counter[str]()

        def numbered() -> Iterable[tuple[list[int], list[int]]]:
            for source, target in pairs:
                right = words_of(target)
                written.update(right[1:])
                begun.update(right[:1])
                yield source_words.of(words_of(source)), target_words.of(right)

        bitext = Bitext.collect(numbered())
        sizes = len(source_words.words), len(target_words.words)
        there = train(bitext, *sizes)
        back = train(bitext.turned(), *sizes[::-1])
        usual = _usual(begun) | _usual(written)  # a first word has its capital from its place
        best = _best(there, back, sizes[0], sizes[1])
        words = list(source_words.words)
        targets = [usual[word] for word in target_words.words]
        found = {words[one]: targets[other] for one, other in best}
        return cls({word: other for word, other in found.items() if word != other})

    def get(self, word: str) -> str | None:
        """The translation of a word in any case; None if it is not known or best copied."""
        return self.entries.get(word.lower())

    def translate(self, sentence: str) -> str:
        """Each word replaced where it stands; unknown words, blanks and punctuation are copied.

        A sentence that begins with a capital goes on doing so.
        """
        changed = replace_words(sentence, lambda word: self.get(word) or word)
        begins = next((char for char in sentence if char.isalpha()), "")
        if not begins.isupper():
            return changed
        place = next((number for number, char in enumerate(changed) if char.isalpha()), len(changed))
        return changed[:place] + changed[place : place + 1].upper() + changed[place + 1 :]

    def payload(self) -> dict[str, Any]:
        """JSON-safe dictionary that says everything."""
        lines = "\n".join(f"{word}\t{other}" for word, other in sorted(self.entries.items()))
        return {"words": base64.b64encode(zlib.compress(lines.encode(), 9)).decode("ascii")}

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Dictionary:
        """Rebuild from `payload()`.

        Raises:
            DataError: it is damaged.
        """
        try:
            text = zlib.decompress(base64.b64decode(payload["words"], validate=True)).decode()
            entries = dict(line.split("\t") for line in text.split("\n") if line)
        except _DAMAGED as error:
            raise payload_error("dictionary of the", error) from error
        return cls(entries)


class _Numbers:
    """Ids for lower-cased words, as they come."""

    def __init__(self) -> None:
        self.words: dict[str, int] = {}

    def of(self, words: list[str]) -> list[int]:
        known = self.words
        return [known.setdefault(word, len(known)) for word in map(str.lower, words)]


def _usual(written: Counter[str]) -> dict[str, str]:
    """How each lower-cased word is most often written; of equally frequent forms the first in order."""
    usual: dict[str, str] = {}
    for word, _ in sorted(written.items(), key=lambda item: (-item[1], item[0])):
        usual.setdefault(word.lower(), word)
    return usual


def _best(there: Table, back: Table, source_vocab: int, target_vocab: int) -> list[tuple[int, int]]:
    """For each source id the target id that both directions like best."""
    # The rows of `back` are sorted by target and then by source; sorted the other way round they are
    # `there`'s, once links with the empty word are taken out of both.
    real, turned = there.source < source_vocab, back.source < target_vocab
    source, target = there.source[real], there.target[real]
    order = np.lexsort((back.source[turned], back.target[turned]))
    score = there.probability[real] * back.probability[turned][order]
    ranked = np.lexsort((target, -score, source))
    firsts = ranked[np.unique(source[ranked], return_index=True)[1]]
    return [(int(source[place]), int(target[place])) for place in firsts]
