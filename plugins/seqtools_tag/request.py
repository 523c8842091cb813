"""The options of one call of `seqtools tag`, checked before anything heavy is imported."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from seqtools.errors import UsageError

_JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


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
        if self.text is not None and self.text != "-" and self.input is not None:
            raise UsageError("tag", "TEXT and --input are both given", "Give one of them")
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
    def reads_stdin(self) -> bool:
        """Whether lines come from stdin."""
        return self.text in (None, "-") and self.input in (None, "-")

    @property
    def chosen_format(self) -> str:
        """How to print."""
        return "json" if self.as_json else self.format or "inline"

    @property
    def records(self) -> bool:
        """Whether lines of input may be JSON records."""
        return self.chosen_format == "json" or self.records_only

    @property
    def records_only(self) -> bool:
        """Whether every line of input has to be one."""
        return self.text_field is not None or (self.input or "").endswith(_JSON_LINES)


def typed(text: str) -> str:
    """An argument as UTF-8, in locales too where Python takes its bytes for something else."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = os.fsencode(text).decode("utf-8", "replace")
    return text
