"""Batches without end: pass after pass in an order of its own, and exactly so after a resume."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

import numpy as np

Batch = TypeVar("Batch")


class BatchWalk(ABC, Generic[Batch]):
    """An endless walk over batches; exact after `load_state_dict`.

    With several processes each step takes as many batches, one for each rank. A subclass says which batches a
    pass has; it sets what that needs before it calls this `__init__`, which plans the first one.

    Args:
        seed: of what is drawn for a batch.
        rank, size: this process among those that train together.

    Attributes:
        steps_per_epoch: steps of the first pass.
    """

    def __init__(self, *, seed: int, rank: int = 0, size: int = 1) -> None:
        self.seed, self.rank, self.size = seed, rank, size
        self._pass, self._position = 0, 0
        self._batches = self.plan(0)
        self.steps_per_epoch = max(1, len(self._batches) // size)

    @abstractmethod
    def plan(self, number: int) -> list[Batch]:
        """What goes together in a pass, in the order of training; the same whenever it is asked."""

    def take(self) -> tuple[Batch, np.random.Generator]:
        """The next batch of this rank, and what draws for it; a new pass begins by itself."""
        if self._position + self.size > len(self._batches) and self._position:
            self._pass, self._position = self._pass + 1, 0
            self._batches = self.plan(self._pass)
        place = (self._position + self.rank) % len(self._batches)
        self._position += self.size
        return self._batches[place], np.random.default_rng([self.seed, self._pass, place, 1])

    def state_dict(self) -> dict[str, Any]:
        """Pass and position in it."""
        return {"pass": self._pass, "position": self._position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        self._pass, self._position = state["pass"], state["position"]
        self._batches = self.plan(self._pass)
