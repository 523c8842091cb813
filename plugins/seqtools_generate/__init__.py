"""The task `generate`: text from a recurrent language model. Hooks only; the code is imported on use."""

from __future__ import annotations

from seqtools.plugin import CommandSpec, DecoderSpec, TaskSpec, hookimpl


@hookimpl
def seqtools_commands() -> list[CommandSpec]:
    """`seqtools generate`, `seqtools train generate`, `seqtools demo generate`."""
    return [
        CommandSpec(
            name="generate",
            target="seqtools_generate.command:command",
            summary="Write text with a language model.",
        ),
        CommandSpec(
            name="generate",
            parent="train",
            target="seqtools_generate.train_command:command",
            summary="Train a language model on text files.",
        ),
        CommandSpec(
            name="generate",
            parent="demo",
            target="seqtools_generate.demo:command",
            summary="Train on Shakespeare, export, check and generate.",
        ),
    ]


@hookimpl
def seqtools_tasks() -> list[TaskSpec]:
    """How to open, evaluate and export a model file of this task."""
    return [
        TaskSpec(
            name="generate",
            target="seqtools_generate.run:open_generator",
            evaluate="seqtools_generate.evaluate:command",
            export="seqtools_generate.export:export_run",
            bundled="seqtools_generate:models/shakespeare.onnx",
            summary="Continue a text.",
        )
    ]


@hookimpl
def seqtools_decoders() -> list[DecoderSpec]:
    """Two ways to choose the next token, each with a face inside the graph and one outside."""
    return [
        DecoderSpec(
            name="greedy",
            target="seqtools_generate.sampling:Greedy",
            graph="seqtools_generate.graph:Greedy",
            summary="The likeliest token, always.",
        ),
        DecoderSpec(
            name="sample",
            target="seqtools_generate.sampling:Sample",
            graph="seqtools_generate.graph:Sample",
            summary="A random token, with temperature, top-k and top-p.",
        ),
    ]
