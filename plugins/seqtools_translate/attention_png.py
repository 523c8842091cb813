"""An attention map as PNG, by matplotlib (extra `plot`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqtools.pictures.png import fonts, new_figure, saved
from seqtools.pictures.wording import columns, label

_WHAT = "attention map"


def render(source: Sequence[str], translation: Sequence[str], matrix: NDArray[np.float64]) -> bytes:
    """A picture of `[translation words, source words]`, as a file's bytes.

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    across, down = [label(word) for word in source], [label(word) for word in translation]
    cell = max(0.2, min(0.42, 11 / max(len(across), len(down))))
    margin = 0.09 * max(map(columns, down)) + 0.4, 0.07 * max(map(columns, across)) + 0.4
    figure = new_figure(_WHAT, margin[0] + cell * len(across) + 1.2, margin[1] + cell * len(down) + 0.3)
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    families = fonts()
    size = 10 if cell > 0.3 else 7
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    # Slanting labels of narrow columns would lie on each other.
    slant = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if cell > 0.3 else {"rotation": 90}
    axes.set_xticks(range(len(across)), across, **slant)
    axes.set_yticks(range(len(down)), down)
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        text.set(fontfamily=families, fontsize=size, parse_math=False)  # a word may hold dollar signs
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
    return saved(figure, _WHAT)
