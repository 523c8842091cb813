"""What a run writes down as it goes: metrics.jsonl, one JSON object a line, and samples.txt."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from seqtools.training.files import sync, unwritable


class AppendOnly:
    """A text file that grows by whole pieces and can be cut back to a remembered length.

    A checkpoint remembers the length; a resume cuts off what was written after it, since those steps
    are done again: nothing appears twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, text: str) -> None:
        """Add text, visible to other programs at once.

        Raises:
            TrainingError: the disk is full.
        """
        try:
            with self.path.open("ab") as file:
                file.write(text.encode())
        except OSError as error:
            raise unwritable(self.path, error) from error

    def length(self) -> int:
        """Bytes, forced to disk so that a checkpoint never remembers more than survives a power cut."""
        if not self.path.exists():
            return 0
        sync(self.path)
        return self.path.stat().st_size

    def cut(self, length: int) -> None:
        """Drop everything after `length` bytes."""
        if self.path.exists() and self.path.stat().st_size > length:
            os.truncate(self.path, length)


class Logbook:
    """The two logs of a run folder."""

    def __init__(self, run: Path) -> None:
        self._files = {
            "metrics": AppendOnly(run / "metrics.jsonl"),
            "samples": AppendOnly(run / "samples.txt"),
        }

    def metrics(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Add a line: `kind` (train or valid), `step` and the figures, floats to seven digits."""
        rounded = {name: float(f"{value:.7g}") for name, value in values.items()}
        self._files["metrics"].append(json.dumps({"kind": kind, "step": step, **rounded}) + "\n")

    def sample(self, step: int, text: str) -> None:
        """Add a sample under a heading that names the step."""
        self._files["samples"].append(f"--- step {step} ---\n{text.rstrip()}\n\n")

    def lengths(self) -> dict[str, int]:
        """Bytes written to each, for a checkpoint."""
        return {name: file.length() for name, file in self._files.items()}

    def cut(self, lengths: Mapping[str, int]) -> None:
        """Go back to a checkpoint's lengths; `{}` empties both."""
        for name, file in self._files.items():
            file.cut(lengths.get(name, 0))
