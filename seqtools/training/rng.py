"""The global random generators of torch, numpy and Python: seeded, kept in checkpoints, shielded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def seed_all(seed: int, rank: int = 0) -> None:
    """Seed every global generator; call it before building a network (with rank 0 on every rank).

    Ranks other than 0 get streams of their own, so that their dropout masks differ.
    """
    mixed = (seed + 0x9E3779B97F4A7C15 * rank) % 2**63
    torch.manual_seed(mixed)
    np.random.seed(mixed % 2**32)
    random.seed(mixed)


def generator_states() -> dict[str, Any]:
    """The states of all global generators, for a checkpoint."""
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "python": [version, torch.tensor(words), gauss],
        "numpy": [kind, torch.from_numpy(np.asarray(keys, np.int64)), position, has_gauss, cached],
    }


def set_generator_states(states: dict[str, Any]) -> None:
    """Put all global generators back."""
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
    version, words, gauss = states["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    kind, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, cached))


@contextmanager
def shielded() -> Iterator[None]:
    """Whatever is drawn inside leaves no trace: training does not depend on how often it is evaluated."""
    states = generator_states()
    try:
        yield
    finally:
        set_generator_states(states)
