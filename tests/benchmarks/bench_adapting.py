"""What it costs and brings that intervals follow how those before them held, on made-up series, by rate.

    python tests/benchmarks/bench_adapting.py

Each series is autoregressive of order one, its shocks as great as a second such process wanders (`wander` is
the deviation of the logarithm, `for` how many horizons that lasts). The forecast is the best there is, with
intervals that hold what they promise over the whole of the series. For each rate of `Widths`: the interval
score (Gneiting & Raftery 2007) of 80 % and 95 % over that of fixed intervals, and how far the coverage of
80 % lies from 80 over stretches of four horizons (root of the mean square, in points).
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
RATES = (0.0, 0.25, 0.5, 1.0, 2.0)
SERIES, HORIZONS, STRETCH = 24, 29, 4


@dataclass(frozen=True)
class World:
    """Series that are made up.

    Attributes:
        horizon: steps ahead.
        memory: coefficient of the process.
        wander: deviation of the logarithm of the shocks' size.
        lasting: horizons over which that size is alike.
    """

    horizon: int
    memory: float
    wander: float
    lasting: float

    def series(self, seed: int) -> np.ndarray:
        """`[time, series]`."""
        draw = np.random.default_rng(seed)
        time = self.horizon * (HORIZONS + 1)
        keep = np.exp(-1 / (self.lasting * self.horizon))
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
            (12, 0.8, 0.4, 4), (12, 0.8, 0.4, 16), (48, 0.97, 0.4, 1), (48, 0.97, 0.4, 4),
            (48, 0.97, 0.4, 16), (48, 0.97, 0.0, 4), (240, 0.99, 0.4, 4), (240, 0.99, 0.4, 16),
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


def measure(world: World, rate: float) -> tuple[dict[int, float], float]:
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
    parts = np.array_split(inside, HORIZONS // STRETCH)
    shares = np.stack([part.mean(axis=(0, 1)) for part in parts])
    return scores, 100 * float(np.sqrt(np.square(shares - 0.8).mean()))


def main() -> None:
    """Print a line for each kind of series and rate."""
    print(f"{'horizon':>7} {'wander':>6} {'for':>4} {'rate':>5} {'80 %':>6} {'95 %':>6} {'strays':>7}")
    for world in WORLDS:
        fixed: dict[int, float] = {}
        for rate in RATES:
            scores, strays = measure(world, rate)
            fixed = fixed or scores
            ratios = " ".join(f"{scores[percent] / fixed[percent]:6.3f}" for percent in PLACES)
            kind = f"{world.horizon:7} {world.wander:6} {world.lasting:4}"
            print(f"{kind} {rate:5} {ratios} {strays:7.1f}", flush=True)


if __name__ == "__main__":
    main()
