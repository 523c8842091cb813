"""Part of every export: the file against torch, on made-up and on real series.

The error of a number is its distance from torch's, relative to its own size, or to the size of the series
where that is larger: a forecast that happens to lie near zero is no more exact than the window it is made of.
The size of a series (of each target) is the largest absolute value of its window, and 1 where that is zero. A
network that works in units of the training data (`scale` none) is no more exact than those: then the size is
at least their spread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.export.report import Parity
from seqtools.parity import pack
from seqtools_forecast.made_up import feeds_of, made_up
from seqtools_forecast.parts import Parts
from seqtools_forecast.reference import Feeds, reference
from seqtools_forecast.runner import Runner

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

TOLERANCE = {"portable": 1e-5, "int8": 0.5}
"""Largest relative error that passes. What eight bits may cost is bounded by the loss they add; here only
gross mistakes are caught."""

_FED_BACK = 8.0
"""Networks that draw paths read their own draws again. Where that is unstable, rounding grows from step to
step as the paths do: such a file may differ from torch by this many times what torch in float32 differs from
torch in float64. No other network has an allowance."""

_HOST = 1e-4
"""Tolerance of the self-test, whose series are about 1 in size: other CPUs round otherwise."""

_SHOWN = 48
"""Steps of history in the self-test."""
_MOST = 2000
"""Numbers of the self-test's expected quantiles; with more of them the means must do."""
_DIGITS = 8


def verify(runner: Runner, parts: Parts) -> Parity:
    """Run a file against torch.

    Args:
        runner: the file, opened.
        parts: what it was made of.
    """
    parity = Parity(TOLERANCE[parts.card["profile"]], chosen="series")
    for feeds in [*made_up(parts), *([parts.feeds] if parts.feeds else [])]:
        found = runner(["quantiles", "mean"], feeds)
        wanted = reference(parts, feeds)
        sizes = series_sizes(parts, feeds)
        precise = reference(parts, feeds, precise=True) if parts.draws else wanted
        for name, got, want, exact in zip(("quantiles", "mean"), found, wanted, precise, strict=True):
            parity.tolerance = max(parity.tolerance, _FED_BACK * relative_error(want, exact, sizes))
            parity.note(name, relative_error(got, want, sizes))
        parity.tokens += len(found[0])
    return parity


def series_sizes(parts: Parts, feeds: Feeds) -> Array:
    """How large the values of a series are, `[batch, targets]`; see above."""
    window = np.asarray(feeds["history"], np.float64)[:, -parts.shape.context :]
    seen = np.abs(np.where(np.isfinite(window), window, 0)).max(axis=1).reshape(-1, parts.shape.targets)
    sizes: Array = np.where(seen > 0, seen, 1.0)
    if parts.config.scale == "none":
        sizes = np.maximum(seen, parts.network.forecasters()[0].standard.numpy())
    return sizes


def relative_error(found: Array, wanted: Array, sizes: Array) -> float:
    """Largest error of any number of `[batch, horizon(, targets)(, levels)]`, as defined above."""
    wanted = np.asarray(wanted, np.float64)
    batch, targets = sizes.shape
    several = (targets,) if targets > 1 else ()
    shape = batch, 1, *several, *[1] * (wanted.ndim - 2 - len(several))
    least = np.maximum(np.abs(wanted), sizes.reshape(shape))
    return float((np.abs(np.asarray(found, np.float64) - wanted) / least).max(initial=0.0))


def parity_vector(runner: Runner, parts: Parts) -> dict[str, Any]:
    """Small feeds and what the verified file gives, for any host to check itself; see `seqtools.parity`.

    One series is whole, and one has gaps and is shorter than the window; where that would be a large part of
    the file, only the one.
    """
    rng = np.random.default_rng(5)
    time = min(parts.shape.context, _SHOWN)
    *_, longest = made_up(parts, 3, sizes=np.ones(2))
    history = longest["history"][:, -time:].reshape(2, time, -1)
    history[1, : time // 3] = np.nan
    cases: list[dict[str, Any]] = []
    for name, rows in (("one series", history[:1]), ("two series", history)):
        feeds = feeds_of(parts, np.ascontiguousarray(rows, np.float32), rng)
        if cases and parts.shape.horizon * parts.shape.targets > _MOST:
            break
        quantiles, mean = runner(["quantiles", "mean"], feeds)
        told = {"mean": mean, **({"quantiles": quantiles} if quantiles.size <= _MOST else {})}
        cases.append(
            {
                "name": name,
                "feeds": {key: _packed(value) for key, value in feeds.items()},
                "expected": {key: _packed(value) for key, value in told.items()},
            }
        )
    return {"tolerance": _HOST, "cases": cases}


def _packed(array: NDArray[Any]) -> dict[str, Any]:
    """With no more digits than float32 has."""
    stored = pack(array)
    if array.dtype.kind == "f":
        stored["data"] = [
            None if value is None else float(f"{value:.{_DIGITS}g}") for value in stored["data"]
        ]
    return stored
