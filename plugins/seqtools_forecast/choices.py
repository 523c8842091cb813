"""What a recipe leaves open, settled by the series: horizon, window, seasons, parts, network, steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools import config
from seqtools.errors import ConfigError, DataError
from seqtools.forecaster import ForecastShape
from seqtools.wording import counted
from seqtools_forecast.facts import Facts, found_season, look
from seqtools_forecast.recipe import ForecastRecipe, SeriesDataConfig
from seqtools_forecast.splits import Held, Splits, split

if TYPE_CHECKING:
    from seqtools_forecast.frequency import Frequency
    from seqtools_forecast.store import SeriesStore

_DAILY, _WEEKLY = 14, 13
_DAY, _WEEK = 86400, 604800
_LONGEST_CONTEXT = 720
_CLEARLY = 0.7
"""Where the season before is this much nearer than the last value, the last value tells nothing more."""
_ENOUGH_WINDOWS = 40
"""Validation windows of all series that one wants to have at least."""
_HELD_OUT, _TESTED = 0.25, 0.15
"""Shares of a series, beside the first window, that validation windows and those of the test cover. The first
is the larger: it must show the series in all its seasons, or intervals come out too narrow."""


_TELLING = 10
"""Validation windows without an overlap that tell enough by themselves."""
_BLOCKS, _BLOCK = 4, 2
"""Parts of the training part that are foretold, too, where they do not, and horizons that each is long at
least: of a shorter series all is needed to train."""
_MANY_SHORT = 0.05
"""Share of series that do not fill a window from which on that matters."""
_SOME = 3
"""Horizons of history that are worth learning from."""


@dataclass(frozen=True)
class Choices:
    """What was settled.

    Attributes:
        recipe: with nothing left open.
        shape: of the forecaster.
        held: windows held out of each series.
        unit: the lag whose steps errors are measured in: the main season where it tells more than the last
            value does, else 1.
        told: lines for a person.
    """

    recipe: ForecastRecipe
    shape: ForecastShape
    held: Held
    unit: int
    told: tuple[str, ...]


def choose(recipe: ForecastRecipe, store: SeriesStore) -> Choices:
    """Settle what is open.

    Raises:
        ConfigError: keys that contradict each other or the series.
        DataError: values that the model cannot take.
    """
    facts, data = look(store), recipe.data
    horizon = data.horizon or _horizon(store.frequency, facts)
    seasons = _seasons(data.season, store.frequency, facts)
    context = data.context or _context(horizon, seasons, facts)
    held = _held(recipe, horizon, context, facts)
    network = _network(recipe, horizon, context, seasons, facts)
    shape = ForecastShape(
        horizon=horizon,
        context=context,
        seasons=tuple(season for season in seasons if season <= context),
        levels=parse_levels(data.levels),
        periods=store.frequency.periods if network["network.calendar"] else (),
        targets=len(store.targets),
        past=len(store.past),
        future=len(store.future),
        numbers=len(store.numbers),
        categories=tuple(len(values) + 1 for values in store.category_values),
        non_negative=_non_negative(data.non_negative, facts),
    )
    chosen = {
        **network,
        "data.horizon": horizon,
        "data.context": context,
        "data.season": ",".join(map(str, seasons)) or "none",
        "data.frequency": data.frequency or store.frequency.name,
        "data.valid_windows": held.valid,
        "data.test_windows": held.test,
        "data.stride": held.stride,
        "data.shortest": held.shortest,
        "data.non_negative": "yes" if shape.non_negative else "no",
        "calibration.folds": _folds(recipe, network["network.kind"], horizon, context, held, facts),
        **_length(recipe, horizon, facts),
    }
    settled = with_values(recipe, chosen)
    splits = split(store.lengths, horizon, context, held)
    unit = shape.seasons[0] if shape.seasons and facts.seasonality(shape.seasons[0], horizon) < 1 else 1
    return Choices(settled, shape, held, unit, tuple(_told(settled, seasons, splits)))


def with_values(recipe: ForecastRecipe, values: Mapping[str, Any]) -> ForecastRecipe:
    """The recipe with other values, checked like any."""
    layers = config.Layer("recipe", config.settings(recipe)), config.Layer("choices", values)
    return config.build(*layers, kind=ForecastRecipe)


def parse_levels(text: str) -> tuple[float, ...]:
    """Quantiles from `0.1,0.5,0.9`; the median is added if it is not among them.

    Raises:
        ConfigError: not numbers between 0 and 1.
    """
    try:
        levels = {float(part) for part in text.split(",") if part.strip()}
    except ValueError:
        levels = {0.0}
    if not levels or not all(0 < level < 1 for level in levels):
        raise ConfigError(
            "data.levels", f"'{text}' is no list of numbers between 0 and 1", "Write 0.1,0.5,0.9"
        )
    return tuple(sorted(levels | {0.5}))


def _horizon(frequency: Frequency, facts: Facts) -> int:
    """A time ahead that people ask for, no more than a fifth of the longest series."""
    return max(1, min(_usual_horizon(frequency, facts), facts.longest // 5))


def _usual_horizon(frequency: Frequency, facts: Facts) -> int:
    unit, step = frequency.unit, frequency.step
    if unit == "integer":
        return min(48, max(1, facts.usual // 10))
    if unit == "business":
        return 10
    if unit == "month":
        return {1: 12, 3: 8}.get(step, 6)
    if step >= _WEEK:
        return _WEEKLY
    if step >= _DAY:
        return _DAILY
    return min(96, 2 * _DAY // step) if step >= 60 else 60


def _seasons(text: str, frequency: Frequency, facts: Facts) -> tuple[int, ...]:
    """As told, else those of the frequency, else one that is seen.

    Raises:
        ConfigError: not whole numbers above 1.
    """
    if text.strip() == "none":
        return ()
    if text.strip():
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not all(part.isdecimal() and int(part) > 1 for part in parts):
            cause = f"'{text}' is no list of whole numbers above 1"
            raise ConfigError("data.season", cause, "Write 24,168 or none")
        return tuple(int(part) for part in parts)
    usual = frequency.seasons()
    if not usual and frequency.is_integer:
        found = found_season(facts)
        return (found,) if found else ()
    return tuple(season for season in usual if 2 * season <= facts.longest)


def _context(horizon: int, seasons: tuple[int, ...], facts: Facts) -> int:
    """Some horizons, some seasons; whole seasons; no more than the usual series has before a horizon."""
    main, longest = (seasons[0], max(seasons)) if seasons else (1, 1)
    wanted = max(min(3 * horizon, _LONGEST_CONTEXT), 2 * longest, 3 * main, 8)
    room = max(facts.usual - horizon, 2)
    whole = math.ceil(wanted / main) * main
    return whole if whole <= room else max(room // main * main, min(room, 8))


def _held(recipe: ForecastRecipe, horizon: int, context: int, facts: Facts) -> Held:
    """One window of each series where there are many, else several, closer than a horizon in short series."""
    data = recipe.data
    each = math.ceil(_ENOUGH_WINDOWS / max(len(facts.lengths), 1))
    spare = int(_HELD_OUT * facts.usual) if each > 1 else 0
    stride = data.stride or max(1, min(horizon, spare // max(each - 1, 1)))
    windows = max(1, min(each, spare // stride + 1))
    test = max(1, min(windows, int(_TESTED * facts.usual) // horizon + 1 if spare else 1))
    valid, tested = data.valid_windows or windows, data.test_windows if data.test_windows >= 0 else test
    return Held(valid, tested, stride, data.shortest or _shortest(horizon, context, facts))


def _folds(recipe: ForecastRecipe, kind: str, horizon: int, context: int, held: Held, facts: Facts) -> int:
    """Blocks that are foretold besides; none where that would not be quick, or not be asked."""
    own, training = recipe.calibration, recipe.training
    if own.kind == "none" and not own.blend:
        return 0
    if own.folds >= 0:
        return own.folds
    telling = held.valid * min(1.0, held.stride / horizon) * len(facts.lengths)
    trained = facts.usual - horizon - (held.valid + held.test) * held.stride
    long = trained - min(context, trained // 2) >= _BLOCKS * _BLOCK * horizon
    return _BLOCKS if long and telling < _TELLING and not training.max_time and kind != "deepar" else 0


def _shortest(horizon: int, context: int, facts: Facts) -> int:
    """Where many series do not fill a window, windows that are not full must be learned from long ones."""
    short = (np.asarray(facts.lengths) < context + 2 * horizon).mean()
    return min(context, _SOME * horizon) if short >= _MANY_SHORT else 0


def _non_negative(word: str, facts: Facts) -> bool:
    return word == "yes" or (word == "auto" and facts.least[0] >= 0)


def _network(
    recipe: ForecastRecipe, horizon: int, context: int, seasons: tuple[int, ...], facts: Facts
) -> dict[str, Any]:
    """The network's open keys."""
    own = recipe.network
    fits = [season for season in seasons if season <= context]
    repeats = facts.seasonality(fits[0], horizon) if fits else 1.0
    seasonal = repeats < 1
    usual = {
        "kind": "segment" if context >= 16 else "recurrent",
        "transform": "log" if facts.logarithmic and own.head != "negbin" else "none",
        "location": "seasons" if seasonal else "last",
        "scale": "difference" if seasonal else "step",
        "residual": "seasonal" if repeats < _CLEARLY else "both" if seasonal else "level",
    }
    found: dict[str, Any] = {
        name: value if getattr(own, name) == "auto" else getattr(own, name) for name, value in usual.items()
    }
    if found["kind"] == "deepar":
        found |= _sampling(recipe)
    _check_values(found["transform"], found.get("head", own.head), facts)
    told = {f"network.{name}": value for name, value in found.items() if name != "loss"}
    if "loss" in found:
        told["training.loss"] = found["loss"]
    return {"network.calendar": own.calendar, **told}


