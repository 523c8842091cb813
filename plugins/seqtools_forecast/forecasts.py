"""What a model says of series: a mean and quantiles for each step ahead, and the table made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools_forecast.asked_levels import at, check, chosen, ends
from seqtools_forecast.frequency import Frequency

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

_DIGITS = 8
_EXACT = 22
"""Powers of ten that float64 holds exactly."""


@dataclass(frozen=True)
class Forecasts:
    """Forecasts of some series, in their own units.

    Attributes:
        names: of the series.
        first: position of the first step ahead of each, `[series]`.
        mean: `[series, horizon, targets]`.
        quantiles: `[series, horizon, targets, levels]`, ascending along the levels.
        levels: those levels.
        targets: names of the targets.
        frequency: turns positions into stamps.
        id_name, time_name: columns of the series and of the stamps.
        samples: paths `[series, samples, horizon, targets]` of a model that draws them, else None.
        widths: factors on the distance from the median that the quantiles have, `[series, targets, levels]`;
            None where intervals are as calibrated.
    """

    names: Sequence[str]
    first: IntArray
    mean: NDArray[np.float64]
    quantiles: NDArray[np.float64]
    levels: tuple[float, ...]
    targets: tuple[str, ...]
    frequency: Frequency
    id_name: str = "unique_id"
    time_name: str = "ds"
    samples: NDArray[np.float64] | None = None
    widths: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        """Number of series."""
        return len(self.names)

    @property
    def horizon(self) -> int:
        """Steps ahead."""
        return int(self.mean.shape[1])

    def quantile(self, level: float) -> NDArray[np.float64]:
        """One quantile `[series, horizon, targets]`, perhaps between two that the model tells."""
        return at(self.quantiles, self.levels, level)

    def interval(self, percentage: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both ends of an interval, each `[series, horizon, targets]`.

        Raises:
            UsageError: it is wider than what the model tells.
        """
        check([percentage], self.levels)
        low, high = ends(percentage)
        return self.quantile(low), self.quantile(high)

    def stamps(self, index: int) -> list[str]:
        """Stamps of the steps ahead of one series."""
        return self.frequency.text(self.first[index] + np.arange(self.horizon))

    def columns(self, wanted: Sequence[float] = (), *, samples: bool = False) -> list[str]:
        """Names of the table's columns; with several targets each has its own.

        Args:
            wanted: percentages of intervals; none for 80 and 95, as far as the model tells them.
            samples: a column for each path instead.
        """
        return [self.id_name, self.time_name, *(name for name, _ in self._told(wanted, samples))]

    def rows(self, wanted: Sequence[float] = (), *, samples: bool = False) -> Iterator[list[Any]]:
        """The table, series after series, as columns of `horizon` rows each; arguments as for `columns`."""
        told = self._told(wanted, samples)
        for index, name in enumerate(self.names):
            yield [
                [name] * self.horizon,
                self.stamps(index),
                *(tidy(values[index]) for _, values in told),
            ]

    def table(self, wanted: Sequence[float] = ()) -> dict[str, Any]:
        """The whole table as columns by name; `pandas.DataFrame(forecasts.table())` takes it."""
        parts = list(zip(*self.rows(wanted), strict=True))
        joined = [np.concatenate([np.asarray(part) for part in column]) for column in parts]
        return dict(zip(self.columns(wanted), joined, strict=False))

    def _told(self, wanted: Sequence[float], samples: bool) -> list[tuple[str, NDArray[np.float64]]]:
        """Names and values `[series, horizon]` of the columns behind the stamps."""
        found = []
        for place, target in enumerate(self.targets):
            prefix = f"{target}-" if len(self.targets) > 1 else ""
            if samples and self.samples is not None:
                found += [
                    (f"{prefix}sample-{number}", self.samples[:, number, :, place])
                    for number in range(self.samples.shape[1])
                ]
                continue
            found.append((f"{prefix}mean", self.mean[..., place]))
            sides = [(share, self.interval(share)) for share in chosen(wanted, self.levels)]
            found += [(f"{prefix}lo-{share:g}", low[..., place]) for share, (low, _) in reversed(sides)]
            found += [(f"{prefix}hi-{share:g}", high[..., place]) for share, (_, high) in sides]
        return found


def tidy(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values with the digits that single precision holds: 0.1 instead of 0.10000000149011612."""
    with np.errstate(divide="ignore", invalid="ignore"):
        place = _DIGITS - 1 - np.floor(np.log10(np.abs(values)))
    far = np.isfinite(place) & (np.abs(place) > _EXACT)
    place = np.where(np.isfinite(place) & ~far, place, 0.0)
    up, down = 10.0 ** np.maximum(place, 0), 10.0 ** np.maximum(-place, 0)
    found: NDArray[np.float64] = np.round(values * up / down) / up * down
    found[far] = [float(f"{value:.{_DIGITS - 1}e}") for value in values[far]]
    return found
