"""The task `sentiment`: labelled texts in, one classifier out. Hooks only; the code is imported on use."""

from __future__ import annotations

from seqtools.plugin import CommandSpec, TaskSpec, hookimpl


@hookimpl
def seqtools_commands() -> list[CommandSpec]:
    """`seqtools sentiment`, `classify`, the same below `train`, `demo sentiment`."""
    return [
        CommandSpec(
            name="sentiment",
            target="seqtools_sentiment.command:command",
            summary="Label texts line by line, with probabilities.",
        ),
        CommandSpec(
            name="classify",
            target="seqtools_sentiment.command:command",
            summary="Label texts line by line (as sentiment).",
        ),
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
        CommandSpec(
            name="sentiment",
            parent="demo",
            target="seqtools_sentiment.demo:command",
            summary="Train a judge of pros and cons, let it label and explain.",
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
            bundled="seqtools_sentiment:models/pros-cons.onnx",
            summary="Classify texts.",
        )
    ]
