"""Models that come with a task plugin."""

from __future__ import annotations

from pathlib import Path

from seqtools.errors import ModelFileError
from seqtools.plugin import TaskSpec


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
