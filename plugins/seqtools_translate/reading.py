"""From a text to what is searched for: ids, parts of long texts, the demands of a glossary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seqtools_translate.alignment import words_of
from seqtools_translate.glossary import Entry, Glossary, says
from seqtools_translate.host_search import Job
from seqtools_translate.settings import Settings
from seqtools_translate.splitting import split
from seqtools_translate.texts import SourceText, TargetText

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Part:
    """A text, or a part of a long one.

    Attributes:
        text: what the model reads of it.
        jobs: the search for it; a second one where a glossary's term may open the translation.
        entries: of the glossary, that it is to follow.
        cut: its end was left out.
    """

    text: str
    jobs: tuple[Job, ...]
    entries: tuple[Entry, ...] = ()
    cut: bool = False

    @property
    def constrained(self) -> bool:
        """Whether only the search outside the graph can follow its entries."""
        return any(job.phrases or job.never for job in self.jobs)


@dataclass(frozen=True)
class Reader:
    """Prepares texts for one run.

    Attributes:
        sources: each model's side of the source.
        target: the side of the target.
        settings: of the run.
        glossary: its entries, or None.
    """

    sources: tuple[SourceText, ...]
    target: TargetText
    settings: Settings
    glossary: Glossary | None = None

    def parts(self, text: str, number: int, prefix: str = "") -> list[Part]:
        """What to search for; nothing for a blank text."""
        if not text.strip():
            return []
        first, limit = self.sources[0], self.settings.max_source
        ids = first.encode(text)
        cut = False
        texts = [text.strip()]
        if len(ids) > limit and self.settings.split_long:
            texts = split(text, limit, lambda part: len(first.encode(part)))
        elif len(ids) > limit:
            texts, cut = [_first_words(text, words_of(first.tokenizer, ids[:limit].tolist()))], True
        return [
            self._part(part, number, prefix if index == 0 else "", cut) for index, part in enumerate(texts)
        ]

    def _part(self, text: str, number: int, prefix: str, cut: bool) -> Part:
        limit = self.settings.max_source
        sources = tuple(side.encode(text)[:limit] for side in self.sources)
        begin = self.target.encode(prefix) if prefix else np.zeros(0, np.int64)
        job = Job(number, sources, begin)
        entries = self.glossary.found_in(text) if self.glossary else []
        if not entries:
            return Part(text, (job,), cut=cut)
        jobs = [self._bound(job, entries)]
        opening = [entry for entry in entries if not entry.never and _opens(text, entry)]
        bare = self._ids(opening[0].target, bare=True) if opening else []
        if bare and not prefix and bare not in jobs[0].phrases:
            others = [ids for ids in jobs[0].phrases if ids != self._ids(opening[0].target)]
            jobs.append(replace(jobs[0], phrases=[bare, *others]))
        return Part(text, tuple(jobs), tuple(entries), cut)

    def _bound(self, job: Job, entries: Sequence[Entry]) -> Job:
        """The job with what its entries demand; what the vocabulary cannot write is left out."""
        said = [self._ids(entry.target) for entry in entries if not entry.never]
        never = [entry for entry in entries if entry.never]
        banned = [self._ids(entry.target) for entry in never]
        return replace(
            job,
            phrases=[ids for ids in said if ids],
            banned=[ids for ids in banned if ids],
            never=tuple(entry.target for entry in never),
        )

    def _ids(self, target: str, *, bare: bool = False) -> list[int]:
        """Ids of a phrase as it stands within a text, after a blank; [] if the vocabulary lacks some."""
        ids: list[int] = self.target.encode(target if bare else f" {target}").tolist()
        return [] if self.target.tokenizer.unknown in ids else ids

    def remarks(self, parts: Sequence[Part]) -> tuple[int, bool]:
        """Tokens of a text's parts that the vocabulary does not cover, and whether its end was cut off."""
        side = self.sources[0]
        read = [part.jobs[0].sources[0] for part in parts]
        foreign = sum(side.unknowns(ids) for ids in read if side.foreign(ids))
        return foreign, any(part.cut for part in parts)

    def unmet(self, text: str, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """Entries that a translation does not follow, by what it says."""
        return tuple(entry for entry in entries if self._said(text, entry.target) == entry.never)

    def _said(self, text: str, target: str) -> bool:
        return says(text, target) or says(text, self.target.decode(self.target.encode(target)))


def _first_words(text: str, words: Sequence[int]) -> str:
    """A text up to the end of the last of some words, each the number of a token's word."""
    ends = [match.end() for match in _WORD.finditer(text)]
    last = max(words, default=-1)
    return text[: ends[last]].strip() if 0 <= last < len(ends) else text.strip()


def _opens(text: str, entry: Entry) -> bool:
    """Whether the term stands first in a text, so that its translation may well do so too."""
    return bool(entry.source) and text.lower().startswith(entry.source.lower())
