"""A confusion matrix as a picture: which classes are taken for which."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import UsageError
from seqtools.pictures.files import write_picture
from seqtools_sentiment.examples import Labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

KINDS = ("svg", "png")


def check_target(target: str, labels: Labels) -> None:
    """Complain before anything is computed.

    Raises:
        UsageError: another ending, a folder that is not there, or labels that do not exclude each other.
    """
    path = Path(target)
    if path.suffix.lower().lstrip(".") not in KINDS:
        cause = f"'{target}' is no kind of picture that is known"
        raise UsageError("confusion", cause, "End the name with .svg or .png")
    if not path.parent.is_dir():
        raise UsageError(str(path), "its folder does not exist", "Make it first")
    if labels.objective == "sigmoid":
        cause = "the labels of this model do not exclude each other, so that none is taken for another"
        raise UsageError("confusion", cause, "Drop it; the table tells each label's figures")


def write(target: str, names: Sequence[str], counts: IntArray) -> None:
    """Draw texts by right and answered class, `[classes, classes]`, into a file.

    Raises:
        MissingDependencyError: a .png without matplotlib (extra `plot`).
    """
    path = Path(target)
    face = importlib.import_module(f"seqtools_sentiment.confusion_{path.suffix.lower().lstrip('.')}")
    write_picture(path, face.render(names, counts))


def shares(counts: IntArray) -> NDArray[np.float64]:
    """Of the texts of each class, the share that got each label; 0 where there are none."""
    part: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return part
