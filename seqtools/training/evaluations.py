"""When to evaluate, what was best, and when to give up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seqtools.recipe import LoopConfig
from seqtools.training.clock import Clock

# A run is evaluated this often where the recipe does not say; under a time budget less often, if
# evaluations would take more than this share of it.
TIMES, SHARE = 10, 0.05


class Evaluations:
    """The run's evaluations so far and the plan for the next.

    Args:
        judged_by: the figure that tells which evaluation is the best.
        higher_is_better: whether the best is its largest value.

    Attributes:
        best: figures of the best evaluation and its `step`; empty before the first.
        since_best: evaluations since then.
        latest: step of the last evaluation.
    """

    def __init__(
        self,
        config: LoopConfig,
        clock: Clock,
        judged_by: str = "valid_loss",
        higher_is_better: bool = False,
    ) -> None:
        self._config, self._clock = config, clock
        self.judged_by, self._sign = judged_by, -1.0 if higher_is_better else 1.0
        self.best: dict[str, float] = {}
        self.since_best = 0
        self.latest = 0
        self._next = 1.0 / TIMES

    def due(self, step: int, progress: float) -> bool:
        """Whether to evaluate after a step; the end of the run has its own evaluation."""
        if progress >= 1.0:
            return False
        if self._config.evaluate_every:
            return step % self._config.evaluate_every == 0
        return progress >= self._next

    @property
    def hopeless(self) -> bool:
        """Whether `patience` evaluations in a row brought nothing better."""
        return 0 < self._config.patience <= self.since_best

    def hear(self, step: int, progress: float, figures: Mapping[str, float]) -> bool:
        """Take in an evaluation and plan the next; True if it is the best so far."""
        before = self._sign * self.best[self.judged_by] if self.best else math.inf
        improved = self._sign * figures[self.judged_by] < before
        self.since_best = 0 if improved else self.since_best + 1
        if improved:
            self.best = {"step": step, **figures}
        self.latest = step
        if self._clock.budget:
            cost = self._clock.evaluation / self._clock.budget
            self._next = progress + max(1.0 / TIMES, cost / SHARE)
        else:
            self._next = (math.floor(progress * TIMES + 1e-9) + 1) / TIMES
        return improved

    def state_dict(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        return {"best": self.best, "since_best": self.since_best, "latest": self.latest, "next": self._next}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        self.best, self.since_best, self.latest = state["best"], state["since_best"], state["latest"]
        self._next = state["next"]
