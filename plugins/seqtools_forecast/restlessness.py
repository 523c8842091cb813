"""Intervals as wide as a window is restless: the deviation of its values says how far a forecast may lie off.

Scores of conformal prediction are divided by how far off one has to expect a forecast of this window to lie,
so that calm and restless times both get what they need (Papadopoulos et al. 2008; Lei et al. 2018, 5.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from seqtools.forecaster import ForecastShape
    from seqtools.plugin import FloatArray

EXPONENTS = (0.0, 0.5)
"""Powers of the deviation that are tried: intervals of one width, or as the root of the deviation."""
BOUNDS = 0.25, 4.0
"""How much narrower or wider than usual intervals become."""


@dataclass(frozen=True)
class Restlessness:
    """How much wider than usual the intervals of a window are.

    Attributes:
        exponent: of the deviation of its values; 0 for intervals of one width.
        usual: the mean of that power over windows, float32 `[targets]`.
        median: its place among the levels, from which intervals widen.
    """

    exponent: float
    usual: FloatArray
    median: int

    @classmethod
    def none(cls, shape: ForecastShape) -> Restlessness:
        """All windows alike."""
        return cls(0.0, np.ones(shape.targets, np.float32), shape.levels.index(0.5))

    @classmethod
    def measured(cls, filled: FloatArray, exponent: float, shape: ForecastShape) -> Restlessness:
        """What is usual among windows without gaps, `[windows, context, targets]`."""
        usual = np.asarray((_deviation(filled) ** exponent).mean(axis=0), np.float32)
        return cls(exponent, np.where(usual > 0, usual, np.float32(1)), shape.levels.index(0.5))

    def factor(self, filled: FloatArray) -> FloatArray:
        """Of windows without gaps `[windows, context, targets]`; `[windows, 1, targets, 1]`."""
        power = _deviation(filled) ** self.exponent / self.usual
        factor: FloatArray = np.clip(power, *BOUNDS).astype(filled.dtype)[:, None, :, None]
        return factor

    def calmed(self, quantiles: FloatArray, target: FloatArray, filled: FloatArray) -> FloatArray:
        """What came, as far from the median as it had been in a usual window.

        Args:
            quantiles: `[windows, horizon, targets, levels]`.
            target: `[windows, horizon, targets]`.
            filled: see `factor`.
        """
        if not self.exponent:
            return target
        middle = quantiles[..., self.median]
        calm: FloatArray = middle + (target - middle) / self.factor(filled)[..., 0]
        return calm

    def widened(self, quantiles: FloatArray, added: FloatArray, filled: FloatArray) -> FloatArray:
        """Quantiles with what is added to them, both as these windows want it; shapes as above."""
        if not self.exponent:
            return quantiles + added
        middle = quantiles[..., self.median, None]
        wide: FloatArray = middle + (quantiles - middle + added) * self.factor(filled)
        return wide


def _deviation(filled: FloatArray) -> FloatArray:
    """Of the values of windows, `[windows, targets]`."""
    deviation: FloatArray = filled.std(axis=1)
    return deviation
