"""The tables that `seqtools evaluate` prints of a tagger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqtools.wording import counted
from seqtools_tag.evaluation import Evaluation
from seqtools_tag.figures import Count, Figures
from seqtools_tag.robustness import Change

_MOST_CONFUSIONS = 12
_WIDEST = 14


def table(result: Evaluation, what: str, name: str) -> Iterator[str]:
    """Figures with the floors beside them; types or labels; confusions; the hardest sentences.

    Args:
        what: the model.
        name: what it was evaluated on.
    """
    words = counted(result.figures.words, "word")
    yield f"{what} on {name} ({counted(result.sentences, 'sentence')}, {words})"
    yield from _overall(result)
    count, right = result.unknown
    if count:
        yield f"words that the model does not know: {count:,}, {100 * right / count:.2f} % of them right"
    if result.figures.spans is not None:
        yield ""
        yield from _kinds(result.figures, "span")
    yield ""
    yield from _kinds(result.labels, "label")
    yield from _confusions(result)
    if result.changes is not None:
        yield ""
        yield from _changes(result.changes, result.figures.spans is not None)
    if result.hardest:
        yield ""
        yield "hardest sentences (word/said(→right)):"
        for hard in result.hardest:
            place = f"line {hard.line}" if hard.line else f"sentence {hard.number}"
            yield f"  {place}: {hard.marked()}"


def _overall(result: Evaluation) -> Iterator[str]:
    methods = {"model": result.figures, **result.floors}
    rows = [["", *methods], ["accuracy", *(f"{100 * one.accuracy:.2f}" for one in methods.values())]]
    if result.figures.spans is not None:
        for name in ("precision", "recall", "f1"):
            shares = (getattr(one.spans, name) if one.spans else 0.0 for one in methods.values())
            rows.append([name.replace("f1", "F1"), *(f"{100 * share:.2f}" for share in shares)])
    rows.append(["macro F1", *(f"{100 * one.macro('f1'):.2f}" for one in methods.values())])
    rows.append(["ECE", f"{result.ece:.4f}", *("" for _ in result.floors)])
    yield from _aligned(rows)


def _kinds(figures: Figures, title: str) -> Iterator[str]:
    """Each type of span or label; below them their mean, and all spans together."""
    rows = [[title, "precision", "recall", "F1", "gold", "said"]]
    for kind, count in figures.kinds.items():
        rows.append([kind, *_shares(count), f"{count.gold:,}", f"{count.said:,}"])
    means = (f"{100 * figures.macro(name):.2f}" for name in ("precision", "recall", "f1"))
    rows.append(["mean (macro)", *means, "", ""])
    if figures.spans is not None:
        together = figures.spans
        rows.append(["all spans", *_shares(together), f"{together.gold:,}", f"{together.said:,}"])
    yield from _aligned(rows)


def _shares(count: Count) -> Iterator[str]:
    return (f"{100 * share:.2f}" for share in (count.precision, count.recall, count.f1))


def _changes(changes: Sequence[Change], spanned: bool) -> Iterator[str]:
    """What changes do to labels, and to the figures of the sentences that they change."""
    names = ("accuracy", "f1") if spanned else ("accuracy",)
    heads = (name.replace("f1", "F1") for name in names)
    rows = [["change", "sentences", "words", "other label", *(cell for head in heads for cell in (head, ""))]]
    for one in changes:
        told = f"{100 * one.share:.2f} %" if one.texts else "-"
        pairs = ((100 * getattr(one.after, name), 100 * getattr(one.before, name)) for name in names)
        cells = (cell for now, was in pairs for cell in (f"{now:.2f}", f"({now - was:+.2f})"))
        rows.append([one.name, f"{one.texts:,}", f"{one.words:,}", told])
        rows[-1] += list(cells) if one.texts else [""] * 2 * len(names)
    yield from _aligned(rows)


def _confusions(result: Evaluation) -> Iterator[str]:
    """Which labels are taken for which: rows are right, columns are said; the labels that matter most."""
    if not result.confusions:
        return
    weight: dict[str, int] = {}
    for wanted, label, count in result.confusions:
        for one in (wanted, label):
            weight[one] = weight.get(one, 0) + count
    names = sorted(weight, key=lambda one: (-weight[one], one))[:_MOST_CONFUSIONS]
    cells = {(wanted, label): count for wanted, label, count in result.confusions}
    yield ""
    shown = "" if len(names) == len(weight) else f", the {len(names)} labels with most of them"
    yield f"mistakes (rows: right, columns: said{shown}):"
    rows = [["", *(name[:_WIDEST] for name in names)]]
    for wanted in names:
        rows.append([wanted[:_WIDEST], *(str(cells.get((wanted, label), "") or "·") for label in names)])
    yield from _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns of equal width: the first to the left, the others to the right."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
