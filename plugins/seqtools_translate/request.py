"""The options of one call of `seqtools translate`, checked before anything heavy is imported."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Any

from seqtools.errors import UsageError
from seqtools_translate.printing import Printer
from seqtools_translate.settings import Settings

_JSON_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


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
        if self.text is not None and self.text != "-" and self.input is not None:
            raise UsageError("translate", "TEXT and --input are both given", "Give one of them")
        if self.weights is not None and len(self.model) < 2:
            raise UsageError("weights", "there is one model only", "Name more models with -m, or drop it")
        if self.as_json and self.format not in (None, "json"):
            raise UsageError("format", f"--json and --format {self.format} are both given", "Drop one")
        Settings.chosen({}, self.options)

    @property
    def reads_stdin(self) -> bool:
        """Whether lines come from stdin."""
        return self.text in (None, "-") and self.input in (None, "-")

    @property
    def printer(self) -> Printer:
        """How to print."""
        n_best = self.options.get("n_best") or 1
        plain = "nbest" if n_best > 1 else "text"
        chosen = "json" if self.as_json else self.format or plain
        return Printer(chosen, self.alignment or "", self.with_scores, every=n_best > 1)

    @property
    def records(self) -> bool:
        """Whether lines of input may be JSON records."""
        return self.as_json or self.records_only

    @property
    def records_only(self) -> bool:
        """Whether every line of input has to be one."""
        return self.source_field is not None or (self.input or "").endswith(_JSON_LINES)


def request(**options: Any) -> Request:
    """A request from the options of the command."""
    own = {field.name for field in fields(Request)}
    settings = {field.name for field in fields(Settings)}
    options["prefix"] = typed(options["prefix"])
    return Request(
        options={name: value for name, value in options.items() if name in settings},
        **{name: value for name, value in options.items() if name in own},
    )


def typed(text: str) -> str:
    """An argument as UTF-8, in locales too where Python takes its bytes for something else."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = os.fsencode(text).decode("utf-8", "replace")
    return text
