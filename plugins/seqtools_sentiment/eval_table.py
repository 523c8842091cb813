"""What `seqtools evaluate` prints of a classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.pictures.wording import columns, label, shown
from seqtools.wording import counted
from seqtools_sentiment.evaluation import Evaluation, Mistake
from seqtools_sentiment.rivals import verdict

if TYPE_CHECKING:
    from seqtools.plugin import IntArray

_MOST_CLASSES = 12
_LISTED = 10
_LONGEST = 160


def table(result: Evaluation, model: str, files: str, validation: str) -> Iterator[str]:
    """Line by line.

    Args:
        model, files: what was scored on what.
        validation: one line on the figures at training, from the card; "" for none.
    """
    classes = counted(len(result.figures.names), "class", "classes")
    yield f"{model} on {files} ({counted(result.texts, 'text')}, {classes})"
    yield from _figures(result)
    yield ""
    yield from _per_class(result.figures.per_class)
    confusion = result.figures.confusion
    if confusion is not None:
        yield ""
        yield from confused(result.figures.names, confusion)
    if result.abstaining:
        yield ""
        yield from _abstaining(result)
    if result.changes is not None:
        yield ""
        yield from _changes(result)
    if result.mistakes:
        yield ""
        yield "hardest errors (right, said, and how probable each was)"
        yield from map(_mistake, result.mistakes)
    yield ""
    if validation:
        yield validation
    yield verdict(result.figures, result.rivals)


def _figures(result: Evaluation) -> Iterator[str]:
    """Accuracy and F1 beside those of the linear models, then what calibration decides."""
    figures, rivals = result.figures, result.rivals
    wide = [max(24, len(name) + 2) for name in rivals]
    if rivals:
        heads = (f"{name:>{width}}" for name, width in zip(rivals, wide, strict=True))
        yield f"{'':<12}{'the model':>16}" + "".join(heads)
    for name in ("accuracy", "macro_f1", "micro_f1"):
        own = f"{100 * getattr(figures, name):.2f}"
        own += f" ± {100 * result.interval:.2f}" if name == "accuracy" else ""
        others = (
            f"{100 * getattr(rival, name):>{width}.2f}"
            for rival, width in zip(rivals.values(), wide, strict=True)
        )
        yield f"{_NAMES[name]:<12}{own:>16}" + "".join(others)
    told = figures.summary()
    yield f"{'NLL':<12}{told['nll']:>16.4f}"
    yield f"{'ECE':<12}{told['ece']:>16.4f}"
    if "mae" in told:
        yield f"{'mean error':<12}{told['mae']:>16.4f} classes"
    if result.blank:
        yield f"texts without a token, which get the shares of training as their answer: {result.blank:,}"


_NAMES = {"accuracy": "accuracy", "macro_f1": "macro F1", "micro_f1": "micro F1"}


def _per_class(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    wide = max(8, *(columns(label(row["label"])) for row in rows))
    yield f"{_padded('class', wide)}{'precision':>11}{'recall':>9}{'F1':>9}{'texts':>9}"
    for row in rows:
        shares = (row["precision"], row["recall"], row["f1"])
        first, *rest = (f"{100 * share:.2f}" for share in shares)
        yield (
            f"{_padded(label(row['label']), wide)}{first:>11}"
            + "".join(f"{share:>9}" for share in rest)
            + f"{row['support']:>9,}"
        )


def confused(names: Sequence[str], counts: IntArray) -> Iterator[str]:
    """The confusion matrix, or of many classes the pairs that are confused most."""
    if len(names) > _MOST_CLASSES:
        yield f"most often confused, of {len(names)} classes (right -> said)"
        wrong = counts * (1 - np.eye(len(names), dtype=np.int64))
        for place in np.argsort(-wrong, axis=None, kind="stable")[:_LISTED].tolist():
            right, said = divmod(place, len(names))
            if wrong[right, said]:
                yield f"{wrong[right, said]:>7,}  {label(names[right])} -> {label(names[said])}"
        return
    heads = [label(name) for name in names]
    margin = max(12, *map(columns, heads))
    wide = [
        max(columns(head), len(f"{column.max():,}")) + 2 for head, column in zip(heads, counts.T, strict=True)
    ]
    yield _padded("right \\ said", margin) + "".join(
        " " * (width - columns(head)) + head for head, width in zip(heads, wide, strict=True)
    )
    for head, row in zip(heads, counts.tolist(), strict=True):
        yield _padded(head, margin) + "".join(
            f"{count:>{width},}" for count, width in zip(row, wide, strict=True)
        )


def _abstaining(result: Evaluation) -> Iterator[str]:
    yield f"{'answered':<12}{'--abstain':>11}{'accuracy':>11}"
    for one in result.abstaining:
        yield f"{f'{100 * one.coverage:.0f} %':<12}{one.abstain:>11.3f}{100 * one.accuracy:>11.2f}"


def _changes(result: Evaluation) -> Iterator[str]:
    changes = result.changes or []
    yield f"{'change':<28}{'texts':>8}{'other label':>13}"
    for one in changes:
        told = f"{100 * one.share:.2f} %" if one.texts else "-"
        yield f"{one.name:<28}{one.texts:>8,}{told:>13}"


def _mistake(one: Mistake) -> str:
    text = shown(" ".join(one.text.split()))
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    gold, said = (shown(", ".join(names)) or "none" for names in (one.gold, one.label))
    return f"  {gold} {one.gold_probability:.4f}, {said} {one.probability:.4f}: {text}"


def _padded(text: str, wide: int) -> str:
    return text + " " * (wide - columns(text))
