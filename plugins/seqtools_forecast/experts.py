"""Simple methods as matrices: each forecasts by a linear map of the window `[horizon, context]`.

Rows sum to one, so a forecast moves and grows with the series, and the map may be taken of scaled values.
A name tells its method wholly (`seasonal naive 24`), so that a file or a run need only keep the name; several
with ` + ` between them are their mean, which is such a map, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import DataError
from seqtools.suggest import closest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray, IntArray

    Map = NDArray[np.float64]

ALPHAS = (0.1, 0.2, 0.3, 0.5, 0.7)
"""Smoothing factors that are tried."""
SEASONS = (2, 3, 4)
"""Over how many seasons means are tried."""


_AND = " + "


def together(several: Sequence[str]) -> str:
    """The name of the mean of methods."""
    return _AND.join(several)


def spoken(name: str) -> str:
    """A name as a sentence can bear it."""
    first, *others = name.split(_AND)
    return f"mean of {len(others) + 1} methods, {first} the first" if others else first


def names(context: int, seasons: Sequence[int]) -> list[str]:
    """Methods that a window of this length allows, the plain ones first."""
    found = ["naive"]
    found += [f"seasonal naive {season}" for season in seasons if season <= context]
    found += [f"ses {alpha}" for alpha in ALPHAS] if context > 1 else []
    found += [f"theta {alpha}" for alpha in ALPHAS] if context > 2 else []
    found += ["drift"] if context > 1 else []
    for season in seasons:
        found += [f"season mean {season} {count}" for count in SEASONS if season * count <= context]
        if 2 * season <= context:
            found += [f"level and season {season} {count}" for count in (2, 3) if season * count <= context]
            found += [f"season and growth {season}"]
            found += [
                f"seasonal {smooth} {season} {alpha}" for smooth in ("ses", "theta") for alpha in ALPHAS
            ]
        # The window's last value stands for the level, what followed a season ago for the change.
        found += [f"last and change {season} {count}" for count in (1, 2, 3) if season * count < context]
    return found


def matrix(name: str, horizon: int, context: int) -> FloatArray:
    """The map of a method, float32 `[horizon, context]`.

    Raises:
        DataError: there is no such method.
    """
    several = [_single(one, horizon, context) for one in name.split(_AND)]
    mean: FloatArray = np.mean(several, axis=0).astype(np.float32)
    return mean


def _single(name: str, horizon: int, context: int) -> Map:
    words, numbers = _parsed(name)
    if words not in _MAPS:
        near = closest(words, list(_MAPS))
        raise DataError(f"method '{name}'", "there is no such one", f"Did you mean '{near}'?" if near else "")
    return _MAPS[words](horizon, context, *numbers)


def _parsed(name: str) -> tuple[str, list[float]]:
    parts = name.split()
    numbers = [part for part in parts if part[0].isdigit()]
    return " ".join(part for part in parts if not part[0].isdigit()), [float(part) for part in numbers]


def _picked(horizon: int, context: int, places: IntArray) -> Map:
    """One step of the window for each step ahead."""
    made = np.zeros((horizon, context))
    made[np.arange(horizon), places] = 1.0
    return made


def _naive(horizon: int, context: int) -> Map:
    return _picked(horizon, context, np.full(horizon, context - 1))


def _seasonal_naive(horizon: int, context: int, season: float) -> Map:
    return _season_back(horizon, context, int(season), 1)


def _season_back(horizon: int, context: int, season: int, back: int) -> Map:
    """The same step of the season, so many seasons before the end of the window."""
    return _picked(horizon, context, context - back * season + np.arange(horizon) % season)


def _season_mean(horizon: int, context: int, season: float, count: float) -> Map:
    backs = range(1, int(count) + 1)
    made: Map = np.mean([_season_back(horizon, context, int(season), back) for back in backs], axis=0)
    return made


def _ses(horizon: int, context: int, alpha: float) -> Map:
    """Simple exponential smoothing (Brown 1956), begun at the mean of the window."""
    weights = alpha * (1 - alpha) ** np.arange(context - 1, -1, -1.0)
    weights += (1 - weights.sum()) / context
    return np.broadcast_to(weights, (horizon, context))


def _slope(context: int) -> Map:
    """Least squares: the growth a step."""
    time = np.arange(context) - (context - 1) / 2
    weights: Map = time / (time**2).sum()
    return weights


def _theta(horizon: int, context: int, alpha: float) -> Map:
    """Smoothing with half the trend as drift (Assimakopoulos & Nikolopoulos 2000; Hyndman & Billah 2003)."""
    ahead = np.arange(horizon) + 1 / alpha
    return _ses(horizon, context, alpha) + 0.5 * ahead[:, None] * _slope(context)


def _drift(horizon: int, context: int) -> Map:
    made = _naive(horizon, context).copy()
    growth = np.arange(1, horizon + 1) / (context - 1)
    made[:, -1] += growth
    made[:, 0] -= growth
    return made


def _mean(context: int, first: int, last: int) -> Map:
    """The mean of some steps, counted from the end of the window: `[context]`."""
    made = np.zeros(context)
    made[context - first : context - last] = 1 / (first - last)
    return made


def _level_and_season(horizon: int, context: int, season: float, count: float) -> Map:
    """The shape of the last seasons at the height of the last one."""
    one, all_of = int(season), int(season * count)
    lifted = _mean(context, one, 0) - _mean(context, all_of, 0)
    return _season_mean(horizon, context, season, count) + lifted


def _season_and_growth(horizon: int, context: int, season: float) -> Map:
    """The last season, raised each season by what the last mean has over the one before."""
    one = int(season)
    growth = _mean(context, one, 0) - _mean(context, 2 * one, one)
    seasons = 1 + np.arange(horizon) // one
    return _season_back(horizon, context, one, 1) + seasons[:, None] * growth


def _last_and_change(horizon: int, context: int, season: float, count: float) -> Map:
    """The last value, changed as the same step changed in the seasons before, on average."""
    made = _naive(horizon, context).copy()
    for back in range(1, int(count) + 1):
        then = _naive(1, context - back * int(season))
        made += _season_back(horizon, context, int(season), back) / count
        made[:, : then.shape[1]] -= then / count
    return made


def _profile(context: int, season: int) -> Map:
    """How far each step of a season usually lies off the trend, `[season, context]`; the first is that ahead.

    The trend is the centred mean over a season (classical decomposition, additive).
    """
    half = season // 2
    weights = np.full(2 * half + 1, 1 / season)
    weights[[0, -1]] = 1 / (2 * season) if season % 2 == 0 else 1 / season
    places = np.arange(half, context - half)
    apart = np.zeros((len(places), context))
    apart[np.arange(len(places)), places] = 1.0
    for row, place in enumerate(places):
        apart[row, place - half : place + half + 1] -= weights
    phase = (places - context) % season
    made = np.stack([apart[phase == step].mean(axis=0) for step in range(season)])
    centred: Map = made - made.mean(axis=0)
    return centred


def _seasonal(
    plain: Callable[[int, int, float], Map], horizon: int, context: int, season: float, alpha: float
) -> Map:
    """A method of the window without its season, and the season of what is ahead."""
    one = int(season)
    profile = _profile(context, one)
    rest = np.eye(context) - profile[np.arange(-context, 0) % one]
    return plain(horizon, context, alpha) @ rest + profile[np.arange(horizon) % one]


_MAPS: dict[str, Callable[..., Map]] = {
    "naive": _naive,
    "seasonal naive": _seasonal_naive,
    "season mean": _season_mean,
    "ses": _ses,
    "theta": _theta,
    "drift": _drift,
    "level and season": _level_and_season,
    "season and growth": _season_and_growth,
    "last and change": _last_and_change,
    "seasonal ses": partial(_seasonal, _ses),
    "seasonal theta": partial(_seasonal, _theta),
}


@cache
def cached(name: str, horizon: int, context: int) -> FloatArray:
    """As `matrix`, kept: calibration asks for the same ones again and again."""
    return matrix(name, horizon, context)
