"""Learning-rate schedules: pure functions of progress, so that a time budget is as good as a step count."""

from __future__ import annotations

import math
from collections.abc import Callable

from seqtools.errors import UsageError
from seqtools.recipe import LoopConfig


def constant(progress: float) -> float:
    """1 throughout."""
    return 1.0


def linear(progress: float) -> float:
    """From 1 down to 0."""
    return 1.0 - progress


def cosine(progress: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov & Hutter 2017, one cycle of equation 5)."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def onecycle(progress: float, rise: float = 0.3, start: float = 1 / 25, end: float = 1e-5) -> float:
    """Cosine rise from `start` to 1 over the share `rise` of the run, cosine fall to `end` (Smith 2018)."""
    if progress < rise:
        return start + (1.0 - start) * (1.0 - cosine(progress / rise))
    return end + (1.0 - end) * cosine((progress - rise) / (1.0 - rise))


# "plateau" holds the rate; what lowers it are the evaluations (see Schedule.evaluated).
SHAPES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "onecycle": onecycle,
    "plateau": constant,
}


class Schedule:
    """The learning rate of every step: peak × warm-up × shape(progress) × plateau factor.

    Warm-up is linear over the first `warmup` steps; one-cycle has its own rise and takes none.
    """

    def __init__(self, config: LoopConfig) -> None:
        if config.schedule not in SHAPES:
            known = ", ".join(SHAPES)
            raise UsageError(f"schedule '{config.schedule}'", "no such schedule", f"Choose one of {known}")
        self._config, self._shape = config, SHAPES[config.schedule]
        self._warmup = 0 if config.schedule == "onecycle" else config.warmup
        self.factor = 1.0
        self.waited = 0

    def rate(self, step: int, progress: float) -> float:
        """Rate of the step with index `step` (from 0), begun at `progress` in 0..1."""
        warm = min(1.0, (step + 1) / self._warmup) if self._warmup else 1.0
        return self._config.lr * warm * self._shape(progress) * self.factor

    def evaluated(self, improved: bool) -> None:
        """Hear of an evaluation; on a plateau multiply the rate by `plateau_factor`."""
        if self._config.schedule != "plateau":
            return
        self.waited = 0 if improved else self.waited + 1
        if self.waited > self._config.plateau_patience:
            self.factor *= self._config.plateau_factor
            self.waited = 0

    def state_dict(self) -> dict[str, float]:
        """What the plateau rule remembers."""
        return {"factor": self.factor, "waited": self.waited}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Take back `state_dict`."""
        self.factor, self.waited = state["factor"], int(state["waited"])
