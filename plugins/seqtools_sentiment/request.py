"""The options of one call of `seqtools sentiment`, checked before anything heavy is imported."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqtools.errors import UsageError
from seqtools_sentiment.results import Choice

PICTURES = (".html", ".svg")
_JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of one call, as typed; see `command`."""

    text: str | None
    model: str | None
    input: str | None
    output: str | None
    as_json: bool
    text_field: str | None
    top_k: int | None
    threshold: float | None
    abstain: float
    explain: bool
    explain_to: str | None
    explain_by: str | None
    batch_size: int
    stream: bool
    device: str
    threads: int
    deadline: float

    def check(self) -> None:
        """Complain about options that contradict each other, before anything heavy is imported.

        Raises:
            UsageError: they do, or a value is out of range.
        """
        if self.text not in (None, "-") and self.input is not None:
            raise UsageError("sentiment", "TEXT and --input are both given", "Give one of them")
        if self.top_k is not None and self.top_k < 1:
            raise UsageError("top-k", f"{self.top_k} is too small", "Use 1 or more")
        if self.batch_size < 1:
            raise UsageError("batch-size", f"{self.batch_size} is too small", "Use 1 or more")
        if self.top_k is not None and self.abstain and not self.as_json:
            cause = "--abstain names one label or none, --top-k several"
            raise UsageError("top-k", cause, "Drop one, or use --json, which tells all probabilities")
        Choice(self.threshold, self.abstain)
        if self.explain_by is not None and not self.explains:
            cure = "Add --explain or --explain-to FILE"
            raise UsageError("explain-by", "it says how to explain, and nothing is explained", cure)
        self._check_picture()

    def _check_picture(self) -> None:
        if self.explain_to is None:
            return
        path = Path(self.explain_to)
        if path.suffix.lower() not in PICTURES:
            cause = f"'{path}' is no kind of picture that is known"
            raise UsageError("explain-to", cause, "End the name with .html or .svg")
        if not path.parent.is_dir():
            raise UsageError(str(path), "its folder does not exist", "Make it first")

    @property
    def reads_stdin(self) -> bool:
        """Whether lines come from stdin."""
        return self.text in (None, "-") and self.input in (None, "-")

    @property
    def explains(self) -> bool:
        """Whether words are weighed."""
        return self.explain or self.explain_to is not None

    @property
    def records(self) -> bool:
        """Whether lines of input may be JSON records."""
        return self.as_json or self.records_only

    @property
    def records_only(self) -> bool:
        """Whether every line of input has to be one."""
        return self.text_field is not None or (self.input or "").endswith(_JSON_LINES)


def request(**options: Any) -> Request:
    """A request from the options of the command."""
    if options["text"] is not None:
        options["text"] = typed(options["text"])
    return Request(**options)


def typed(text: str) -> str:
    """An argument as UTF-8, in locales too where Python takes its bytes for something else."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = os.fsencode(text).decode("utf-8", "replace")
    return text
