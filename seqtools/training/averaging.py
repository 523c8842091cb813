"""Exponential moving average of the weights (Polyak & Juditsky 1992), evaluated and kept instead of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """average <- average + (1 - d) (weights - average), with d = min(decay, (1 + n) / (10 + n)).

    The small decay of the first updates n forgets the random start, so that the average is useful from
    the first evaluation on. A decay of 0 keeps no average at all: `swapped` then leaves the weights alone.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        # Parameters, not their storages: cuDNN may move those into one flat buffer later on.
        self._weights: list[Tensor] = list(network.parameters())
        self._names = [name for name, _ in network.named_parameters()]
        self._average = [w.detach().clone() for w in self._weights] if decay else []
        self._updates = 0

    def update(self) -> None:
        """Take in the weights after an optimiser step."""
        if not self._average:
            return
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        with torch.no_grad():
            torch._foreach_lerp_(self._average, self._weights, 1.0 - decay)
        self._updates += 1

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """The network holds the average inside, its own weights again afterwards.

        Values are copied, never storages swapped: cuDNN wants the weights where they are.
        """
        if not self._average:
            yield
            return
        kept = [w.detach().clone() for w in self._weights]
        with torch.no_grad():
            torch._foreach_copy_(self._weights, self._average)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self._weights, kept)

    def state_dict(self) -> dict[str, Any]:
        """The average by parameter name and the number of updates."""
        return {"updates": self._updates, "weights": dict(zip(self._names, self._average, strict=False))}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`; where no average was kept before, it starts from the present weights."""
        if self._average:
            weights = state["weights"]
            kept: list[Tensor] = [weights[name] for name in self._names] if weights else self._weights
            with torch.no_grad():
                torch._foreach_copy_(self._average, kept)
        self._updates = state["updates"]
