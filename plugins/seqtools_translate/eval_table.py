"""The table that `seqtools evaluate` prints of a translator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqtools.wording import counted
from seqtools_translate.eval_data import EvaluationData
from seqtools_translate.evaluation import Evaluation
from seqtools_translate.protocols import Protocol
from seqtools_translate.scores import Difference, Figure


def table(
    result: Evaluation, what: str, data: EvaluationData, protocols: Sequence[Protocol], against: str
) -> Iterator[str]:
    """A row a figure, the floors beside it; then what the protocols are, signatures and comparisons.

    Args:
        what: the model, or the file of translations that was scored.
        against: the file compared with, "" for none.
    """
    count = len(data.references)
    references = f"{count} references" if count > 1 else "1 reference"
    yield f"{what} on {data.names[0]} ({counted(result.sentences, 'sentence')}, {references})"
    yield f"{'':<18}{'score':>16}" + "".join(f"{name:>24}" for name in result.floors)
    for place, one in enumerate(result.scores):
        floors = "".join(f"{found[place].value:>24.2f}" for found in result.floors.values())
        yield f"{one.name + ' ' + one.protocol:<18}{_score(one):>16}{floors}"
    for protocol in protocols:
        yield f"{protocol.name}: {protocol.summary}"
    for one in result.scores:
        yield f"{one.name} {one.protocol}: {one.signature}"
    for pair in result.against:
        yield _compared(pair, against)


def _score(one: Figure) -> str:
    return f"{one.value:.2f}" if one.interval is None else f"{one.value:.2f} ± {one.interval:.2f}"


def _compared(pair: Difference, against: str) -> str:
    sure = "sure" if pair.p < 0.05 else "not sure"
    return (
        f"{pair.name} {pair.protocol}: {pair.value:.2f}, {against} {pair.other:.2f} "
        f"({pair.value - pair.other:+.2f}, p = {pair.p:.3f}: {sure})"
    )
