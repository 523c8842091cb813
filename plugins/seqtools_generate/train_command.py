"""`seqtools train generate`: texts in, a run folder with a model file out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqtools.output import note
from seqtools.recipe import Recipe
from seqtools.recipe_options import LEARNING_FLAGS, WATCHING_FLAGS, AskedRecipe, asks_recipe
from seqtools.train_options import export_option, floor_option, output_option, resume_option

FLAGS = {
    "--cell": "network.cell",
    "--layers": "network.layers",
    "--width": "network.width",
    "--embedding": "network.embedding",
    "--tied/--untied": "network.tied",
    "--layer-norm": "network.layer_norm",
    "--learned-state/--zero-state": "network.learned_state",
    "--dropout-input": "network.dropout_input",
    "--dropout-hidden": "network.dropout_hidden",
    "--dropout-output": "network.dropout_output",
    "--dropout-embedding": "network.dropout_embedding",
    "--dropout-weight": "network.dropout_weight",
    "--vectors": "network.vectors",
    "--tokenizer": "tokenizer.kind",
    "--vocab-size": "tokenizer.vocab_size",
    "--per-line/--running": "data.per_line",
    "--valid": "data.valid",
    "--valid-fraction": "data.valid_fraction",
    "--text-field": "data.text_field",
    "--batch-size": "training.batch_size",
    "--chunk": "training.chunk",
    **LEARNING_FLAGS,
    "--label-smoothing": "training.label_smoothing",
    "--ema": "training.ema",
    "--ar": "training.ar",
    "--tar": "training.tar",
    "--accumulate": "training.accumulate",
    **WATCHING_FLAGS,
    "--sample-prompt": "training.sample_prompt",
    "--sample-tokens": "training.sample_tokens",
}
"""The recipe's keys that have a flag of their own; `--set` reaches the others."""


@click.command(short_help="Train a language model on text files.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@output_option
@click.option(
    "--from", "parent", type=click.Path(path_type=Path), metavar="RUN",
    help="Go on from the weights of another run, with its network; its vocabulary is kept and extended.",
)  # fmt: skip
@resume_option
@floor_option("Compute the n-gram to beat.")
@export_option
@asks_recipe(FLAGS, Recipe)
def command(
    files: tuple[Path, ...],
    output: Path,
    parent: Path | None,
    resume: bool,
    floor: bool,
    export: bool,
    asked: AskedRecipe,
) -> None:
    """Train a language model on FILE..., plain or .gz text, JSON Lines with a `text` field, or folders.

    The last tenth of the text is kept for validation unless --valid names a file. At the end RUN holds
    the best weights, the figures and model.onnx. Ctrl-C or a kill loses little: the same command again
    goes on.

    A flag wins over --set, that over --config, that over --preset, and that over the defaults.

    \b
      seqtools train generate book.txt -o runs/book --max-time 10m
      seqtools train generate names.txt -o runs/names --per-line --preset char-small
      seqtools train generate more.txt -o runs/more --from runs/book --lr 1e-3
    """
    recipe, spoken = asked.settle(resume=resume, others=bool(parent))
    _start(list(files), output, recipe, parent, spoken, floor=floor, export=export)


def _start(
    files: list[Path], output: Path, recipe: Any, parent: Path | None, given: dict[str, Any], *,
    floor: bool, export: bool,
) -> None:  # fmt: skip
    from seqtools_generate.train_run import child_recipe, train_generate

    if parent and recipe:
        from seqtools.training.run_folder import RunFolder

        recipe = child_recipe(recipe, RunFolder.open(parent), given)
    train_generate(files, output, recipe, parent=parent, floor=floor, export=export, report=note)
