"""Explanations into one picture, a .html page or a .svg."""

from __future__ import annotations

import importlib
from pathlib import Path

from seqtools.errors import UsageError
from seqtools.explaining.explanation import Explanation
from seqtools.output import note
from seqtools.pictures.files import write_picture
from seqtools.wording import counted

PICTURES = (".html", ".svg")
MOST_DRAWN = 200
"""Explanations in one picture."""


class Drawing:
    """A picture that is written when all explanations are there.

    Args:
        target: the file.
    """

    def __init__(self, target: str) -> None:
        self._path, self._drawn, self._given = Path(target), list[Explanation](), 0

    def add(self, *explanations: Explanation) -> None:
        """Draw these, too, as far as there is room."""
        self._given += len(explanations)
        self._drawn += explanations[: MOST_DRAWN - len(self._drawn)]

    def write(self, noun: str = "text") -> None:
        """Write the file; say if not all are in it.

        Args:
            noun: what is explained.
        """
        face = importlib.import_module(f"seqtools.explaining.{self._path.suffix.lower().lstrip('.')}")
        write_picture(self._path, face.render(self._drawn))
        if self._given > len(self._drawn):
            note(f"{self._path} shows the first {len(self._drawn)} of {counted(self._given, noun)}")


def check_options(target: str | None, method: str | None, *, explains: bool) -> None:
    """Complain about what is asked for, before anything heavy is imported.

    Args:
        target: of `--explain-to`.
        method: of `--explain-by`.
        explains: whether anything is explained.

    Raises:
        UsageError: the method has nothing to explain, the picture another ending, or its folder is not there.
    """
    if method is not None and not explains:
        cure = "Add --explain or --explain-to FILE"
        raise UsageError("explain-by", "it says how to explain, and nothing is explained", cure)
    if target is None:
        return
    path = Path(target)
    if path.suffix.lower() not in PICTURES:
        cause = f"'{path}' is no kind of picture that is known"
        raise UsageError("explain-to", cause, "End the name with .html or .svg")
    if not path.parent.is_dir():
        raise UsageError(str(path), "its folder does not exist", "Make it first")
