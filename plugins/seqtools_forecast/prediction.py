"""What a method says of some windows, be it a network or a simple method."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]


class Prediction(NamedTuple):
    """Forecasts in raw units; a row is one target of one series from one cutoff on.

    Attributes:
        mean: `[rows, horizon]`.
        quantiles: `[rows, horizon, levels]`, ascending along the levels.
    """

    mean: Float64
    quantiles: Float64
