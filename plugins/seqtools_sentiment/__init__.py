"""The task `sentiment`: labelled texts in, one classifier out. Hooks only; the code is imported on use."""

from __future__ import annotations

from seqtools.plugin import CommandSpec, TaskSpec, hookimpl


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


@hookimpl
def seqtools_tasks() -> list[TaskSpec]:
    """How to open, evaluate and export a model file of this task, and what its recipes look like."""
    return [
        TaskSpec(
            name="sentiment",
            target="seqtools_sentiment.run:open_classifier",
            evaluate="seqtools_sentiment.evaluate:command",
            export="seqtools_sentiment.export:export_run",
            recipe="seqtools_sentiment.recipe:SentimentRecipe",
            summary="Classify texts.",
        )
    ]
