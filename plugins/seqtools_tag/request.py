"""The options of one call of `seqtools tag`, checked before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seqtools.errors import UsageError
from seqtools.explaining.drawing import check_options
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
    explain: bool
    words: tuple[str, ...]
    explain_to: str | None
    explain_by: str | None
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
        self._check_explaining()

    def _check_explaining(self) -> None:
        check_options(self.explain_to, self.explain_by, explains=self.explains)
        if self.words and not self.explains:
            cause = "it says which label to explain, and nothing is explained"
            raise UsageError("word", cause, "Add --explain or --explain-to FILE")
        if any(word.isdecimal() and not int(word) for word in self.words):
            raise UsageError("word", "words are counted from 1", "Use 1 for the first one")
        if self.explain and self.chosen_format == "conll":
            cause = "its columns have no room for explanations"
            raise UsageError("format", cause, "Use --json, or --explain-to FILE instead of --explain")

    @property
    def explains(self) -> bool:
        """Whether words are weighed."""
        return self.explain or self.explain_to is not None

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
