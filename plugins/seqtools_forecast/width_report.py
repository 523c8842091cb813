"""What people are told about intervals that were adapted: how much wider they are than as calibrated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast.asked_levels import ends

if TYPE_CHECKING:
    from seqtools_forecast.forecasts import Forecasts
    from seqtools_forecast.prediction import Float64


class WidthReport:
    """Collects factors on the widths of intervals.

    Args:
        wanted: percentages of the intervals that are told.
    """

    def __init__(self, wanted: Sequence[float]) -> None:
        self._wanted = wanted
        self._factors: dict[float, list[Float64]] = {}
        self._moved = False

    def add(self, part: Forecasts) -> None:
        """Those of some series."""
        if part.widths is None:
            return
        self._moved |= bool((part.widths != 1).any())
        for percentage in self._wanted:
            nearest = int(np.abs(np.array(part.levels) - ends(percentage)[1]).argmin())
            self._factors.setdefault(percentage, []).append(part.widths[..., nearest].reshape(-1))

    def lines(self) -> Iterator[str]:
        """One line; none where nothing was adapted."""
        told = []
        for percentage, parts in self._factors.items():
            low, middle, high = np.quantile(np.concatenate(parts), (0, 0.5, 1))
            among = f" ({low:.2f} to {high:.2f})" if high - low > 0.005 else ""
            told.append(f"of {percentage:g} % {middle:.2f}{among}")
        if told and not self._moved:
            yield "intervals are as calibrated: nothing came after them that could say otherwise"
        elif told:
            yield f"widths of intervals over those calibrated, by what came of late: {', '.join(told)}"
