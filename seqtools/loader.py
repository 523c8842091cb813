"""The plugins of this installation: found once, asked by name.

Environment:
    SEQTOOLS_DISABLE_PLUGINS: comma-separated plugin or distribution names that are not loaded.
    SEQTOOLS_STRICT_PLUGINS: `1` turns the first plugin failure into an error (exit code 5).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from seqtools.discovery import entry_points
from seqtools.errors import PluginError, SeqtoolsError, UsageError
from seqtools.plugin import (
    CellSpec,
    DecoderSpec,
    MetricSpec,
    SearchConstraintSpec,
    SearchScorerSpec,
    Spec,
    TaskSpec,
    Tokenizer,
    TokenizerSpec,
    TrainingEvent,
)
from seqtools.provided import Failure, Provided
from seqtools.registry import Registry
from seqtools.suggest import hint

S = TypeVar("S", bound=Spec)
_current: Registry | None = None


def registry() -> Registry:
    """What the installed plugins offer; loaded on the first call, failures named on stderr.

    Raises:
        PluginError: a plugin failed and SEQTOOLS_STRICT_PLUGINS is set.
    """
    global _current
    if _current is None:
        _current = discover(os.environ)
    return _current


def discover(environ: Mapping[str, str]) -> Registry:
    """Load all installed plugins afresh, as the environment asks."""
    disable = [
        name.strip() for name in environ.get("SEQTOOLS_DISABLE_PLUGINS", "").split(",") if name.strip()
    ]
    found = Registry(entry_points("seqtools"), disable=disable)
    for failure in found.failures:
        _report(failure, environ)
    return found


@contextmanager
def using(chosen: Registry) -> Iterator[Registry]:
    """Let `registry()` answer with `chosen` inside a `with` block (tests, embedding)."""
    global _current
    before, _current = _current, chosen
    try:
        yield chosen
    finally:
        _current = before


def _strict(environ: Mapping[str, str]) -> bool:
    return environ.get("SEQTOOLS_STRICT_PLUGINS", "") not in ("", "0")


def _report(failure: Failure, environ: Mapping[str, str]) -> None:
    if _strict(environ):
        raise failure.as_error() from failure.error
    if "_SEQTOOLS_COMPLETE" not in environ:  # a shell asks for completions: its screen is not ours
        print(f"Warning: {failure.as_error()}", file=sys.stderr)


def emit(event: TrainingEvent) -> None:
    """Tell every plugin about training; a plugin that fails is named once and left out."""
    found = registry()
    known = len(found.failures)
    found.emit("seqtools_training_event", event=event)
    for failure in found.failures[known:]:
        _report(failure, os.environ)


def lookup(
    table: Mapping[str, Provided[S]], kind: str, name: str, error: type[SeqtoolsError] = UsageError
) -> Provided[S]:
    """The named entry of a registry's table.

    Raises:
        PluginError: two plugins claim the name.
        UsageError: nobody offers it (or `error`, if another kind is given); close names are suggested.
    """
    if name in table:
        return table[name]
    clash = registry().clashes.get((kind, name))
    if clash:
        raise clash.as_error()
    raise error(f"{kind} '{name}'", "no installed plugin offers it", hint(name, table))


def task(name: str) -> TaskSpec:
    """The task of that name; unknown is a PluginError, since names of tasks come from files."""
    return lookup(registry().tasks, "task", name, PluginError).spec


def tokenizer(name: str) -> TokenizerSpec:
    """The tokenizer of that kind."""
    return lookup(registry().tokenizers, "tokenizer", name).spec


def cell(name: str) -> CellSpec:
    """The recurrent cell of that versioned name."""
    return lookup(registry().cells, "cell", name).spec


def decoder(name: str) -> DecoderSpec:
    """The decoder of that name."""
    return lookup(registry().decoders, "decoder", name).spec


def scorer(name: str) -> Provided[SearchScorerSpec]:
    """The search scorer of that name, with its plugin (which an error is to name)."""
    return lookup(registry().scorers, "scorer", name)


def constraint(name: str) -> Provided[SearchConstraintSpec]:
    """The search constraint of that name, with its plugin."""
    return lookup(registry().constraints, "constraint", name)


def metric(name: str) -> MetricSpec:
    """The metric of that name."""
    return lookup(registry().metrics, "metric", name).spec


def tokenizer_class(kind: str) -> type[Tokenizer]:
    """The class behind a tokenizer kind."""
    found: type[Tokenizer] = lookup(registry().tokenizers, "tokenizer", kind).load()
    return found


def tokenizer_from(stored: Mapping[str, Any]) -> Tokenizer:
    """Rebuild a tokenizer from `{"kind": …, "payload": …}`, as run folders and model files keep it.

    Raises:
        PluginError: the kind's plugin is not installed.
    """
    kind = str(stored.get("kind", ""))
    found = lookup(registry().tokenizers, "tokenizer", kind, PluginError)
    cls: type[Tokenizer] = found.load()
    return cls.from_payload(stored["payload"])
