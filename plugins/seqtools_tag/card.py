"""The card of a tagger: what it is, from what, how good, where it fails, how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from seqtools.export.made import how_made, learned
from seqtools.recipe import TaggerConfig
from seqtools_tag.cutting import Cutter
from seqtools_tag.labels import LabelSet
from seqtools_tag.recipe import TagRecipe

_LIMITS = [
    "It labels words in the manner of its training sentences, their mistakes included; other kinds of text "
    "come out worse.",
    "A text is cut into words as the training sentences are cut; another treebank cuts otherwise.",
    "A probability is of one word's label, whatever the others are; calibrated on validation sentences.",
]


def make_card(
    recipe: TagRecipe,
    info: Mapping[str, Any],
    floor: Mapping[str, Any],
    *,
    labels: LabelSet,
    cutter: Cutter,
    parameters: int,
    vocabulary: int,
    profile: str,
    calibration: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """What is known before the file is verified.

    Args:
        info: the run's run.json.
        floor: its floor.json, or {}.
        vocabulary: number of words.
        calibration: the run's calibration.json, or {}.
    """
    return {
        "what": f"tagger: {_described(recipe.network)}",
        "task": recipe.task,
        "labels": list(dict.fromkeys(labels.shown)),
        "scheme": labels.scheme,
        "spans": list(labels.types),
        "network": {"parameters": parameters, **_network(recipe.network)},
        "tokenizer": {"kind": recipe.tokenizer.kind, "vocabulary": vocabulary},
        "cutting": {
            "endings": list(cutter.endings),
            "elisions": list(cutter.elisions),
            "abbreviations": len(cutter.abbreviations),
            "hyphens": cutter.hyphens,
        },
        **learned(recipe, info, floor),
        "calibration": dict(calibration),
        "limits": _LIMITS,
        "profile": profile,
        "form": "text",
        "made": how_made(info),
    }


def _described(network: TaggerConfig) -> str:
    way = "bidirectional " if network.bidirectional else ""
    cell = network.cell.partition(".")[0]
    spelling = "" if network.characters == "none" else f", spelling by {network.characters}"
    end = ", CRF" if network.crf else ""
    return f"{way}{cell} {network.layers} x {network.width}{spelling}{end}"


def _network(network: TaggerConfig) -> dict[str, Any]:
    names = (
        "cell", "layers", "width", "bidirectional", "embedding", "characters", "character_embedding",
        "character_width", "character_kernel", "shape", "crf",
    )  # fmt: skip
    return {name: getattr(network, name) for name in names}
