"""The card of a language model: what it is, from what, how good, where it fails, how it was made."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import seqtools
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
    made = {key: info[key] for key in ("command", "seed", "versions") if key in info}
    if "command" in made:
        made["command"] = without_folders(made["command"])
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
        "data": info.get("data", {}),
        "licence": recipe.data.licence or "not stated; that of the training data applies",
        "metrics": {"validation": info.get("best", {}), "floor": dict(floor)},
        "limits": _LIMITS,
        "profile": profile,
        "form": form,
        "made": {**made, "export": _export_command(), "with": _versions()},
    }


def _export_command() -> str:
    return without_folders(shlex.join(["seqtools", *sys.argv[1:]]))


def without_folders(command: str) -> str:
    """A command with absolute paths cut to their last part: a file that is passed on names nobody's home."""
    parts = shlex.split(command)
    return shlex.join(Path(part).name if Path(part).is_absolute() else part for part in parts)


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("torch", "onnx", "spox", "onnxruntime")}
    return {"seqtools": seqtools.__version__, **found}
