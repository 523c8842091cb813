"""Figures of the steps since the last log line, read from the device all at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from seqtools.training.world import World


@dataclass(frozen=True)
class Reading:
    """What the steps since the last reading amount to, over all processes.

    Attributes:
        loss: mean plain cross-entropy, nats per target.
        count: targets.
        tokens: tokens that were read for them.
        norm: gradient norm before clipping, of the last step.
        bad_step: the first step whose loss or gradient was not finite, None if all were.
        bad_what: which of the two, and its value, for the error.
    """

    loss: float
    count: int
    tokens: int
    norm: float
    bad_step: int | None
    bad_what: str


class Meter:
    """Collects scalars as device tensors: reading each at once would make the host wait for CUDA."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._steps: list[int] = []
        self._nats: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._count = self._tokens = 0

    def add(self, step: int, nats: Tensor, count: int, norm: Tensor, tokens: int) -> None:
        """Note a step (its number, from 1): summed nats, targets, gradient norm, tokens read."""
        self._steps.append(step)
        self._nats.append(nats)
        self._norms.append(norm)
        self._count += count
        self._tokens += tokens

    def read(self) -> Reading | None:
        """Everything since the last reading, None if there was no step; synchronises with the device."""
        if not self._steps:
            return None
        nats = torch.stack(self._nats).double()
        counts = torch.tensor([self._count, self._tokens], dtype=torch.float64, device=nats.device)
        # One transfer for all: nats of each step, then the counts (summed over ranks), then the norms.
        sums = self._world.sum(torch.cat([nats, counts]))
        values = torch.cat([sums, torch.stack(self._norms).double()]).tolist()
        taken = len(self._steps)
        losses, (total, tokens), norms = values[:taken], values[taken : taken + 2], values[taken + 2 :]
        bad_step, bad_what = None, ""
        for step, loss, norm in zip(self._steps, losses, norms, strict=True):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                bad_step = step
                bad_what = (
                    f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {norm}"
                )
                break
        self._steps, self._nats, self._norms, self._count, self._tokens = [], [], [], 0, 0
        mean = sum(losses) / max(total, 1.0)
        return Reading(mean, int(total), int(tokens), norms[-1], bad_step, bad_what)
