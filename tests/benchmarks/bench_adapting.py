"""What it costs and brings that intervals follow how those before them held, on made-up series, by rate.

    python tests/benchmarks/bench_adapting.py

Each series is autoregressive of order one, its shocks as great as a second such process wanders (`wander` is
the deviation of the logarithm, `for` how many steps that lasts). The forecast is the best there is, with
intervals that hold what they promise over the whole of the series. For each rate of `Widths`, per step: the
interval score (Gneiting & Raftery 2007) of 80 % and 95 % over that of fixed intervals, and how far the share
within 80 % lies from 80 over stretches of four horizons, 100 steps at least (root mean square, in points).
The last rate is the one that is used.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import starmap

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from seqtools.forecaster import ForecastShape
from seqtools_forecast.adapting import Widths

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
PLACES = {80: (1, 3), 95: (0, 4)}
RATES = (0.0, 0.02, 0.05, 0.1, 0.2, None)
SERIES, HORIZONS, STEPS = 24, 28, 2400


@dataclass(frozen=True)
class World:
    """Series that are made up.

    Attributes:
        horizon: steps ahead.
        memory: coefficient of the process.
        wander: deviation of the logarithm of the shocks' size.
        lasting: steps over which that size is alike.
    """

    horizon: int
    memory: float
    wander: float
    lasting: int

    @property
    def stretch(self) -> int:
        """Steps over which coverage is measured."""
        return max(100, 4 * self.horizon)

    def series(self, seed: int) -> np.ndarray:
        """`[time, series]`."""
        draw = np.random.default_rng(seed)
        time = max(self.horizon * HORIZONS, STEPS) + self.horizon
        keep = np.exp(-1 / self.lasting)
        size = np.zeros((time, SERIES))
        values = np.zeros((time, SERIES))
        size[0] = draw.normal(size=SERIES) * self.wander
        for step in range(1, time):
            shock = np.sqrt(1 - keep**2) * self.wander * draw.normal(size=SERIES)
            size[step] = keep * size[step - 1] + shock
            values[step] = self.memory * values[step - 1] + np.exp(size[step]) * draw.normal(size=SERIES)
        return values


WORLDS = tuple(
    starmap(
        World,
        (
            (1, 0.5, 0.4, 50), (1, 0.5, 0.4, 200), (1, 0.5, 0.0, 200), (7, 0.8, 0.4, 50), (7, 0.8, 0.4, 200),
            (7, 0.8, 0.0, 200), (24, 0.9, 0.4, 50), (24, 0.9, 0.4, 200), (24, 0.9, 0.0, 200),
            (96, 0.98, 0.4, 200), (96, 0.98, 0.4, 800), (96, 0.98, 0.0, 800), (240, 0.99, 0.4, 800),
            (240, 0.99, 0.4, 3200),
        ),
    )
)  # fmt: skip


def forecasts(world: World) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origins, quantiles `[windows, horizon, series, levels]` and what came."""
    values, horizon = world.series(0), world.horizon
    origins = np.arange(horizon, len(values) - horizon, max(1, horizon // 24))
    ahead = world.memory ** np.arange(1, horizon + 1)
    median = ahead[:, None] * values[origins - 1, None]
    came = np.stack([values[origin : origin + horizon] for origin in origins])
    errors = (came - median).transpose(1, 0, 2).reshape(horizon, -1)
    around = np.quantile(errors, LEVELS, axis=1).T
    around[:, LEVELS.index(0.5)] = 0.0
    return origins, median[..., None] + around[:, None], came


def measure(world: World, rate: float | None) -> tuple[dict[int, float], float]:
    """Interval scores by percentage, and how far coverage strays."""
    origins, quantiles, came = forecasts(world)
    widths = Widths(ForecastShape(horizon=world.horizon, context=1, levels=LEVELS, targets=SERIES), rate)
    told = np.stack([widths.told(*one) for one in zip(quantiles, came, origins.tolist(), strict=True)])
    scores = {}
    for percent, (low, high) in PLACES.items():
        below, above = told[..., low], told[..., high]
        missed = np.maximum(below - came, 0) + np.maximum(came - above, 0)
        scores[percent] = float((above - below + 2 / (1 - percent / 100) * missed).mean())
    inside = (told[..., 1] <= came) & (came <= told[..., 3])
    parts = np.array_split(inside, int(origins[-1] - origins[0]) // world.stretch)
    shares = np.stack([part.mean(axis=(0, 1)) for part in parts])
    return scores, 100 * float(np.sqrt(np.square(shares - 0.8).mean()))


def main() -> None:
    """Print a line for each kind of series and rate."""
    print(f"{'horizon':>7} {'wander':>6} {'for':>5} {'rate':>5} {'80 %':>6} {'95 %':>6} {'strays':>7}")
    for world in WORLDS:
        fixed: dict[int, float] = {}
        for rate in RATES:
            scores, strays = measure(world, rate)
            fixed = fixed or scores
            ratios = " ".join(f"{scores[percent] / fixed[percent]:6.3f}" for percent in PLACES)
            kind = f"{world.horizon:7} {world.wander:6} {world.lasting:5}"
            used = "used" if rate is None else f"{rate:g}"
            print(f"{kind} {used:>5} {ratios} {strays:7.1f}", flush=True)


if __name__ == "__main__":
    main()
