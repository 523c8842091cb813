"""The card of a translator: what it is, from what, how good, where it fails, how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqtools.export.made import how_made, learned
from seqtools.recipe import Seq2SeqConfig
from seqtools_translate.recipe import TranslateRecipe

BEAM = 5
DECODING = {"beam_size": BEAM, "length_penalty": "power", "alpha": 1.0, "max_length_ratio": 2.0}
"""How the file translates unless told otherwise; names as in `seqtools_translate.settings`."""

_LIMITS = [
    "It translates sentence by sentence, in the manner of its training pairs, mistakes and biases too.",
    "Names, numbers and words that the training pairs lack may be dropped or replaced by others.",
    "Far longer or other kinds of text than it was trained on come out worse; check before you rely on it.",
]


def make_card(
    recipe: TranslateRecipe,
    info: Mapping[str, Any],
    floor: Mapping[str, Any],
    *,
    parameters: int,
    tokenizers: Mapping[str, tuple[str, int]],
    profile: str,
    form: str,
) -> dict[str, Any]:
    """What is known before the file is verified.

    Args:
        info: the run's run.json.
        floor: its floor.json, or {}.
        tokenizers: side ("joint", or "source" and "target") -> kind and vocabulary size.
    """
    return {
        "what": f"translator: {_described(recipe.network)}",
        "task": recipe.task,
        "network": {"parameters": parameters, **_network(recipe.network)},
        "tokenizer": {side: {"kind": kind, "vocabulary": size} for side, (kind, size) in tokenizers.items()},
        "languages": _languages(recipe),
        "decoding": dict(DECODING),
        **learned(recipe, info, floor),
        "limits": _LIMITS,
        "profile": profile,
        "form": form,
        "made": how_made(info),
    }


def _languages(recipe: TranslateRecipe) -> dict[str, str]:
    """The codes that were told."""
    told = {"source": recipe.data.source_language, "target": recipe.data.target_language}
    return {side: code for side, code in told.items() if code}


def _described(network: Seq2SeqConfig) -> str:
    cell = (network.decoder_cell or network.cell).partition(".")[0]
    reader = network.cell.partition(".")[0] if network.encoder == "recurrent" else network.encoder
    way = "bidirectional " if network.bidirectional and network.encoder == "recurrent" else ""
    attention = "no" if network.attention == "none" else network.attention.replace("_", " ")
    return (
        f"{way}{reader} encoder {network.encoder_layers} x {network.encoder_width}, {cell} decoder "
        f"{network.layers} x {network.width}, {attention} attention"
    )


def _network(network: Seq2SeqConfig) -> dict[str, Any]:
    names = (
        "encoder", "cell", "decoder_cell", "encoder_layers", "encoder_width", "bidirectional", "layers",
        "width", "embedding", "attention", "attend", "input_feeding", "coverage",
    )  # fmt: skip
    return {name: getattr(network, name) for name in names}
