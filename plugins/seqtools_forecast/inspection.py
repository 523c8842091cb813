"""What a table of series holds: counts, frequency, seasons, and what training would choose."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import SeqtoolsError
from seqtools.plugin import Reporter
from seqtools.wording import counted
from seqtools_forecast.choices import choose
from seqtools_forecast.facts import autocorrelation, found_season, look
from seqtools_forecast.reading import read_series
from seqtools_forecast.recipe import ForecastRecipe, SeriesDataConfig

if TYPE_CHECKING:
    from seqtools_forecast.facts import Facts
    from seqtools_forecast.store import SeriesStore


def inspect(
    files: Sequence[str | Path], data: SeriesDataConfig, report: Reporter | None = None
) -> dict[str, Any]:
    """Read tables and say what is in them, JSON-safe.

    Args:
        files: see `read_series`.
        data: which columns are read.
        report: told the format and the columns of each file.

    Raises:
        DataError: see `read_series`; series may be irregular or differ in frequency here.
    """
    with tempfile.TemporaryDirectory(prefix="seqtools-") as folder:
        seen: list[str] = []
        store = read_series(files, data, Path(folder), seen.append, mixed=True)
        for line in seen[: len(files)]:
            (report or (lambda _: None))(line)
        facts = look(store)
        grid, mixed = store.frequency, store.report["mixed"]
        ends = store.starts + store.lengths - 1
        span = np.array([store.starts.min(), ends.max()])
        return {
            "files": [str(file) for file in files],
            "id": store.id_name,
            "time": store.time_name,
            "targets": list(store.targets),
            "past": list(store.past),
            "future": list(store.future),
            "static": [*store.numbers, *store.categories],
            "frequency": None if mixed else grid.kind,
            "span": None if mixed else grid.text(span),
            **store.report,
            "least": facts.least[0],
            "ahead": int(store.aheads.max()),
            "seasons": [] if mixed else _seasons(store, facts),
            "choice": None if mixed else _choice(store, data),
        }


def _seasons(store: SeriesStore, facts: Facts) -> list[dict[str, float]]:
    """Seasons of the frequency, and one that is seen, with how strong they are.

    Strength is how far the autocorrelation rises again up to the season's lag, 0 to 1, a mean over series:
    the inertia of a series by itself only falls.
    """
    found = found_season(facts)
    lags = dict.fromkeys([*store.frequency.seasons(), *([found] if found else [])])
    curves = [autocorrelation(values) for values in facts.looked_at if len(values) >= 6]
    told = []
    for lag in lags:
        rises = [float(curve[lag] - curve[: lag + 1].min()) for curve in curves if len(curve) > lag]
        if rises:
            told.append({"season": lag, "strength": round(float(np.clip(np.mean(rises), 0.0, 1.0)), 3)})
    return told


def _choice(store: SeriesStore, data: SeriesDataConfig) -> dict[str, Any]:
    """What training would settle without being told, or why it would not start."""
    try:
        chosen = choose(ForecastRecipe(data=data), store)
    except SeqtoolsError as error:
        return {"error": str(error)}
    shape, network = chosen.shape, chosen.recipe.network
    return {"horizon": shape.horizon, "context": shape.context, "seasons": list(shape.seasons),
            "kind": network.kind, "non_negative": shape.non_negative}  # fmt: skip


_KINDS = {
    "gaps": "steps without a row",
    "duplicates": "rows of a step told before",
    "missing": "values that are empty",
    "negative": "values below zero",
}
_SERIES = {
    "unsorted": "rows out of order",
    "constant": "no change at all",
    "zero": "nothing but zeros",
    "short": "shorter than 16 steps",
    "late_starts": "a later start than the first",
    "dropped": "without any value",
    "irregular": "irregular steps",
}


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """What `inspect` found, for a terminal."""
    yield _line("series", f"{told['series']:,}")
    yield _line("rows", f"{told['rows']:,}")
    yield _line("steps", _span(told["lengths"]))
    yield from _time(told)
    yield _line("least value", f"{told['least']:g}")
    for kind, text in _KINDS.items():
        if told[kind]["series"]:
            yield _line(kind, f"{_counted(told[kind]['count'], text)}, in {_series(told[kind])}")
    for kind, text in _SERIES.items():
        if told[kind]["series"]:
            yield _line(kind.partition("_")[0], f"{_series(told[kind])}: {text}")
    if told["future"]:
        yield _line("known ahead", _ahead(told["future"], told["ahead"]))
    for season in told["seasons"]:
        yield _line("season", f"{season['season']:,} steps, strength {season['strength']:.2f} of 1")
    if told["choice"]:
        yield _line("training", _chosen(told["choice"]))


def _ahead(names: Sequence[str], steps: int) -> str:
    """How far covariates reach."""
    if not steps:
        return f"no row after the last value holds {' or '.join(names)}: a forecast will need them"
    return f"{', '.join(names)}: up to {counted(steps, 'step')} after the last value"


def _time(told: Mapping[str, Any]) -> Iterator[str]:
    """Frequency, how stamps were read, from when to when."""
    counted = ", ".join(f"{name} ({count:,} series)" for name, count in told["frequencies"].items())
    asked = f"{told['frequency']}, as asked for; by itself " if _asked_for(told) else ""
    yield _line("frequency", told["mixed"] or (asked + counted) or "not known")
    if told["mixed"]:
        yield _line("", counted)
    if told["stamps"]:
        yield _line("stamps", told["stamps"])
    if told["span"]:
        yield _line("time", " to ".join(told["span"]))


def _asked_for(told: Mapping[str, Any]) -> bool:
    """Whether rows are put on another grid than any series lies on by itself."""
    return bool(told["frequency"] and told["frequencies"]) and told["frequency"] not in told["frequencies"]


def _span(lengths: Mapping[str, float]) -> str:
    if lengths["min"] == lengths["max"]:
        return f"{lengths['min']:,}"
    return f"{lengths['min']:,} to {lengths['max']:,}, median {lengths['median']:,.0f}"


def _line(name: str, text: str) -> str:
    return f"{name:<12} {text}"


def _counted(number: int, text: str) -> str:
    """Of `rows out of order` the first word agrees with the number."""
    noun, _, rest = text.partition(" ")
    return f"{number:,} {noun.removesuffix('s') if number == 1 else noun} {rest}"


def _series(found: Mapping[str, Any]) -> str:
    names = ", ".join(found["names"][:3])
    return f"{found['series']:,} series ({names}{', …' if found['series'] > 3 else ''})"


def _chosen(choice: Mapping[str, Any]) -> str:
    if "error" in choice:
        return str(choice["error"])
    seasons = ", ".join(map(str, choice["seasons"])) or "none"
    return (
        f"would choose horizon {choice['horizon']:,}, context {choice['context']:,}, seasons {seasons}, "
        f"network {choice['kind']}"
    )
