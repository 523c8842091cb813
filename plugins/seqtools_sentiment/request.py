"""The options of one call of `seqtools sentiment`, checked before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass

from seqtools.errors import UsageError
from seqtools.explaining.drawing import check_options
from seqtools.line_source import LineSource
from seqtools_sentiment.results import Choice


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
        self.source.check("sentiment")
        if self.top_k is not None and self.top_k < 1:
            raise UsageError("top-k", f"{self.top_k} is too small", "Use 1 or more")
        if self.batch_size < 1:
            raise UsageError("batch-size", f"{self.batch_size} is too small", "Use 1 or more")
        if self.top_k is not None and self.abstain and not self.as_json:
            cause = "--abstain names one label or none, --top-k several"
            raise UsageError("top-k", cause, "Drop one, or use --json, which tells all probabilities")
        Choice(self.threshold, self.abstain)
        check_options(self.explain_to, self.explain_by, explains=self.explains)

    @property
    def explains(self) -> bool:
        """Whether words are weighed."""
        return self.explain or self.explain_to is not None

    @property
    def source(self) -> LineSource:
        """Where lines come from."""
        return LineSource(text=self.text, input=self.input, field=self.text_field, as_json=self.as_json)
