"""The task `tag`: labelled words in, one tagger out. Hooks only; the code is imported on use."""

from __future__ import annotations

from seqtools.plugin import CommandSpec, TaskSpec, hookimpl


@hookimpl
def seqtools_commands() -> list[CommandSpec]:
    """`seqtools tag`, `train tag`, `demo tag`."""
    return [
        CommandSpec(
            name="tag",
            target="seqtools_tag.command:command",
            summary="Label the words of sentences.",
        ),
        CommandSpec(
            name="tag",
            parent="train",
            target="seqtools_tag.train_command:command",
            summary="Train a tagger on labelled sentences.",
        ),
        CommandSpec(
            name="tag",
            parent="demo",
            target="seqtools_tag.demo:command",
            summary="Train on English sentences, label words.",
        ),
    ]


@hookimpl
def seqtools_tasks() -> list[TaskSpec]:
    """How to open, evaluate and export a model file of this task, and what its recipes look like."""
    return [
        TaskSpec(
            name="tag",
            target="seqtools_tag.run:open_tagger",
            evaluate="seqtools_tag.evaluate:command",
            export="seqtools_tag.export:export_run",
            recipe="seqtools_tag.recipe:TagRecipe",
            bundled="seqtools_tag:models/english-pos.onnx",
            summary="Label the words of sentences.",
        )
    ]
