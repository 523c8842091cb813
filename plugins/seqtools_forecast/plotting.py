"""Pictures of forecasts, by the ending of the file's name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from seqtools.pictures.files import write_picture
from seqtools_forecast.drawing import Panel

TERMINAL = "term"


def plot(target: str, panels: Sequence[Panel]) -> None:
    """Draw panels below each other into a .png, .svg or .html, or on the terminal (`term`, on stderr).

    Raises:
        MissingDependencyError: a .png without matplotlib (extra `plot`).
    """
    if target == TERMINAL:
        from seqtools_forecast.plot_terminal import render

        sys.stderr.write(render(panels))
        sys.stderr.flush()
        return
    path = Path(target)
    face = importlib.import_module(f"seqtools_forecast.plot_{path.suffix.lower().lstrip('.')}")
    write_picture(path, face.render(panels))
