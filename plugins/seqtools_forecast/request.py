"""What `seqtools forecast` is asked for, and whether it makes sense."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from seqtools.errors import UsageError
from seqtools_forecast.asked_levels import intervals
from seqtools_forecast.column_options import TableRequest
from seqtools_forecast.tables_out import kind_of

_STEPS = re.compile("[0-9]{1,15}")
PICTURES = (".png", ".svg", ".html")


@dataclass(frozen=True, kw_only=True)
class Request(TableRequest):
    """The options, as click gives them."""

    output: str | None
    form: str | None
    horizon: int | None
    levels: str | None
    samples: int | None
    seed: int
    adapt: str
    plot: str | None
    only: tuple[str, ...]
    batch_size: int

    @property
    def kind(self) -> str:
        """csv, jsonl or parquet.

        Raises:
            UsageError: Parquet for stdout.
        """
        return kind_of(self.output, self.form or "")

    @property
    def wanted(self) -> tuple[float, ...]:
        """Percentages of the intervals; none for the usual ones."""
        return () if self.levels is None else intervals(self.levels)

    @property
    def followed(self) -> int | str:
        """Last steps that intervals follow, or "new"; 0 for none.

        Raises:
            UsageError: neither.
        """
        if self.adapt in ("", "new"):
            return self.adapt or 0
        if not _STEPS.fullmatch(self.adapt) or not int(self.adapt):
            raise UsageError("--adapt", f"'{self.adapt}' is no number of steps", "Write one, or new")
        return int(self.adapt)

    def check(self) -> None:
        """Complain before anything is read.

        Raises:
            UsageError: no file, or a value that is out of range.
        """
        if not self.files:
            raise UsageError("FILE", "there is no table to read", "Name one, or - for stdin")
        _ = self.wanted, self.kind, self.followed
        for name, value in (
            ("--horizon", self.horizon),
            ("--samples", self.samples),
            ("--batch-size", self.batch_size),
        ):
            if value is not None and value < 1:
                raise UsageError(name, f"{value} is out of range", "Use 1 or more")
        if self.plot and self.plot != "term":
            path = Path(self.plot)
            if path.suffix.lower() not in PICTURES:
                cause = f"'{self.plot}' is no kind of picture that is known"
                raise UsageError("--plot", cause, "End the name with .png, .svg or .html, or write term")
            if not path.parent.is_dir():
                raise UsageError(str(path), "its folder does not exist", "Make it first")
