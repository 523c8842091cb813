"""The card of a classifier: what it is, from what, how good, where it fails, how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqtools.export.made import how_made, learned
from seqtools.recipe import ClassifierConfig
from seqtools_sentiment.calibration import Calibration
from seqtools_sentiment.examples import Labels
from seqtools_sentiment.recipe import SentimentRecipe

_LIMITS = [
    "It knows its own classes only: a text of another kind gets one of them all the same.",
    "It judges in the manner of its training texts, mistakes and biases too; irony is often missed.",
    "Probabilities are calibrated on validation texts; on other kinds of text they are not to be trusted.",
]


def make_card(
    recipe: SentimentRecipe,
    info: Mapping[str, Any],
    floor: Mapping[str, Any],
    *,
    labels: Labels,
    calibration: Mapping[str, Any],
    parameters: int,
    tokenizer: tuple[str, int],
    profile: str,
    form: str,
) -> dict[str, Any]:
    """What is known before the file is verified.

    Args:
        info: the run's run.json.
        floor: its floor.json, or {}.
        calibration: its calibration.json, or {}.
        tokenizer: kind and vocabulary size.
    """
    kind, size = tokenizer
    blended = bool(Calibration.from_payload(calibration).linear_weight)
    return {
        "what": f"text classifier: {_described(recipe.network)}{_LINEAR if blended else ''}",
        "task": recipe.task,
        "labels": list(labels.names),
        "objective": labels.objective,
        "network": {"parameters": parameters, **_network(recipe.network)},
        "tokenizer": {"kind": kind, "vocabulary": size},
        "reads": {"tokens": recipe.data.max_length},
        **learned(recipe, info, floor),
        "calibration": dict(calibration),
        "limits": _LIMITS,
        "profile": profile,
        "form": form,
        "made": how_made(info),
    }


_LINEAR = ", with a linear model beside it"


def _described(network: ClassifierConfig) -> str:
    way = "bidirectional " if network.bidirectional else ""
    cell = network.cell.partition(".")[0]
    return f"{way}{cell} {network.layers} x {network.width}, {network.pooling} pooling"


def _network(network: ClassifierConfig) -> dict[str, Any]:
    names = ("cell", "layers", "width", "bidirectional", "embedding", "pooling", "head")
    return {name: getattr(network, name) for name in names}
