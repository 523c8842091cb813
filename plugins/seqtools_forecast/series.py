"""One series: its values on a regular grid, and what is known beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Series:
    """One series. Arrays are float64, NaN where something is missing, perhaps views of a file: read only.

    Attributes:
        name: of the series.
        start: position of its first step, see `Frequency`.
        values: targets `[time, targets]`; neither the first nor the last step lacks all of them.
        past: covariates known up to now `[time, past]`.
        future: covariates known ahead `[time + ahead, future]`.
        numbers: static numbers `[numbers]`.
        categories: values of the static categories.
    """

    name: str
    start: int
    values: Float64
    past: Float64
    future: Float64
    numbers: Float64
    categories: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Steps with values."""
        return len(self.values)

    @property
    def end(self) -> int:
        """Position of the first step that has no values: the first to forecast."""
        return self.start + len(self.values)

    @property
    def ahead(self) -> int:
        """Steps after the last value whose covariates are known."""
        return len(self.future) - len(self.values)
