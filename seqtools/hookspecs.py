"""The hooks. Each returns an iterable of frozen specs, except the one event.

A hook is called once, when the host first needs what it offers. A plugin that raises is named on
stderr and skipped; everything else goes on working.
"""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from seqtools.plugin import (
    CellSpec,
    CommandSpec,
    DecoderSpec,
    MetricSpec,
    SearchConstraintSpec,
    SearchScorerSpec,
    TaskSpec,
    TokenizerSpec,
    TrainingEvent,
)

hookspec = pluggy.HookspecMarker("seqtools")


@hookspec
def seqtools_commands() -> Iterable[CommandSpec]:  # type: ignore[empty-body]
    """Commands for the `seqtools` program, loaded when they are run."""


@hookspec
def seqtools_tasks() -> Iterable[TaskSpec]:  # type: ignore[empty-body]
    """What model files can be for: how to open, evaluate and export one."""


@hookspec
def seqtools_tokenizers() -> Iterable[TokenizerSpec]:  # type: ignore[empty-body]
    """Tokenizers, by the name that recipes and model files use."""


@hookspec
def seqtools_cells() -> Iterable[CellSpec]:  # type: ignore[empty-body]
    """Recurrent cells, by the versioned name that run folders record."""


@hookspec
def seqtools_decoders() -> Iterable[DecoderSpec]:  # type: ignore[empty-body]
    """Ways to choose the next token."""


@hookspec
def seqtools_search_scorers() -> Iterable[SearchScorerSpec]:  # type: ignore[empty-body]
    """What a search adds to the model's own scores, while it expands and when it ranks."""


@hookspec
def seqtools_search_constraints() -> Iterable[SearchConstraintSpec]:  # type: ignore[empty-body]
    """What a search may not write, or has to."""


@hookspec
def seqtools_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Figures that `evaluate` prints."""


@hookspec
def seqtools_training_event(event: TrainingEvent) -> None:
    """Called while training: started, step (at the logging interval), evaluated, saved, finished."""
