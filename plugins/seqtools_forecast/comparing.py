"""A forecaster beside the simple methods: in a table, as a ratio, in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Scores = Mapping[str, Mapping[str, float]]
    """Figures (see `scoring`) by method."""

NAMES: Mapping[str, str] = MappingProxyType(
    {
        "seasonal_naive": "seasonal naive",
        "theta": "Theta",
        "ets": "ETS",
        "naive2": "Naive2",
    }
)
"""How methods are called where people read; others by their own name."""

_SIMPLE = ("naive", "seasonal_naive", "drift", "theta", "ets")
_COLUMNS = (
    ("MASE", "mase", "10.3f"),
    ("sMAPE", "smape", "10.3f"),
    ("OWA", "owa", "8.3f"),
    ("MAE", "mae", "12.5g"),
    ("RMSE", "rmse", "12.5g"),
    ("CRPS", "crps", "12.5g"),
    ("MSIS", "msis", "10.3f"),
    ("80 %", "coverage_80", "8.1%"),
    ("90 %", "coverage_90", "8.1%"),
    ("95 %", "coverage_95", "8.1%"),
)


def relative(scores: Scores) -> dict[str, float]:
    """The quantile loss of each method over that of the seasonal naive (the naive where there is no season).

    In units of the series' own steps (`sql`); of series without such a unit, as they are (`crps`). Methods
    without a figure, and all if the naive makes no error, are absent.
    """
    base = next((name for name in ("seasonal_naive", "naive") if name in scores), "")
    figure = _judged_by(scores)
    whole = scores[base].get(figure, 0.0) if base else 0.0
    return {name: one[figure] / whole for name, one in scores.items() if figure in one} if whole > 0 else {}


def earns(scores: Scores, own: str) -> bool:
    """Whether a method has a lower quantile loss than every simple one."""
    figure, best = _judged_by(scores), best_floor(scores, own)
    return not best or scores[own].get(figure, 0.0) < scores[best].get(figure, 0.0)


def best_floor(scores: Scores, own: str = "") -> str:
    """The simple method with the lowest quantile loss; "" if there is none."""
    figure = _judged_by(scores)
    simple = [name for name in _SIMPLE if name in scores and name != own and figure in scores[name]]
    return min(simple, key=lambda name: scores[name][figure], default="")


def table(scores: Scores, first: str = "method") -> Iterator[str]:
    """Line by line: a method each, with the figures that any of them has.

    Args:
        scores: figures by method, in the order of the lines.
        first: head of the first column.
    """
    shares = relative(scores)
    shown = [one for one in _COLUMNS if any(one[1] in figures for figures in scores.values())]
    wide = max(16, len(first) + 2, *(len(called(name)) + 2 for name in scores))
    heads = "".join(f"{head:>{_width(form)}}" for head, _, form in shown)
    yield f"{first:<{wide}}{heads}{'relative':>10}"
    for name, figures in scores.items():
        cells = "".join(
            f"{figures[key]:>{form}}" if key in figures else f"{'-':>{_width(form)}}"
            for _, key, form in shown
        )
        share = f"{shares[name]:>10.3f}" if name in shares else f"{'-':>10}"
        yield f"{called(name):<{wide}}{cells}{share}"


def verdict(scores: Scores, own: str = "network") -> str:
    """One line: whether a method earns its place."""
    best, shares = best_floor(scores, own), relative(scores)
    if not best:
        return "There is no simple method to compare with."
    if own not in shares or best not in shares:
        return "The naive forecast makes no error: the series do not move."
    ours, theirs = _apart(shares[own], shares[best])
    told = f"{ours} of the {'seasonal ' * ('seasonal_naive' in scores)}naive's"
    if earns(scores, own):
        return (
            f"The {called(own)} beats every simple method: quantile loss {told}; "
            f"the best of them, {called(best)}, has {theirs}."
        )
    return (
        f"The {called(own)} does NOT earn its place: quantile loss {told}, but {called(best)} has {theirs}."
    )


def _apart(one: float, other: float) -> tuple[str, str]:
    """Two figures with as many digits as tell them apart, three to six."""
    told = ((f"{one:.{digits}f}", f"{other:.{digits}f}") for digits in range(3, 7))
    return next((pair for pair in told if pair[0] != pair[1]), (f"{one:.3f}", f"{other:.3f}"))


def called(name: str) -> str:
    """A method's name where people read."""
    return NAMES.get(name, name)


def _judged_by(scores: Scores) -> str:
    """The figure that all methods have: `sql`, or `crps` where the series do not move before the cutoff."""
    return "sql" if scores and all("sql" in one for one in scores.values()) else "crps"


def _width(form: str) -> int:
    return int(form.partition(".")[0])
