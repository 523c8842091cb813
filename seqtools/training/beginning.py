"""How every task begins a run: in a fresh folder, or where an agreeing run was begun before."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Collection
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

import seqtools
from seqtools import config
from seqtools.errors import ConfigError, SeqtoolsError, UsageError
from seqtools.training.run_folder import RunFolder


def check_fresh(run: RunFolder, leftovers: Collection[str]) -> None:
    """Refuse a folder with anything in it that a killed start did not leave there.

    Args:
        leftovers: names of the files that preparing writes, into data/ or beside it.
    """
    if run.path.exists() and (not run.path.is_dir() or any(_foreign(run.path, leftovers))):
        raise UsageError(str(run.path), "it exists and is not a run folder", "Choose another -o")


def _foreign(folder: Path, leftovers: Collection[str]) -> list[Path]:
    # A killed start leaves these behind but no recipe; it is begun afresh.
    data = folder / "data"
    found = [*folder.iterdir(), *(data.iterdir() if data.is_dir() else ())]
    return [path for path in found if not (path == data or path.name in leftovers or ".tmp" in path.name)]


def agree(run: RunFolder, recipe: Any, parent: Path | None, same_data: Callable[[], bool]) -> None:
    """Refuse to mix a folder's old run with a new one.

    Args:
        recipe, parent: of the new one.
        same_data: whether it would read what the old one was begun with; asked last, as it reads the files.
    """
    old, origin = run.recipe(), run.info().get("parent", "")
    if recipe == old:
        if origin != (str(parent.resolve()) if parent else ""):
            cause = f"its run was begun --from {origin}" if origin else "its run was begun without --from"
            raise ConfigError(str(run.path), cause, "Choose another -o, or go on with it: --resume")
        if not same_data():
            raise ConfigError(
                str(run.path), "its run was begun with other texts", "Choose another -o, or the same files"
            )
        return
    before, now = config.settings(old), config.settings(recipe)
    changed = ", ".join(f"{path} was {before.get(path)!r}" for path in now if before.get(path) != now[path])
    raise ConfigError(
        str(run.path),
        f"it holds a run with another recipe ({changed})",
        "Choose another -o, or go on with the old recipe: --resume",
    )


def attempt(prepare: Callable[[], None]) -> SeqtoolsError | None:
    """What preparing failed with, so that every process hears of it and not only the one that prepares."""
    try:
        prepare()
    except SeqtoolsError as error:
        return error
    return None


def clear(run: RunFolder, leftovers: Collection[str]) -> None:
    """Take away what preparing made in a folder that did not become a run, and nothing else."""
    data = run.path / "data"
    for folder in (data, run.path):
        for name in leftovers:
            (folder / name).unlink(missing_ok=True)
    for folder in (data, run.path):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def record(run: RunFolder, recipe: Any, parameters: int) -> None:
    """Note in run.json by which command, with which versions, the run is trained."""
    info: dict[str, Any] = run.info()
    info |= {
        "task": recipe.task,
        "command": shlex.join(["seqtools", *sys.argv[1:]]),
        "seed": recipe.training.seed,
        "parameters": parameters,
        "versions": {
            "seqtools": seqtools.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onnx": version("onnx"),
            "onnxruntime": version("onnxruntime"),
        },
    }
    run.write_json("run.json", info)
