"""The card of a forecaster: what it is, from what, how good, where it fails, how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqtools.export.made import how_made, learned
from seqtools.forecaster import ForecasterConfig
from seqtools_forecast.about import About
from seqtools_forecast.calibration import Calibration
from seqtools_forecast.experts import spoken
from seqtools_forecast.recipe import ForecastRecipe

_LIMITS = [
    "It goes on as series of its training went on: a change that never happened there is not foreseen.",
    "Intervals are calibrated on windows left out of training; after a change of regime they are too narrow.",
    "It reads the last {context} steps; what lies before them has no say.",
]
_TOLD = (
    "kind", "cell", "layers", "width", "segment", "head", "location", "scale", "transform", "residual",
    "members",
)  # fmt: skip
_DRAWN = "Beyond the horizon of its training it goes on step by step, less and less surely."


def make_card(
    recipe: ForecastRecipe,
    info: Mapping[str, Any],
    floor: Mapping[str, Any],
    *,
    about: About,
    calibration: Calibration,
    parameters: int,
    profile: str,
) -> dict[str, Any]:
    """What is known before the file is verified.

    Args:
        recipe: with every choice made.
        info: the run's run.json.
        floor: its floor.json, or {}.
    """
    shape, network = about.shape, recipe.network
    limits = [line.format(context=shape.context) for line in _LIMITS]
    return {
        "what": f"forecaster: {_described(network)}{_beside(calibration)}",
        "task": recipe.task,
        "frequency": about.frequency.name,
        "seasons": list(shape.seasons),
        "horizon": shape.horizon,
        "context": shape.context,
        "levels": list(shape.levels),
        "targets": list(about.targets),
        "covariates": {"past": list(about.past), "future": list(about.future), "static": _static(about)},
        "network": {"parameters": parameters, **_network(network)},
        **learned(recipe, info, floor),
        "calibration": {
            "coverage": dict(calibration.coverage),
            "windows": calibration.figures.get("windows", 0),
            "restlessness": calibration.restlessness.exponent,
            "network_weight": calibration.weight if calibration.expert else 1.0,
            "expert": calibration.expert,
        },
        "limits": [*limits, *([_DRAWN] if network.kind == "deepar" else [])],
        "profile": profile,
        "form": "array",
        "made": how_made(info),
    }


def _described(network: ForecasterConfig) -> str:
    many = f"{network.members} networks, " if network.members > 1 else ""
    cell = network.cell.partition(".")[0]
    return f"{many}{network.kind}, {cell} {network.layers} x {network.width}, {network.head} head"


def _beside(calibration: Calibration) -> str:
    if not calibration.expert or calibration.weight == 1:
        return ""
    if not calibration.weight:
        return f"; it fell back on '{spoken(calibration.expert)}', which won on validation windows"
    return f", blended with '{spoken(calibration.expert)}'"


def _static(about: About) -> list[str]:
    return [*about.numbers, *about.categories]


def _network(network: ForecasterConfig) -> dict[str, Any]:
    return {name: getattr(network, name) for name in _TOLD}
