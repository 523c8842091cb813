"""The task `sentiment`: labelled texts in, one classifier out. Hooks only; the code is imported on use."""

from __future__ import annotations

from seqtools.plugin import CommandSpec, hookimpl


@hookimpl
def seqtools_commands() -> list[CommandSpec]:
    """`seqtools train sentiment`, `train classify`."""
    return [
        CommandSpec(
            name="sentiment",
            parent="train",
            target="seqtools_sentiment.train_command:command",
            summary="Train a classifier on labelled texts.",
        ),
        CommandSpec(
            name="classify",
            parent="train",
            target="seqtools_sentiment.train_command:command",
            summary="Train a classifier on labelled texts (as train sentiment).",
        ),
    ]
