"""The model that a command is to use: the one that is named, or the one that came with the task."""

from __future__ import annotations

import os
from pathlib import Path

from seqtools.errors import ModelFileError
from seqtools.model_file import ModelFile
from seqtools.plugin import TaskSpec


def open_model(task: str, path: str | os.PathLike[str] | None = None) -> ModelFile:
    """The model file that is named, else the one that the task ships.

    Raises:
        ModelFileError: it is not usable, or one of another task; or the task ships none.
    """
    from seqtools import loader

    return ModelFile.open(Path(path) if path else bundled_model(loader.task(task)), expect_task=task)


def bundled_model(task: TaskSpec) -> Path:
    """Path of the model that a task ships.

    Raises:
        ModelFileError: the task ships none, or its file is not installed.
    """
    from importlib.resources import files

    package, _, inside = task.bundled.partition(":")
    if not inside:
        raise ModelFileError(f"task '{task.name}'", "it ships no model", "Name a model file with -m MODEL")
    path = Path(str(files(package).joinpath(inside)))
    if not path.is_file():
        cure = "Reinstall seqtools-suite, or name a model file with -m MODEL"
        raise ModelFileError(str(path), "the bundled model is missing", cure)
    return path
