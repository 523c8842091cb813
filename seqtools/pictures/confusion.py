"""A confusion matrix as a picture: which labels are taken for which."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import UsageError
from seqtools.pictures.files import write_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

KINDS = ("svg", "png")


def check_target(target: str) -> None:
    """Complain before anything is computed.

    Raises:
        UsageError: another ending, or a folder that is not there.
    """
    path = Path(target)
    if path.suffix.lower().lstrip(".") not in KINDS:
        cause = f"'{target}' is no kind of picture that is known"
        raise UsageError("confusion", cause, "End the name with .svg or .png")
    if not path.parent.is_dir():
        raise UsageError(str(path), "its folder does not exist", "Make it first")


def write(target: str, names: Sequence[str], counts: IntArray, noun: str = "texts") -> None:
    """Draw a confusion matrix into a file.

    Args:
        target: the file.
        names: of the labels.
        counts: by right and said label, `[labels, labels]`.
        noun: what is counted.

    Raises:
        MissingDependencyError: a .png without matplotlib (extra `plot`).
    """
    path = Path(target)
    face = importlib.import_module(f"seqtools.pictures.confusion_{path.suffix.lower().lstrip('.')}")
    write_picture(path, face.render(names, counts, noun))


def shares(counts: IntArray) -> NDArray[np.float64]:
    """Of what has each label, the share that got each one; 0 where there is nothing."""
    part: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return part