def _sampling(recipe: ForecastRecipe) -> dict[str, Any]:
    """What goes with a network that draws paths: a distribution, learned by its likelihood."""
    own, found = recipe.network, dict[str, Any]({"loss": "likelihood"})
    found |= {"normalise": False, "deep": False}
    if own.head == "quantile":
        found["head"] = "student"
    plain = {"transform": "none", "location": "zero", "scale": "mean_abs", "residual": "seasonal"}
    return found | {name: value for name, value in plain.items() if getattr(own, name) == "auto"}


def _check_values(transform: str, head: str, facts: Facts) -> None:
    if facts.beyond:
        value, series, at = facts.beyond
        cause = f"step {at + 1} is {value:g}, beyond 3.4e38, where single precision ends"
        raise DataError(f"series '{series}'", cause, "Give it in other units")
    low, name, step = facts.least
    where = f"series '{name}'"
    if transform == "log" and low <= 0:
        cause = f"step {step + 1} is {low:g}, and logarithms are of values above zero"
        raise DataError(where, cause, "Use --transform asinh or none")
    if head == "negbin" and low < 0:
        cause = f"step {step + 1} is {low:g}, and counts are not below zero"
        raise DataError(where, cause, "Use --head student")


def _length(recipe: ForecastRecipe, horizon: int, facts: Facts) -> dict[str, Any]:
    """How long to train where the recipe does not say."""
    training = recipe.training
    if training.steps or training.max_time:
        # The loop wants some number of passes, which then does not count.
        return {"training.epochs": training.epochs or 1.0}
    if training.epochs:
        return {}
    windows = float(np.maximum(facts.lengths - horizon, 1).sum())
    return {"training.steps": int(min(max(6 * math.sqrt(windows), 400), 1500)), "training.epochs": 1.0}


