"""The card of a language model: what it is, from what, how good, where it fails, how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqtools.export.made import how_made, learned
from seqtools.recipe import Recipe

_LIMITS = [
    "It continues text in the manner of its training data, mistakes and biases too; it knows no facts.",
    "It may repeat passages of its training data word for word.",
    "Characters or words that the training data lack are unknown to it.",
]


def make_card(
    recipe: Recipe,
    info: Mapping[str, Any],
    floor: Mapping[str, Any],
    *,
    parameters: int,
    tokenizer: tuple[str, int],
    profile: str,
    form: str,
) -> dict[str, Any]:
    """What is known before the file is verified.

    Args:
        info: the run's run.json.
        floor: its floor.json, or {}.
        tokenizer: kind and vocabulary size.
    """
    network = recipe.network
    kind, vocab = tokenizer
    cell = network.cell.partition(".")[0]
    return {
        "what": f"recurrent language model over {kind} tokens: {network.layers} x {network.width} {cell}",
        "task": recipe.task,
        "network": {
            "cell": network.cell,
            "layers": network.layers,
            "width": network.width,
            "parameters": parameters,
        },
        "tokenizer": {"kind": kind, "vocabulary": vocab, "one_text_a_line": recipe.data.per_line},
        **learned(recipe, info, floor),
        "limits": _LIMITS,
        "profile": profile,
        "form": form,
        "made": how_made(info),
    }
