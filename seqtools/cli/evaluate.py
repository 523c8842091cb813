"""`seqtools evaluate -m MODEL …`: hand everything to the task that the model file names."""

from __future__ import annotations

import click

from seqtools import loader
from seqtools.bundled import bundled_model
from seqtools.cli import state
from seqtools.errors import PluginError, UsageError
from seqtools.output import detail
from seqtools.plugin import resolve

USUAL = "generate"

_FORWARD = {
    "ignore_unknown_options": True,  # the task's command parses and documents them
    "allow_extra_args": True,
    "help_option_names": [],
}


@click.command("evaluate", context_settings=_FORWARD, add_help_option=False)
@click.option(
    "-m", "--model", "model", default=None, help="Model file (default: the bundled language model)."
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(context: click.Context, model: str | None, arguments: tuple[str, ...]) -> None:
    """Measure a model file on texts or data: what it reads and prints is up to the file's task."""
    if model is None and {"-h", "--help"} & set(arguments):
        click.echo(_overview(context))
        return
    name = _usual_task() if model is None else _task_of(model)
    provided = loader.lookup(loader.registry().tasks, "task", name, PluginError)
    if not provided.spec.evaluate:
        raise UsageError(f"task '{name}'", "it has no evaluation")
    state.running = provided.origin
    task_command = resolve(provided.spec.evaluate, f"task '{name}'")
    path = model or str(bundled_model(provided.spec))
    detail(f"task {name}, model {path}")
    words = ["-m", path, *arguments]
    with task_command.make_context(context.info_name, words, parent=context.parent) as inner:
        task_command.invoke(inner)


def _task_of(model: str) -> str:
    from pathlib import Path

    from seqtools.model_file import ModelFile

    return ModelFile.open(Path(model)).task


def _usual_task() -> str:
    """The task to evaluate when no model says: that of language models, or the only one that can be."""
    tasks = loader.registry().tasks.items()
    names = [name for name, task in tasks if task.spec.evaluate and task.spec.bundled]
    if USUAL in names:
        return USUAL
    if len(names) != 1:
        raise UsageError("evaluate", "no model file is named", "Name one with -m MODEL")
    return names[0]


def _overview(context: click.Context) -> str:
    """Help where no model file says which task's options are wanted."""
    tasks = loader.registry().tasks.items()
    able = ", ".join(name for name, task in tasks if task.spec.evaluate)
    return (
        f"Usage: {context.command_path} -m MODEL [OPTIONS] FILE...\n\n"
        f"  {context.command.help}\n"
        f"  Tasks that can be measured: {able}. Without -m the bundled language model is.\n\n"
        f"  The options of a file's task: {context.command_path} -m MODEL --help"
    )
