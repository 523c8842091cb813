"""The noise behind sample paths: repeatable from seed, series, sample and step, on every host."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

_PARTS = 2
_SMALLEST = np.float32(2**-25)


def noise(seed: int, rows: IntArray, samples: int, steps: int, targets: int = 1) -> NDArray[np.float32]:
    """Uniforms within (0, 1), `[rows, samples, steps, 2 * targets]`.

    A path depends on its number, its series' number and the seed alone: more samples or more steps change
    none of those that were there before.

    Args:
        seed: 0 to 2^64 - 1.
        rows: number of each series, `[rows]`.
        samples: paths of each.
        steps: of each path.
        targets: told at once; each has noise of its own.
    """
    from seqtools.runtime.noise import uniforms

    paths = (rows[:, None] << 32) + np.arange(samples)[None]
    drawn = uniforms(seed, paths.reshape(-1), 0, steps * _PARTS * targets)
    shaped = drawn.T.reshape(len(rows), samples, steps, _PARTS * targets)
    # The middle of each of 2^24 cells: neither 0 nor 1.
    return np.ascontiguousarray(shaped + _SMALLEST)
