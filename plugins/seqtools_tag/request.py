"""The options of one call of `seqtools tag`, checked before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqtools.errors import UsageError
from seqtools.line_source import LineSource


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of one call, as typed; see `command`."""

    text: str | None
    model: str | None
    input: str | None
    output: str | None
    pretokenized: bool
    threshold: float
    top_k: int
    abstain: float
    format: str | None
    as_json: bool
    text_field: str | None
    with_scores: bool
    html: str | None
    stream: bool
    batch_size: int
    device: str
    threads: int
    deadline: float

    def check(self) -> None:
        """Complain about options that contradict each other, before anything heavy is imported.

        Raises:
            UsageError: they do, or a value is out of range.
        """
        self.source.check("tag")
        if self.as_json and self.format not in (None, "json"):
            raise UsageError("format", f"--json and --format {self.format} are both given", "Drop one")
        if not 0 <= self.threshold <= 1:
            raise UsageError("threshold", f"{self.threshold} is out of range", "Use 0 (all spans) to 1")
        if self.top_k < 0:
            raise UsageError("top-k", f"{self.top_k} is out of range", "Use 1 or more, or 0 for none")
        if not 0 <= self.abstain <= 1:
            raise UsageError("abstain", f"{self.abstain} is no probability", "Use a number from 0 to 1")
        if self.top_k and self.abstain and self.chosen_format != "json":
            cause = "--abstain names one label or none, --top-k several"
            raise UsageError("top-k", cause, "Drop one, or use --json")
        if self.batch_size < 1:
            raise UsageError("batch-size", f"{self.batch_size} is out of range", "Use 1 or more")
        if self.html is not None and not Path(self.html).parent.is_dir():
            raise UsageError("html", f"the folder of {self.html} does not exist", "Make it first")

    @property
    def chosen_format(self) -> str:
        """How to print."""
        return "json" if self.as_json else self.format or "inline"

    @property
    def source(self) -> LineSource:
        """Where lines come from."""
        return LineSource(
            text=self.text, input=self.input, field=self.text_field, as_json=self.chosen_format == "json"
        )
