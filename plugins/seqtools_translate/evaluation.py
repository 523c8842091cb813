"""Figures of translations under both protocols, the floor beside them, and a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from seqtools_translate.dictionary import Dictionary
from seqtools_translate.floor import floor_translations
from seqtools_translate.protocols import Protocol
from seqtools_translate.scores import Difference, Figure, Lines, differences, figures


@dataclass
class Evaluation:
    """All figures.

    Attributes:
        sentences: how many were scored.
        scores: of the translations, with signature and interval.
        floors: of each simple method, by its name; without intervals.
        against: the same figures of another system, and how sure the difference is.
    """

    sentences: int
    scores: list[Figure]
    floors: dict[str, list[Figure]] = field(default_factory=dict)
    against: list[Difference] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """JSON-safe; a floor's figures without signature, which is that of the translations."""
        told = asdict(self)
        told["floors"] = {
            name: [{"name": one.name, "protocol": one.protocol, "value": one.value} for one in found]
            for name, found in self.floors.items()
        }
        return told


def evaluate(
    sources: Lines,
    hypotheses: Lines,
    references: Sequence[Lines],
    protocols: Sequence[Protocol],
    *,
    resamples: int,
    floor: bool = True,
    dictionary: Dictionary | None = None,
    against: Lines | None = None,
) -> Evaluation:
    """Score translations.

    Args:
        sources, hypotheses: a line for each sentence.
        references: columns of translations made by people.
        protocols: those to compute, in order.
        resamples: for intervals and for `against`; 0 for no intervals.
        floor: score the simple methods too.
        dictionary: learnt from the training pairs; None leaves that method out.
        against: another system's translations.
    """
    result = Evaluation(len(hypotheses), _all(hypotheses, references, protocols, resamples))
    if floor:
        for name, lines in floor_translations(sources, dictionary).items():
            result.floors[name] = _all(lines, references, protocols, 0)
    if against is not None:
        for protocol in protocols:
            result.against += differences(
                hypotheses, against, references, protocol, resamples=resamples or 1000
            )
    return result


def verdict(result: Evaluation) -> str:
    """One honest sentence on whether the model beats the simple methods, by the first figure (BLEU)."""
    own = result.scores[0]
    if not result.floors:
        return "There is no floor to compare with."
    gains = {name: own.value - found[0].value for name, found in result.floors.items()}
    lost = [name for name, gain in gains.items() if gain <= 0]
    if lost:
        name, less = lost[-1], -gains[lost[-1]]
        told = f"{own.name} {less:.2f} lower" if less else f"the same {own.name}"
        return f"The model does not beat {_called(name)} ({told}): it has not earned its place."
    told = " and ".join(f"{_called(name)} by {gain:.2f}" for name, gain in gains.items())
    return f"The model beats {told} {own.name}."


def _called(name: str) -> str:
    return f"a {name}" if name.startswith("word") else name


def _all(
    lines: Lines, references: Sequence[Lines], protocols: Sequence[Protocol], resamples: int
) -> list[Figure]:
    return [
        one for protocol in protocols for one in figures(lines, references, protocol, resamples=resamples)
    ]
