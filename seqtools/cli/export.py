"""`seqtools export RUN -o FILE`: hand a run folder to the task that its recipe names."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write (.onnx).")
@click.option(
    "--profile",
    default="portable",
    show_default=True,
    help="portable: float32, runs everywhere. int8: smaller and several times as fast on a CPU.",
)
@click.option(
    "--form",
    default="auto",
    show_default=True,
    help="text: strings in and out. ids: token ids. auto: text where the tokenizer can be in the file. "
    "fused (translators, classifiers): text by way of onnxruntime-extensions' SentencePiece.",
)
def command(run: Path, output: Path, profile: str, form: str) -> None:
    """Write a training RUN as one ONNX file, verified against the network it came from."""
    from seqtools import loader
    from seqtools.errors import PluginError, UsageError
    from seqtools.output import note
    from seqtools.plugin import resolve
    from seqtools.training.run_folder import RunFolder

    if output.is_dir():
        raise UsageError("--output", f"{output} is a folder", f"Name a file: -o {output / 'model.onnx'}")
    name = RunFolder.open(run).recipe().task
    provided = loader.lookup(loader.registry().tasks, "task", name, PluginError)
    if not provided.spec.export:
        raise UsageError(f"task '{name}'", "it has no export")
    resolve(provided.spec.export, f"task '{name}'")(run, output, profile=profile, form=form, report=note)
