"""What the card of every file tells: what its run learned from and reached, by which commands it was made."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import seqtools


def learned(recipe: Any, info: Mapping[str, Any], floor: Mapping[str, Any]) -> dict[str, Any]:
    """Data, licence and figures of a run, for the card.

    Args:
        recipe: the run's.
        info: its run.json.
        floor: its floor.json, or {}.
    """
    return {
        "data": info.get("data", {}),
        "licence": recipe.data.licence or "not stated; that of the training data applies",
        "metrics": {"validation": info.get("best", {}), "floor": dict(floor)},
    }


def how_made(info: Mapping[str, Any]) -> dict[str, Any]:
    """Command, seed and versions of the training, then those of the export.

    Args:
        info: the run's run.json.
    """
    made = {key: info[key] for key in ("command", "seed", "versions") if key in info}
    if "command" in made:
        made["command"] = without_folders(made["command"])
    return {**made, "export": without_folders(shlex.join(["seqtools", *sys.argv[1:]])), "with": _versions()}


def without_folders(command: str) -> str:
    """A command with absolute paths cut to their last part: a file that is passed on names nobody's home."""
    parts = shlex.split(command)
    return shlex.join(Path(part).name if Path(part).is_absolute() else part for part in parts)


def _versions() -> dict[str, str]:
    found = {name: version(name) for name in ("torch", "onnx", "spox", "onnxruntime")}
    return {"seqtools": seqtools.__version__, **found}
