"""Part of every export: the file against torch, on made-up and on real series."""

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
"""Largest difference that passes, as a share of the series' size. What eight bits may cost is bounded by the
loss they add; here only gross mistakes are caught."""

_ROUNDING = 8.0
"""A float32 file may differ from torch by this many times what torch in float32 differs from torch in
float64."""

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
        sizes = _sizes(parts, feeds, wanted[1])
        precise = reference(parts, feeds, precise=True)
        for name, got, want, exact in zip(("quantiles", "mean"), found, wanted, precise, strict=True):
            parity.tolerance = max(parity.tolerance, _ROUNDING * _distance(want, exact, sizes))
            parity.note(name, _distance(got, want, sizes))
        parity.tokens += len(found[0])
    return parity


def _sizes(parts: Parts, feeds: Feeds, mean: Array) -> Array:
    """How large the values of a series are, `[batch(, targets)]`; 1 where all are zero."""
    seen = np.abs(np.nan_to_num(np.asarray(feeds["history"], np.float64))).max(axis=1)
    told = np.abs(mean).max(axis=1)
    sizes: Array = np.where(seen > 0, np.maximum(seen, told), np.maximum(told, 1.0))
    return sizes


def _distance(a: Array, b: Array, sizes: Array) -> float:
    """Largest difference of any number, as a share of its series' size."""
    apart = np.abs(np.asarray(a, np.float64) - b)
    shape = (len(sizes), 1, *sizes.shape[1:], *[1] * (apart.ndim - sizes.ndim - 1))
    return float((apart / sizes.reshape(shape)).max(initial=0.0))


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
