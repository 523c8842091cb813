"""The task `translate`: sentence pairs in, one translator out. Hooks only; the code is imported on use."""

from __future__ import annotations

from seqtools.plugin import CommandSpec, TaskSpec, hookimpl


@hookimpl
def seqtools_commands() -> list[CommandSpec]:
    """`seqtools translate`, `score`, `train translate`, `demo translate`."""
    return [
        CommandSpec(
            name="translate",
            target="seqtools_translate.command:command",
            summary="Translate line by line.",
        ),
        CommandSpec(
            name="score",
            target="seqtools_translate.score_command:command",
            summary="Score given translations.",
        ),
        CommandSpec(
            name="translate",
            parent="train",
            target="seqtools_translate.train_command:command",
            summary="Train a translator on sentence pairs.",
        ),
        CommandSpec(
            name="translate",
            parent="demo",
            target="seqtools_translate.demo:command",
            summary="Train Spanish to English, translate, show the attention.",
        ),
    ]


@hookimpl
def seqtools_tasks() -> list[TaskSpec]:
    """How to open, evaluate and export a model file of this task, and what its recipes look like."""
    return [
        TaskSpec(
            name="translate",
            target="seqtools_translate.run:open_translator",
            evaluate="seqtools_translate.evaluate:command",
            export="seqtools_translate.export:export_run",
            recipe="seqtools_translate.recipe:TranslateRecipe",
            bundled="seqtools_translate:models/spanish-english.onnx",
            summary="Translate sentences.",
        )
    ]
