"""The search outside the graph, over the same file: all that the beam plugin offers, and ensembles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqtools import loader
from seqtools.runtime.arrays import IntArray
from seqtools.tokens import EOS
from seqtools_translate.file_model import Found
from seqtools_translate.never import Never
from seqtools_translate.opened import Team
from seqtools_translate.settings import Settings
from seqtools_translate.source_model import SourceModel

_AVERAGES = {"probabilities": "probability", "log-probabilities": "log_probability"}


@dataclass(frozen=True)
class Job:
    """One text to translate.

    Attributes:
        number: of the text in the whole input; what its noise is made from.
        sources: its ids, for each model of an ensemble.
        prefix: target ids that the translation begins with.
        phrases, banned: target ids that must, and must not, appear.
        never: texts that must not appear, however they are spelled; `banned` is how they are as a rule.
    """

    number: int
    sources: tuple[IntArray, ...]
    prefix: IntArray
    phrases: list[list[int]] = field(default_factory=list)
    banned: list[list[int]] = field(default_factory=list)
    never: tuple[str, ...] = ()


def search(
    team: Team,
    jobs: Sequence[Job],
    settings: Settings,
    *,
    shortlist: IntArray | None = None,
    attention: bool = False,
) -> list[list[Found]]:
    """The whole beam of each job, best first.

    Args:
        team: the models.
        jobs: the texts.
        settings: how to search.
        shortlist: sorted ids that may be predicted, or None for all.
        attention: hand out the attention too.
    """
    asked = _asked(jobs, settings, attention)
    results = _search(team, jobs, settings).run(_read(team, jobs, shortlist), len(jobs), **asked)
    return [
        [_found(one, job, attention) for one in hypotheses]
        for job, hypotheses in zip(jobs, results, strict=True)
    ]


def stream(
    team: Team, job: Job, settings: Settings, shortlist: IntArray | None = None
) -> Iterator[list[int]]:
    """Tokens of the best translation as soon as all live hypotheses share them."""
    model = _read(team, [job], shortlist)
    for event in _search(team, [job], settings).stream(model, 1, **_asked([job], settings, False)):
        if event.tokens:
            yield event.tokens


def _read(team: Team, jobs: Sequence[Job], shortlist: IntArray | None) -> Any:
    """The texts behind one step model."""
    read = [
        SourceModel(one.model, [job.sources[index] for job in jobs], shortlist)
        for index, one in enumerate(team.members)
    ]
    if len(read) == 1:
        return read[0]
    return _beam_search().ensemble(read, weights=team.weights, average=_AVERAGES[team.average])


def _beam_search() -> Any:
    return loader.lookup(loader.registry().decoders, "decoder", "beam").load()


def _search(team: Team, jobs: Sequence[Job], settings: Settings) -> Any:
    found = _beam_search()
    # Samples do not compete: as many as asked for are drawn.
    beam = settings.n_best if settings.samples else settings.beam_size
    heat = settings.sampling_temperature or float(settings.samples)
    options = found.Options(
        beam_size=beam,
        n_best=beam,
        length_penalty=settings.length_penalty,
        alpha=settings.alpha,
        word_reward=settings.word_reward,
        coverage_penalty=settings.coverage_penalty,
        beta=settings.beta,
        no_repeat_ngram=settings.no_repeat_ngram,
        repetition_penalty=settings.repetition_penalty,
        prefix_bias=settings.prefix_bias,
        groups=1 if settings.samples else settings.diverse_groups,
        diversity=settings.diversity,
        patience=settings.patience,
        prune=settings.prune,
        temperature=heat,
        top_k=settings.sampling_topk,
        top_p=settings.sampling_topp,
        seed=settings.seed,
    )
    never = [job.never for job in jobs]
    rules = (Never(never, team.first.target.spellings),) if any(never) else ()
    return found(options, constraints=rules)


def _asked(jobs: Sequence[Job], settings: Settings, attention: bool) -> dict[str, Any]:
    """What a search is told about its batch."""
    lengths = [settings.lengths(len(job.sources[0])) for job in jobs]
    prefixes = [job.prefix.tolist() for job in jobs] if any(len(job.prefix) for job in jobs) else None
    where = "biased_prefixes" if settings.prefix_bias else "prefixes"
    return {
        "eos": EOS,
        "max_lengths": np.array([most for most, _ in lengths], np.int64),
        "min_lengths": np.array([fewest for _, fewest in lengths], np.int64),
        "phrases": [job.phrases for job in jobs] if any(job.phrases for job in jobs) else None,
        "banned": [job.banned for job in jobs] if any(job.banned for job in jobs) else None,
        "numbers": np.array([job.number for job in jobs], np.int64),
        "attention": attention,
        **({where: prefixes} if prefixes else {}),
    }


def _found(one: Any, job: Job, attention: bool) -> Found:
    looked = one.attention[:, : len(job.sources[0]) + 1] if attention else None
    return Found(list(one.tokens), float(one.score), [float(value) for value in one.log_probs], looked)
