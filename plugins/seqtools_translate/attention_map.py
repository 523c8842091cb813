"""Attention as a picture: which source words each word of a translation looks at."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools.errors import DataError, UsageError
from seqtools.pictures.files import write_picture

Matrix = NDArray[np.floating[Any]]

KINDS = ("svg", "html", "png", "ansi")


def write(target: str | Path, source: Sequence[str], translation: Sequence[str], matrix: Matrix) -> None:
    """Draw a map into a file, or on the terminal (stderr, as stdout is for translations).

    Args:
        target: a file whose ending is .svg, .html or .png; or `ansi`.
        source, translation: the words of both sides.
        matrix: `[translation words, source words]`, 0 to 1.

    Raises:
        UsageError: another ending, or a folder that is not there.
        DataError: there are no words, or the matrix is not of that shape.
        MissingDependencyError: a .png without matplotlib (extra `plot`).
    """
    weights = checked(source, translation, matrix)
    path = Path(target)
    kind = str(target) if str(target) == "ansi" else path.suffix.lower().lstrip(".")
    if kind not in KINDS:
        cause = f"'{target}' is no kind of map that is known"
        raise UsageError("attention map", cause, "End the name with .svg, .html or .png, or say: ansi")
    if kind != "ansi" and not path.parent.is_dir():
        raise UsageError(str(path), "its folder does not exist", "Make it first")
    face = importlib.import_module(f"seqtools_translate.attention_{kind}")
    if kind == "ansi":
        face.show(source, translation, weights)
        return
    data: bytes = face.render(source, translation, weights)
    write_picture(path, data)


def checked(source: Sequence[str], translation: Sequence[str], matrix: Matrix) -> NDArray[np.float64]:
    """The matrix as numbers from 0 to 1.

    Raises:
        DataError: there are no words, or it is not `[translation words, source words]`.
    """
    if not source or not translation:
        raise DataError("attention map", "there are no words to draw", "Translate a sentence that has some")
    if np.shape(matrix) != (len(translation), len(source)):
        cause = f"its matrix is {np.shape(matrix)}, not {(len(translation), len(source))}"
        raise DataError("attention map", cause, "Give rows for the translation, columns for the source")
    return np.clip(np.nan_to_num(np.asarray(matrix, np.float64)), 0, 1)
