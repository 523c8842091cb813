"""What matplotlib (extra `plot`) needs of every picture: fonts for all scripts, the file's bytes."""

from __future__ import annotations

import io
import warnings
from typing import Any

from seqtools.output import warn
from seqtools.plugin import missing_extra

# Fonts for what DejaVu Sans, which matplotlib brings, cannot write; those that are installed are used.
_FALLBACKS = (
    "Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Devanagari", "Noto Sans Arabic",
    "Noto Sans Thai", "Lohit Devanagari", "Arial Unicode MS", "Microsoft YaHei", "Nirmala UI",
    "Hiragino Sans",
)  # fmt: skip


def new_figure(what: str, width: float, height: float) -> Any:
    """An empty matplotlib figure.

    Args:
        what: is drawn, for the error.
        width, height: in inches.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise missing_extra(error, f"{what} as PNG") or error from error
    return Figure(figsize=(width, height), dpi=150)


def saved(figure: Any, what: str) -> bytes:
    """The file's bytes; characters that no font has are told."""
    held = io.BytesIO()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        figure.savefig(held, format="png", bbox_inches="tight", facecolor="white")
    if any("missing from" in str(one.message) for one in told):
        warn(f"No font here has all characters of the {what}; a .svg or .html shows them.")
    return held.getvalue()


def fonts() -> list[str]:
    """Font families to write any text with, as far as they are installed."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FALLBACKS if name in there)]
