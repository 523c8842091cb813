"""How every task begins a run: in a fresh folder, or where an agreeing run was begun before."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch

import seqtools
from seqtools import config
from seqtools.errors import ConfigError, SeqtoolsError, UsageError
from seqtools.training.run_folder import RunFolder
from seqtools.training.world import World

R = TypeVar("R")


def resumed(run: RunFolder, kind: type[R]) -> R:
    """The recipe of the run that a folder holds, to go on with it.

    Args:
        kind: recipes of the task that goes on.

    Raises:
        UsageError: there is no run, or it is one of another task.
    """
    if not run.exists:
        raise UsageError(str(run.path), "there is no run to resume", "Start one without --resume")
    recipe = run.recipe()
    if not isinstance(recipe, kind):
        cause = f"its run is one of '{recipe.task}'"
        raise UsageError(str(run.path), cause, f"Use: seqtools train {recipe.task} --resume")
    return recipe


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


@contextmanager
def prepared(
    run: RunFolder, device: str, prepare: Callable[[], None], undo: Callable[[], None]
) -> Iterator[World]:
    """The processes that train together, from the moment that the folder is filled until they are done.

    Args:
        device: where they train, as recipes name it.
        prepare: fills a folder that is no run yet; the process that leads calls it, the others wait.
        undo: takes that away again where the folder did not become a run; folders that were not there before
            and are empty then go, too.

    Raises:
        SeqtoolsError: what preparing failed with, in every process and not only the one that prepares.
    """
    world = World.start(device)
    with tidied(run.path):
        try:
            failure = attempt(prepare) if world.leads and not run.exists else None
            failure = world.tell(failure)
            if failure:
                raise failure
            yield world
        finally:
            world.close()
            if world.leads and not run.exists:
                undo()


@contextmanager
def tidied(path: Path) -> Iterator[None]:
    """Take away folders on the way down to a path that were not there at the beginning and end up empty."""
    fresh = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        yield
    finally:
        for folder in fresh:
            with suppress(OSError):  # it is not empty, was never made, or another process has taken it away
                folder.rmdir()


def clear(run: RunFolder, leftovers: Collection[str]) -> None:
    """Take away what preparing made in a folder that did not become a run, and nothing else."""
    data = run.path / "data"
    for folder in (data, run.path):
        for name in leftovers:
            (folder / name).unlink(missing_ok=True)
    if data.is_dir() and not any(data.iterdir()):
        data.rmdir()


def record(run: RunFolder, recipe: Any, parameters: int) -> None:
    """Note in run.json by which command, with which versions, a run is trained.

    To be called when all is well: the recipe, which makes a folder a run, is written last.
    """
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
    if not run.exists:
        run.write_recipe(recipe)
