"""BLEU, chrF2 and TER by sacreBLEU, with signature, confidence interval and paired bootstrap.

BLEU: Papineni et al. 2002; chrF: Popović 2015; TER: Snover et al. 2006; bootstrap: Koehn 2004.
All are corpus figures, 0 to 100 (TER may pass it), of lines in the same order.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError
from seqtools_translate.protocols import Protocol

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

Lines = Sequence[str]

RESAMPLES = 1000
"""Bootstrap resamples; fewer for long texts, as sacreBLEU holds lines times resamples in memory."""

NAMES = ("BLEU", "chrF2", "TER")
_MEMORY = 2_500_000
_STOPS = re.compile(r"[.,]")
_LONE_STOPS = re.compile(r" [.,]( |$)|&(apos|quot|amp|#124|#91|#93);|@-@|@@ |▁")


@dataclass(frozen=True)
class Figure:
    """One score.

    Attributes:
        name: `BLEU`, `chrF2` or `TER`.
        protocol: name of the protocol it was computed under.
        value: the score.
        interval: half the width of the 95 % confidence interval; None where none was asked for.
        signature: all that somebody needs to compute the same figure.
    """

    name: str
    protocol: str
    value: float
    interval: float | None
    signature: str

    @property
    def lower_is_better(self) -> bool:
        """TER counts errors."""
        return self.name == "TER"


@dataclass(frozen=True)
class Difference:
    """A system beside another one, by paired bootstrap.

    Attributes:
        name, protocol: of the figure compared.
        value, other: the score of each.
        p: chance of so large a difference between two equally good systems.
        resamples: how many were drawn.
    """

    name: str
    protocol: str
    value: float
    other: float
    p: float
    resamples: int


def figures(
    hypotheses: Lines,
    references: Sequence[Lines],
    protocol: Protocol,
    *,
    resamples: int = RESAMPLES,
    names: Collection[str] = NAMES,
) -> list[Figure]:
    """BLEU and, where the protocol compares plain text, chrF2 and TER.

    Args:
        hypotheses: a line for each sentence.
        references: one or more translations of each, as columns.
        resamples: for the confidence interval; 0 for none.
        names: those wanted (TER takes longest).

    Raises:
        DataError: there is nothing to score, or a column has another number of lines.
    """
    lines, columns = _prepared(hypotheses, references, protocol)
    draws = _affordable(resamples, len(lines))
    return [
        _figure(name, metric, protocol, lines, columns, draws)
        for name, metric in _metrics(protocol, names).items()
    ]


def _figure(
    name: str, metric: Metric, protocol: Protocol, lines: Lines, columns: Sequence[Lines], draws: int
) -> Figure:
    """What `Metric.corpus_score` does, whose mean fails where a resample holds blank references alone."""
    from sacrebleu.significance import _bootstrap_resample, estimate_ci

    stats = metric._extract_corpus_statistics(lines, columns)
    value, interval = float(metric._aggregate_and_compute(stats).score), None
    if draws:
        metric.n_bootstrap = draws
        metric.seed, drawn = _bootstrap_resample(stats, metric, draws)
        interval = float(estimate_ci(np.array([one.score for one in drawn], np.float64))[1])
    return Figure(name, protocol.name, value, interval, str(metric.get_signature()))


def differences(
    hypotheses: Lines,
    others: Lines,
    references: Sequence[Lines],
    protocol: Protocol,
    *,
    resamples: int = RESAMPLES,
) -> list[Difference]:
    """Paired bootstrap of `hypotheses` against `others`, for each figure of the protocol.

    Raises:
        DataError: as `figures`; `others` must have as many lines too.
    """
    from sacrebleu.significance import PairedTest

    lines, columns = _prepared(hypotheses, references, protocol)
    rivals, _ = _prepared(others, references, protocol)
    draws = max(1, _affordable(resamples, len(lines)))
    systems: list[tuple[str, Lines]] = [("other", rivals), ("system", lines)]
    found = []
    for name, metric in _metrics(protocol).items():
        test = PairedTest(systems, {name: metric}, columns, test_type="bs", n_samples=draws)
        table: dict[str, list[Any]] = dict(test()[1])
        table.pop("System")
        ((other, system),) = table.values()
        # sacreBLEU counts a difference of nothing as certain; there is no difference to be certain of.
        p = 1.0 if system.score == other.score else float(system.p_value)
        found.append(Difference(name, protocol.name, system.score, other.score, p, draws))
    return found


def validation_scores(hypotheses: Lines, references: Lines) -> dict[str, float]:
    """`{"bleu", "chrf"}` of plain text, cased, 13a, 0 to 100: what a training run watches.

    Raises:
        DataError: there is nothing to score, or the number of lines differs.
    """
    from seqtools_translate.protocols import detokenized

    found = figures(hypotheses, [references], detokenized(), resamples=0, names=("BLEU", "chrF2"))
    return {"bleu": found[0].value, "chrf": found[1].value}


def looks_tokenized(lines: Lines) -> bool:
    """Whether full stops and commas stand apart (` .`), or escapes and sub-word marks are about.

    French puts a blank before `?`, `!`, `:` and `;` in good text, so these do not count.
    """
    stops = sum(1 for line in lines if _STOPS.search(line))
    alone = sum(1 for line in lines if _LONE_STOPS.search(line))
    return alone > 2 and alone > 0.3 * max(stops, 1)


def _metrics(protocol: Protocol, names: Collection[str] = NAMES) -> dict[str, Metric]:
    """Fresh metrics: sacreBLEU's keep what they saw for their signature."""
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
    from sacrebleu.metrics.ter import TER

    # `force`: references are looked at by `looks_tokenized`, for all figures at once.
    found: dict[str, Metric] = {
        "BLEU": BLEU(lowercase=protocol.lowercase, tokenize=protocol.tokenize, force=True)
    }
    if protocol.surface:
        # sacreBLEU's TER never looks at case.
        found |= {"chrF2": CHRF(lowercase=protocol.lowercase), "TER": TER()}
    return {name: metric for name, metric in found.items() if name in names}


def _prepared(
    hypotheses: Lines, references: Sequence[Lines], protocol: Protocol
) -> tuple[list[str], list[list[str]]]:
    if not hypotheses or not references:
        raise DataError("evaluation", "there is nothing to score", "Give sentences and their translations")
    for column in references:
        if len(column) != len(hypotheses):
            raise DataError(
                "evaluation",
                f"there are {len(hypotheses):,} translations and {len(column):,} references",
                "Line n of one must belong to line n of the other",
            )
    return [protocol.prepare(line) for line in hypotheses], [
        [protocol.prepare(line) for line in column] for column in references
    ]


def _affordable(resamples: int, lines: int) -> int:
    """At least 100, so that an interval still means something."""
    return min(resamples, max(100, _MEMORY // lines)) if resamples else 0
