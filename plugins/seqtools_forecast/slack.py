"""Caution given back: intervals that hold more of the windows left out than they promise become narrower.

Offsets of few windows are cautious (see `conformal`), for any series alike. Some are so regular that their
windows left out would have been content with much less, and those tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast.conformal import intervals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqtools.plugin import FloatArray

OUTSIDE = 0.6
"""Of the share of values that may lie outside an interval, as much is allowed here."""
BELIEVED = 1 / 3
"""What is believed of the evidence, as a power. With both, intervals for single series of the M1 competition
had lower scores, and held hardly less than before."""
_FLAT = 1e-9


def slack(quantiles: FloatArray, target: FloatArray, levels: Sequence[float]) -> FloatArray:
    """Factors on the distance from the median with which intervals would still have held enough.

    Args:
        quantiles: told to windows that their offsets do not know, `[windows, horizon, targets, levels]`.
        target: what came, `[windows, horizon, targets]`, NaN where missing.
        levels: of the quantiles; 0.5 is among them.

    Returns:
        float32 `[levels]`, at most 1; 1 of levels that end no central interval.
    """
    factors = np.ones(len(levels), np.float32)
    middle = quantiles[..., list(levels).index(0.5)]
    there = ~np.isnan(target)
    if not there.any():
        return factors
    for low, high in intervals(levels).items():
        edge = np.where(target < middle, quantiles[..., low], quantiles[..., high])
        reach = np.abs(target - middle)[there] / np.maximum(np.abs(edge - middle)[there], _FLAT)
        enough = np.quantile(reach, 1 - OUTSIDE * (1 - levels[high] + levels[low]))
        factors[[low, high]] = min(1.0, float(enough) ** BELIEVED)
    return factors


def less(quantiles: FloatArray, factors: FloatArray, levels: Sequence[float]) -> FloatArray:
    """What to add to quantiles `[..., levels]` so that they lie by these factors nearer to the median."""
    middle = quantiles[..., [list(levels).index(0.5)]]
    nearer: FloatArray = (factors - 1) * (quantiles - middle)
    return nearer
