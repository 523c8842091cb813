"""Ctrl-C while training: finish the step, write a checkpoint, then stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from seqtools.plugin import Reporter


class Interrupt:
    """A context in which the first Ctrl-C only sets `asked`; the second one stops at once.

    Python lets only the main thread handle signals; anywhere else this does nothing.

    Args:
        report: told once that the stop is on its way.
        patient: later ones do nothing either. torchrun sends its own after the terminal's, and kills what
            has not ended half a minute later.
    """

    def __init__(self, report: Reporter, patient: bool = False) -> None:
        self.asked = False
        self._report, self._patient = report, patient
        self._active = threading.current_thread() is threading.main_thread()
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        if self._active:
            self._before = signal.signal(signal.SIGINT, self._hear)
        return self

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            return
        self.asked = True
        if self._patient:
            self._report("Stopping after a checkpoint.")
            return
        signal.signal(signal.SIGINT, self._before)
        self._report("Stopping after a checkpoint; press Ctrl-C again to stop at once.")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._before)
