"""Texts that were read become hypotheses: in the graph where it can do it, else outside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from seqtools.batching import batches
from seqtools.runtime.arrays import IntArray
from seqtools_translate import host_search
from seqtools_translate.alignment import word_attention, words_of
from seqtools_translate.file_model import Found, Given
from seqtools_translate.glossary import Entry
from seqtools_translate.host_search import Job
from seqtools_translate.opened import Team
from seqtools_translate.reading import Part, Reader
from seqtools_translate.results import Hypothesis


@dataclass(frozen=True)
class Searcher:
    """One run over texts.

    Attributes:
        team: the models.
        reader: what the texts were read by; it has the settings.
        attention: keep attention and word alignments.
    """

    team: Team
    reader: Reader
    attention: bool = False

    def all(self, parts: Sequence[Part]) -> list[list[Hypothesis]]:
        """Translations of each part, best first."""
        settings = self.reader.settings
        host = settings.needs_host or self.team.several
        done: dict[int, list[Hypothesis]] = {}
        for outside in (False, True):
            rows = [row for row, part in enumerate(parts) if (host or part.constrained) == outside]
            lengths = [len(parts[row].jobs[0].sources[0]) for row in rows]
            for places in batches(lengths, *self._batching):
                batch = [rows[place] for place in places]
                done.update(zip(batch, self._batch([parts[row] for row in batch], outside), strict=True))
        return [done[row] for row in range(len(parts))]

    @property
    def _batching(self) -> tuple[int, str]:
        """How many go together. A shortlist is of a whole batch: shared, neighbours would have a say."""
        settings = self.reader.settings
        return (1, "sents") if settings.shortlist else (settings.batch_size, settings.batch_type)

    def tokens(self, job: Job) -> Iterator[list[int]]:
        """Tokens of the best translation as soon as they are settled, the forced prefix first."""
        settings = self.reader.settings
        forced = [] if settings.prefix_bias else job.prefix.tolist()
        if forced:
            yield forced
        yield from host_search.stream(self.team, job, settings, self._candidates([job]))

    def _batch(self, parts: Sequence[Part], outside: bool) -> list[list[Hypothesis]]:
        jobs = [job for part in parts for job in part.jobs]
        told = iter(zip(*(self._on_host if outside else self._in_graph)(jobs), strict=True))
        done = []
        for part in parts:
            every = [(job, *next(told)) for job in part.jobs]
            made = (
                self._hypothesis(part.text, job, one, given) for job, found, given in every for one in found
            )
            done.append(self._picked(made, part.entries))
        return done

    @property
    def _looks(self) -> bool:
        return self.attention or self.reader.settings.replace_unk

    def _in_graph(self, jobs: Sequence[Job]) -> tuple[list[list[Found]], list[Given | None]]:
        settings = self.reader.settings
        lengths = [settings.lengths(len(job.sources[0])) for job in jobs]
        found, given = self.team.first.model.search(
            [job.sources[0] for job in jobs],
            beam_size=settings.beam_size,
            max_lengths=np.array([most for most, _ in lengths], np.int64),
            min_lengths=np.array([fewest for _, fewest in lengths], np.int64),
            alpha=settings.power,
            prefixes=[job.prefix for job in jobs],
            shortlist=self._candidates(jobs),
            attention=self._looks,
        )
        return found, [*given] or [None] * len(jobs)

    def _on_host(self, jobs: Sequence[Job]) -> tuple[list[list[Found]], list[Given | None]]:
        settings = self.reader.settings
        found = host_search.search(
            self.team,
            jobs,
            settings,
            shortlist=self._candidates(jobs),
            attention=self._looks,
        )
        if settings.prefix_bias or not any(len(job.prefix) for job in jobs):
            return found, [None] * len(jobs)
        # The search tells nothing of what it was forced to begin with.
        given = self.team.first.model.score([job.sources[0] for job in jobs], [job.prefix for job in jobs])
        return found, [*given]

    def _hypothesis(self, source: str, job: Job, found: Found, given: Given | None) -> Hypothesis:
        """A translation as text, with the forced prefix in front."""
        tokens, log_probs, attention = found.tokens, found.log_probs, found.attention
        if given is not None:
            tokens = [*job.prefix.tolist(), *tokens]
            log_probs = [*given.log_probs.astype(float).tolist(), *log_probs]
            if attention is not None:
                attention = np.concatenate([given.attention, attention])
        text, words = self.reader.target.decode(tokens), None
        if attention is not None:
            target = self.reader.target
            places = words_of(self.reader.sources[0].tokenizer, job.sources[0].tolist())
            if self.reader.settings.replace_unk:
                words_instead = list(map(self.team.instead, source.split()))
                text = target.replaced(tokens, attention, places, words_instead)
            if self.attention:
                here = words_of(target.tokenizer, tokens)
                words = word_attention(source, text, attention, places, here)
        return Hypothesis(text, found.score, tokens, log_probs, attention if self.attention else None, words)

    def _picked(self, made: Iterable[Hypothesis], entries: Sequence[Entry]) -> list[Hypothesis]:
        """The best different translations, those that follow the glossary first; no more are made."""
        if entries:
            told = [replace(one, unmet=self.reader.unmet(one.text, entries)) for one in made]
            made = sorted(told, key=lambda one: (len(one.unmet), -one.score))
        different: dict[str, Hypothesis] = {}
        for one in made:
            different.setdefault(one.text, one)
            if len(different) == self.reader.settings.n_best:
                break
        return list(different.values())

    def _candidates(self, jobs: Sequence[Job]) -> IntArray | None:
        """The tokens that may be predicted, where the lexicon is to say so."""
        lexicon = self.team.lexicon if self.reader.settings.shortlist else None
        if lexicon is None:
            return None
        demanded = [token for job in jobs for ids in (job.prefix.tolist(), *job.phrases) for token in ids]
        likely = lexicon.candidates([job.sources[0] for job in jobs])
        return np.union1d(likely, np.array(demanded, np.int64))