def _told(settled: ForecastRecipe, seasons: tuple[int, ...], splits: Splits) -> list[str]:
    """What was chosen, for a person."""
    data, network, training = settled.data, settled.network, settled.training
    season = f"seasons {data.season}" if seasons else "no season"
    first = f"chosen: horizon {data.horizon}, window {data.context}, {season}"
    length = f"{training.epochs:g} epoch{'s' * (training.epochs != 1)}"
    if training.steps or not training.epochs:
        length = training.max_time or counted(training.steps, "step")
    return [
        f"{first}; {_held_told(data, splits)}",
        f"chosen: {network.kind}, transform {network.transform}, location {network.location}, "
        f"scale {network.scale}, residual {network.residual}; {length}",
    ]


def _held_told(data: SeriesDataConfig, splits: Splits) -> str:
    """What is held out, as far as series are long enough for it."""
    if not len(splits.valid):
        return "nothing is held out: no series is long enough"
    most = [int(np.bincount(part.series).max(initial=0)) for part in (splits.valid, splits.test)]
    told = f"held out of each series: {most[0]} to choose by, {most[1]} to score on, {data.stride} apart"
    short = int((np.bincount(splits.valid.series, minlength=len(splits.lengths)) < most[0]).sum())
    return told + (f"; less of {short:,} short series" if short else "")
