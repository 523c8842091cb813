"""An attention map as PNG, by matplotlib (extra `plot`)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqtools.output import warn
from seqtools.plugin import missing_extra
from seqtools_translate.attention_map import columns, label

# Fonts for what DejaVu Sans, which matplotlib brings, cannot write; those that are installed are used.
_FALLBACKS = (
    "Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Devanagari", "Noto Sans Arabic",
    "Noto Sans Thai", "Lohit Devanagari", "Arial Unicode MS", "Microsoft YaHei", "Nirmala UI",
    "Hiragino Sans",
)  # fmt: skip


def render(source: Sequence[str], translation: Sequence[str], matrix: NDArray[np.float64]) -> bytes:
    """A picture of `[translation words, source words]`, as a file's bytes.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise missing_extra(error, "attention map as PNG") or error from error
    across, down = [label(word) for word in source], [label(word) for word in translation]
    cell = max(0.2, min(0.42, 11 / max(len(across), len(down))))
    margin = 0.09 * max(map(columns, down)) + 0.4, 0.07 * max(map(columns, across)) + 0.4
    figure = Figure(
        figsize=(margin[0] + cell * len(across) + 1.2, margin[1] + cell * len(down) + 0.3), dpi=150
    )
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    fonts = _fonts()
    size = 10 if cell > 0.3 else 7
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    # Slanting labels of narrow columns would lie on each other.
    slant = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if cell > 0.3 else {"rotation": 90}
    axes.set_xticks(range(len(across)), across, **slant)
    axes.set_yticks(range(len(down)), down)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set(fontfamily=fonts, fontsize=size, parse_math=False)  # a word may hold dollar signs
    axes.set_xticks(np.arange(len(across) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(down) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    if cell > 0.3:
        for row, column in np.argwhere(matrix >= 0.05):
            value = matrix[row, column]
            ink = "white" if value > 0.55 else "#222222"
            axes.text(
                column, row, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=size - 3
            )
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.03, ticks=[0, 0.5, 1], aspect=25)
    bar.ax.tick_params(labelsize=size - 2)
    bar.outline.set_visible(False)
    return _saved(figure)


def _saved(figure: object) -> bytes:
    """The file's bytes; characters that no font has are told."""
    held = io.BytesIO()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        figure.savefig(held, format="png", bbox_inches="tight", facecolor="white")  # type: ignore[attr-defined]
    if any("missing from" in str(one.message) for one in told):
        warn("No font here has all characters of the attention map; a .svg or .html shows them.")
    return held.getvalue()


def _fonts() -> list[str]:
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _FALLBACKS if name in there)]
