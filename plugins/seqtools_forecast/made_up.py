"""Series that nobody measured, to try a file on: of all sizes and lengths, with gaps, flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools_forecast.parts import Parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SIZES = np.array([1e-12, 1e-6, 1e-3, 1.0, 1e3, 1e6, 1e9, 1e12])
"""One for each row."""
SAMPLES = 5
"""Paths that are drawn of a series, where any are."""


def made_up(parts: Parts, seed: int = 1, *, sizes: Array = SIZES) -> Iterator[dict[str, NDArray[Any]]]:
    """Inputs of a file: some steps, a window, more than a window.

    Args:
        sizes: largest value of each row, about.
    """
    rng = np.random.default_rng(seed)
    context = parts.shape.context
    for number, time in enumerate(sorted({1, 2, max(context // 2, 1), context, 2 * context})):
        series = np.stack([_series(parts, rng, time) for _ in sizes])
        series *= np.roll(sizes, number)[:, None, None] if not _counts(parts) else 1
        for row, spoil in enumerate(_SPOILT[: len(series)]):
            spoil(series[row], rng)
        yield feeds_of(parts, series.astype(np.float32), rng)


def feeds_of(parts: Parts, history: NDArray[np.float32], rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Inputs for `history [batch, time, targets]`, whatever else the file asks for drawn at random."""
    shape, (batch, time) = parts.shape, history.shape[:2]
    found: dict[str, Any] = {"history": history if shape.targets > 1 else history[:, :, 0]}
    if parts.dated:
        found["position"] = rng.integers(-50_000, 500_000, batch, dtype=np.int64)
    for name, size in (
        ("past", (batch, time, shape.past)),
        ("future", (batch, time + shape.horizon, shape.future)),
        ("numbers", (batch, shape.numbers)),
    ):
        if size[-1]:
            values = rng.normal(size=size).astype(np.float32)
            values[rng.random(size) < 0.1] = np.nan
            found[name] = values
    if shape.categories:
        columns = [[*values, "never met"] for values in parts.about.categories.values()]
        drawn = [np.array(column, object)[rng.integers(0, len(column), batch)] for column in columns]
        found["categories"] = np.stack(drawn, axis=1)
    if parts.draws:
        found["noise"] = rng.uniform(
            2**-24, 1 - 2**-24, (batch, SAMPLES, shape.horizon, 2 * shape.targets)
        ).astype(np.float32)
    return found


def _counts(parts: Parts) -> bool:
    return parts.config.head == "negbin"


def _series(parts: Parts, rng: np.random.Generator, time: int) -> Array:
    """About 1 in size, `[time, targets]`: a season, a trend, noise."""
    steps, targets = np.arange(time)[:, None], parts.shape.targets
    season = (parts.shape.seasons or (12,))[0]
    waves = np.sin(2 * np.pi * (steps / season + rng.random(targets)))
    level, trend = rng.uniform(0.3, 1.0, targets), rng.normal(0, 0.3 / time, targets)
    values = level + trend * steps + 0.2 * waves + rng.normal(0, 0.05, (time, targets))
    if _counts(parts):
        counts: Array = np.rint(np.abs(values) * rng.choice([3, 30, 300]))
        return counts
    positive = parts.config.transform == "log" or parts.shape.non_negative
    made: Array = np.abs(values) if positive else values
    return made


def _whole(values: Array, rng: np.random.Generator) -> None:
    """Nothing is missing."""


def _gaps(values: Array, rng: np.random.Generator) -> None:
    values[rng.random(values.shape) < 0.3] = np.nan


def _late(values: Array, rng: np.random.Generator) -> None:
    values[: len(values) // 2] = np.nan


def _silent(values: Array, rng: np.random.Generator) -> None:
    """Nothing was seen of late."""
    values[len(values) - len(values) // 3 :] = np.nan


def _flat(values: Array, rng: np.random.Generator) -> None:
    values[:] = values[-1]


def _zero(values: Array, rng: np.random.Generator) -> None:
    values[:] = 0.0


def _lone(values: Array, rng: np.random.Generator) -> None:
    """One value of all."""
    values[:-1] = np.nan


_SPOILT: tuple[Callable[[Array, np.random.Generator], None], ...] = (
    _whole, _gaps, _late, _silent, _flat, _zero, _lone, _whole,
)  # fmt: skip
