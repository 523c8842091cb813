"""Repeatable uniforms from (seed, sample, position): the same text on every host, in any batch or chunk.

Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011),
a counter-based generator: a block of random bits is a function of a counter and a key, with no state between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Words = NDArray[np.uint32]

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_ROUNDS = 10
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)

LARGEST_SEED = 2**64 - 1
"""Seeds are 64 bits wide, from 0."""


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[int, int]) -> tuple[Words, ...]:
    """Four random words for each counter (Salmon et al. 2011, section 3.3).

    Args:
        counter: four uint32 arrays of one shape, the lowest word first.
        key: two 32-bit numbers.
    """
    a, b, c, d = counter
    for turn in range(_ROUNDS):
        first = a.astype(np.uint64) * _MULTIPLIERS[0]
        second = c.astype(np.uint64) * _MULTIPLIERS[1]
        keys = [np.uint32((word + turn * weyl) & 0xFFFFFFFF) for word, weyl in zip(key, _WEYL, strict=True)]
        a, b, c, d = (
            _high(second) ^ b ^ keys[0],
            _low(second),
            _high(first) ^ d ^ keys[1],
            _low(first),
        )
    return a, b, c, d


def uniforms(seed: int, samples: ArrayLike, position: int, steps: int) -> NDArray[np.float32]:
    """Noise for the tokens `position` to `position + steps - 1` of some samples, `[steps, batch]` in [0, 1).

    Args:
        seed: 0 to 2^64 - 1; the key, low word first.
        samples: number of each sample, `[batch]`; the counter's upper half.
        position: index of the first token to draw, counted in generated tokens; the counter's lower half.
        steps: tokens to draw.
    """
    places = np.arange(position, position + steps, dtype=np.uint64)[:, None]
    rows = np.asarray(samples, np.uint64)[None, :]
    places, rows = np.broadcast_arrays(places, rows)
    words = philox((_low(places), _high(places), _low(rows), _high(rows)), (seed & 0xFFFFFFFF, seed >> 32))
    return (words[0] >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def _low(value: NDArray[np.uint64]) -> Words:
    return (value & _LOW).astype(np.uint32)


def _high(value: NDArray[np.uint64]) -> Words:
    return (value >> _HALF).astype(np.uint32)
