"""Time: budgets such as `3m`, and how far a run is through its steps and its budget."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable

from seqtools.errors import UsageError

SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([dhms])?")


def parse_duration(text: str) -> float:
    """Seconds of `90s`, `3m`, `1.5h`, `1h30m` or `90` (seconds).

    Raises:
        UsageError: not a duration, or not above zero.
    """
    total, position = 0.0, 0
    while position < len(text.rstrip()):
        match = DURATION.match(text, position)
        if match is None or (match[2] is None and (position or text[match.end() :].strip())):
            raise UsageError(f"time '{text}'", "not a duration", "Write for example 90s, 3m or 1h30m")
        total += float(match[1]) * SECONDS[match[2] or "s"]
        position = match.end()
    if total <= 0:
        raise UsageError(f"time '{text}'", "a duration must be above zero", "Write for example 3m")
    return total


def spell_duration(seconds: float) -> str:
    """`45s`, `3m05s`, `2h07m`: short, for people; `?` where there is no end in sight."""
    if not math.isfinite(seconds):
        return "?"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


class Clock:
    """How far a run is: the larger of steps done over steps planned, and time spent over budget.

    Time spent counts everything since the start, evaluations and earlier sittings (before a resume) too.
    The cost of the last evaluation is kept back from the budget, because one is due at the end.

    Args:
        steps: planned optimiser steps, 0 for no such limit.
        budget: seconds, 0 for no such limit.
        now: a monotonic clock in seconds.
    """

    def __init__(self, steps: int, budget: float, now: Callable[[], float] = time.monotonic) -> None:
        self.steps, self.budget, self._now = steps, budget, now
        self._began = now()
        self.evaluation = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the start of the run, earlier sittings included."""
        return self._now() - self._began

    def state_dict(self) -> dict[str, float]:
        """Seconds spent so far and on the last evaluation."""
        return {"elapsed": self.elapsed, "evaluation": self.evaluation}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from a checkpoint's times."""
        self._began = self._now() - state["elapsed"]
        self.evaluation = state["evaluation"]

    def progress(self, step: int, elapsed: float) -> float:
        """Share of the run that is done when `step` steps are, in 0..1."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = 0.0
        if self.budget:
            by_time = elapsed / max(self.budget - self.evaluation, 0.5 * self.budget)
        return min(1.0, max(by_steps, by_time))

    def left(self, step: int, since_step: int, since_elapsed: float) -> float:
        """Seconds until the end, judged by the pace since an earlier step of this sitting."""
        elapsed = self.elapsed
        by_time = self.budget - elapsed if self.budget else float("inf")
        pace = (elapsed - since_elapsed) / max(step - since_step, 1)
        by_steps = (self.steps - step) * pace if self.steps else float("inf")
        return max(0.0, min(by_time, by_steps))
