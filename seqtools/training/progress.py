"""What a person sees while training: one living line on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

from seqtools.plugin import Reporter
from seqtools.training.clock import spell_duration

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_SECONDS = 10.0


class ProgressLine:
    """Shows the run's figures; a context manager, because the living line must be taken down.

    Args:
        report: receives plain lines when there is no terminal.
        live: draw on the terminal (stderr) with rich, which is imported only then.
        now: a monotonic clock in seconds.
        unit: what speed is told in, a second.
    """

    def __init__(
        self,
        report: Reporter,
        live: bool,
        now: Callable[[], float] = time.monotonic,
        unit: str = "tokens",
    ) -> None:
        self._report, self._live, self._now, self._unit = report, live, now, unit
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._next_plain = 0.0

    def __enter__(self) -> ProgressLine:
        if self._live:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (
                TextColumn("step {task.fields[step]}"),
                BarColumn(20),
                TextColumn("{task.fields[line]}"),
            )
            # Drawn by us at the logging interval: a refreshing thread would take time from training.
            console = Console(stderr=True, highlight=False)
            self._bar = Progress(*columns, console=console, auto_refresh=False, transient=True)
            self._task = self._bar.add_task("", total=1.0, step=0, line="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, step: int, progress: float, loss: float, rate: float, left: float) -> None:
        """Show the state of training.

        Args:
            step: steps done.
            progress: share of the run that is done, 0..1.
            loss: training loss, nats per target.
            rate: tokens (or what else is told) per second.
            left: seconds to go.
        """
        line = f"loss {loss:.4f}  {rate:,.0f} {self._unit}/s  {spell_duration(left)} left"
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=progress, step=step, line=line, refresh=True)
        elif self._now() >= self._next_plain:
            self._report(f"step {step}  {progress:4.0%}  {line}")
            self._next_plain = self._now() + PLAIN_SECONDS

    def say(self, text: str) -> None:
        """Show lasting text (evaluations, samples) above the living line."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, soft_wrap=True)
        else:
            self._report(text)
