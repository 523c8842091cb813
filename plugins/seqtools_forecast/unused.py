"""Which keys of a recipe only some kinds of networks read, and what to say where another kind is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from seqtools import config
from seqtools.forecaster import KINDS
from seqtools_forecast.recipe import ForecastRecipe

_AT_ONCE = tuple(kind for kind in KINDS if kind not in ("auto", "deepar"))
"""Kinds that tell all steps at once; deepar learns the likelihood of one after the other."""

USED_BY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "network.segment": ("segment", "smoothing"),
        "network.dilations": ("recurrent", "smoothing"),
        "network.attention": ("seq2seq",),
        "network.lags": ("deepar",),
        "network.samples": ("deepar",),
        "training.mean_weight": _AT_ONCE,
        "training.mean_error": _AT_ONCE,
        "training.weights": _AT_ONCE,
        "training.wiggle": ("smoothing",),
    }
)
"""Kinds that read each of these keys; all kinds read the others, or refuse them."""


def unused(recipe: ForecastRecipe) -> Iterator[str]:
    """A line for a person if a recipe, its kind settled, sets what networks of that kind do not read."""
    said, known, kind = config.settings(recipe), config.keys(ForecastRecipe), recipe.network.kind
    idle = [
        path for path, kinds in USED_BY.items() if kind not in kinds and said[path] != known[path].default
    ]
    if idle:
        told = "; ".join(f"{path} is for {_listed(USED_BY[path])}" for path in idle)
        yield f"without effect on networks of kind {kind}: {told}"


def _listed(kinds: tuple[str, ...]) -> str:
    *first, last = kinds
    return f"{', '.join(first)} and {last}" if first else last
