"""`seqtools train translate`: sentence pairs in, a run folder with a model file out."""

from __future__ import annotations

from pathlib import Path

import click

from seqtools.errors import UsageError
from seqtools.output import note
from seqtools.recipe_options import LEARNING_FLAGS, WATCHING_FLAGS, AskedRecipe, asks_recipe
from seqtools.train_options import export_option, floor_option, output_option, resume_option
from seqtools_translate.recipe import TranslateRecipe

FLAGS = {
    "--encoder": "network.encoder",
    "--cell": "network.cell",
    "--decoder-cell": "network.decoder_cell",
    "--encoder-layers": "network.encoder_layers",
    "--encoder-width": "network.encoder_width",
    "--bidirectional/--forward": "network.bidirectional",
    "--layers": "network.layers",
    "--width": "network.width",
    "--embedding": "network.embedding",
    "--shared/--own-embeddings": "network.shared",
    "--tied/--untied": "network.tied",
    "--bridge": "network.bridge",
    "--attention": "network.attention",
    "--attention-heads": "network.attention_heads",
    "--attend": "network.attend",
    "--input-feeding/--no-input-feeding": "network.input_feeding",
    "--coverage/--no-coverage": "network.coverage",
    "--deep-output/--plain-output": "network.deep_output",
    "--residual/--no-residual": "network.residual",
    "--layer-norm": "network.layer_norm",
    "--dropout-source": "network.dropout_source",
    "--dropout-target": "network.dropout_target",
    "--dropout-embedding": "network.dropout_embedding",
    "--dropout-hidden": "network.dropout_hidden",
    "--dropout-output": "network.dropout_output",
    "--dropout-attention": "network.dropout_attention",
    "--dropout-weight": "network.dropout_weight",
    "--tokenizer": "tokenizer.kind",
    "--vocab-size": "tokenizer.vocab_size",
    "--joint/--separate": "tokenizer.joint",
    "--valid-source": "data.valid_source",
    "--valid-target": "data.valid_target",
    "--valid-fraction": "data.valid_fraction",
    "--source-field": "data.source_field",
    "--target-field": "data.target_field",
    "--source-language": "data.source_language",
    "--target-language": "data.target_language",
    "--max-length": "data.max_length",
    "--batch-tokens": "training.batch_tokens",
    "--own": "training.own",
    "--own-most": "training.own_most",
    "--r-drop": "training.r_drop",
    "--average-last": "training.average_last",
    "--judge": "training.judge",
    "--valid-pairs": "training.valid_pairs",
    "--sample-pairs": "training.sample_pairs",
    **LEARNING_FLAGS,
    "--label-smoothing": "training.label_smoothing",
    "--ema": "training.ema",
    "--accumulate": "training.accumulate",
    **WATCHING_FLAGS,
}
"""The recipe's keys that have a flag of their own; `--set` reaches the others."""


@click.command(short_help="Train a translator on sentence pairs.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[PAIRS]...")
@click.option(
    "--source", "sources", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Source sentences, a sentence a line (repeatable).",
)  # fmt: skip
@click.option(
    "--target", "targets", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Their translations, line for line (as many files as --source).",
)  # fmt: skip
@output_option
@resume_option
@floor_option("Score the simple methods to beat.")
@export_option
@asks_recipe(FLAGS, TranslateRecipe)
def command(
    files: tuple[Path, ...],
    sources: tuple[Path, ...],
    targets: tuple[Path, ...],
    output: Path,
    resume: bool,
    floor: bool,
    export: bool,
    asked: AskedRecipe,
) -> None:
    """Train a translator on parallel files, or on PAIRS that hold both sides: `source TAB target` lines
    (.tsv) or JSON Lines (.jsonl). All may be gzipped.

    A twentieth of the source sentences is held out for validation unless --valid-source names a file. At
    the end RUN holds the best weights, the figures and model.onnx. Ctrl-C or a kill loses little: the same
    command again goes on.

    \b
      seqtools train translate --source train.en --target train.de -o runs/en-de --preset small
      seqtools train translate spa.tsv -o runs/spa --max-time 10m
    """
    if files and (sources or targets):
        raise UsageError("PAIRS", "they are given besides --source and --target", "Give one or the other")
    if bool(sources) != bool(targets):
        missing = "--target" if sources else "--source"
        raise UsageError(missing, "only the other side is given", "Name both, or one file with both sides")
    recipe, _ = asked.settle(resume=resume)
    from seqtools_translate.prepare import Corpus
    from seqtools_translate.train_run import train_translate

    corpus = Corpus(sources or files, targets)
    train_translate(corpus, output, recipe, floor=floor, export=export, report=note)
