"""`seqtools train tag`: labelled sentences in, a run folder with a model file out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqtools.errors import UsageError
from seqtools.output import note
from seqtools.recipe_options import given, layered, recipe_flags
from seqtools_tag.recipe import TagRecipe

FLAGS = {
    "--cell": "network.cell",
    "--layers": "network.layers",
    "--width": "network.width",
    "--bidirectional/--forward": "network.bidirectional",
    "--embedding": "network.embedding",
    "--characters": "network.characters",
    "--character-embedding": "network.character_embedding",
    "--character-width": "network.character_width",
    "--character-kernel": "network.character_kernel",
    "--shape": "network.shape",
    "--crf/--no-crf": "network.crf",
    "--layer-norm": "network.layer_norm",
    "--vectors": "network.vectors",
    "--vectors-vocabulary/--own-vocabulary": "network.vectors_vocabulary",
    "--freeze/--fine-tune": "network.freeze",
    "--dropout-word": "network.dropout_word",
    "--dropout-rare": "network.dropout_rare",
    "--dropout-embedding": "network.dropout_embedding",
    "--dropout-input": "network.dropout_input",
    "--dropout-hidden": "network.dropout_hidden",
    "--dropout-output": "network.dropout_output",
    "--dropout-weight": "network.dropout_weight",
    "--vocab-size": "tokenizer.vocab_size",
    "--label-column": "data.column",
    "--word-column": "data.word_column",
    "--scheme": "data.scheme",
    "--valid": "data.valid",
    "--valid-fraction": "data.valid_fraction",
    "--licence": "data.licence",
    "--batch-size": "training.batch_size",
    "--judge": "training.judge",
    "--optimizer": "training.optimizer",
    "--lr": "training.lr",
    "--weight-decay": "training.weight_decay",
    "--schedule": "training.schedule",
    "--warmup": "training.warmup",
    "--epochs": "training.epochs",
    "--steps": "training.steps",
    "--max-time": "training.max_time",
    "--clip": "training.clip",
    "--clip-at": "training.clip_at",
    "--label-smoothing": "training.label_smoothing",
    "--ema": "training.ema",
    "--accumulate": "training.accumulate",
    "--evaluate-every": "training.evaluate_every",
    "--checkpoint-every": "training.checkpoint_every",
    "--patience": "training.patience",
    "--precision": "training.precision",
    "--device": "training.device",
    "--threads": "training.threads",
    "--seed": "training.seed",
}
"""The recipe's keys that have a flag of their own; `--set` reaches the others."""


@click.command(short_help="Train a tagger on labelled sentences.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[SENTENCES]...")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Run folder to write.")
@click.option("--resume", is_flag=True, help="Go on with the run in -o, with the recipe it has.")
@click.option(
    "--seeds", type=click.IntRange(1), default=1, show_default=True,
    help="Train this often, each with another seed; tell mean and standard deviation.",
)  # fmt: skip
@click.option(
    "--test", type=click.Path(path_type=Path), metavar="FILE",
    help="Score the best weights on these sentences, once, at the end.",
)  # fmt: skip
@click.option("--floor/--no-floor", default=True, show_default=True, help="Score the simple methods to beat.")
@click.option("--export/--no-export", default=True, show_default=True, help="Write model.onnx at the end.")
@recipe_flags(FLAGS, TagRecipe)
def command(
    files: tuple[Path, ...],
    output: Path,
    resume: bool,
    seeds: int,
    test: Path | None,
    floor: bool,
    export: bool,
    preset: str | None,
    config_file: Path | None,
    assignments: tuple[str, ...],
    **flags: Any,
) -> None:
    """Train a tagger on SENTENCES: CoNLL columns (a word a line, its label in the last column, an empty line
    between sentences) or CoNLL-U. Files may be gzipped.

    Labels of spans (IOB1, BIO, BIOES) are found out, mended and trained as BIOES. A tenth of the sentences
    is held out for validation unless --valid names a file. At the end RUN holds the best weights, the
    figures and model.onnx. Ctrl-C or a kill loses little: the same command again goes on.

    \b
      seqtools train tag eng.train -o runs/ner --valid eng.testa --preset ner --vectors glove.6B.50d.txt
      seqtools train tag en_ewt-ud-train.conllu.gz -o runs/pos --preset pos --label-column upos
    """
    spoken = given(FLAGS, flags)
    recipe = None
    if resume:
        if preset or config_file or assignments or spoken or seeds > 1:
            cause = "the run keeps the recipe it has"
            raise UsageError(
                "--resume", cause, "Leave the other options out; with --seeds repeat the command"
            )
    else:
        recipe, _ = layered(TagRecipe, preset, config_file, assignments, spoken)
    if test is not None and not test.is_file():
        raise UsageError("--test", f"there is no file {test}", "Check the path")
    if recipe is not None and seeds > 1:
        from seqtools_tag.study import study

        study(files, output, recipe, seeds=seeds, test=test, floor=floor, export=export, report=note)
        return
    from seqtools_tag.train_run import train_tag

    train_tag(files, output, recipe, floor=floor, export=export, test=test, report=note)
