"""The options of one call of `seqtools translate`, checked before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from seqtools.errors import UsageError
from seqtools.line_source import LineSource, typed
from seqtools_translate.printing import Printer
from seqtools_translate.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options of one call, as typed; see `command`.

    Attributes:
        options: fields of `Settings`; None where nothing was asked for.
    """

    text: str | None
    model: tuple[str, ...]
    weights: str | None
    ensemble_by: str
    input: str | None
    output: str | None
    prefix: str
    glossary: str | None
    alignment: str | None
    attention_map: str | None
    with_scores: bool
    as_json: bool
    source_field: str | None
    format: str | None
    stream: bool
    device: str
    threads: int
    deadline: float
    options: dict[str, Any]

    def check(self) -> None:
        """Complain about options that contradict each other, before anything heavy is imported.

        Raises:
            UsageError: they do, or a value is out of range.
        """
        self.source.check("translate")
        if self.weights is not None and len(self.model) < 2:
            raise UsageError("weights", "there is one model only", "Name more models with -m, or drop it")
        if self.as_json and self.format not in (None, "json"):
            raise UsageError("format", f"--json and --format {self.format} are both given", "Drop one")
        Settings.chosen({}, self.options)

    @property
    def printer(self) -> Printer:
        """How to print."""
        n_best = self.options.get("n_best") or 1
        plain = "nbest" if n_best > 1 else "text"
        chosen = "json" if self.as_json else self.format or plain
        return Printer(chosen, self.alignment or "", self.with_scores, every=n_best > 1)

    @property
    def source(self) -> LineSource:
        """Where lines come from."""
        return LineSource(
            text=self.text,
            input=self.input,
            field=self.source_field,
            option="--source-field",
            as_json=self.as_json,
        )


def request(**options: Any) -> Request:
    """A request from the options of the command."""
    own = {field.name for field in fields(Request)}
    settings = {field.name for field in fields(Settings)}
    options["prefix"] = typed(options["prefix"])
    return Request(
        options={name: value for name, value in options.items() if name in settings},
        **{name: value for name, value in options.items() if name in own},
    )
