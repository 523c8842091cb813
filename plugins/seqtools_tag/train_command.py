"""`seqtools train tag`: labelled sentences in, a run folder with a model file out."""

from __future__ import annotations

from pathlib import Path

import click

from seqtools.errors import UsageError
from seqtools.output import note
from seqtools.recipe_options import LEARNING_FLAGS, WATCHING_FLAGS, AskedRecipe, asks_recipe
from seqtools.train_options import export_option, floor_option, output_option, resume_option
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
    **LEARNING_FLAGS,
    "--label-smoothing": "training.label_smoothing",
    "--ema": "training.ema",
    "--accumulate": "training.accumulate",
    **WATCHING_FLAGS,
}
"""The recipe's keys that have a flag of their own; `--set` reaches the others."""


@click.command(short_help="Train a tagger on labelled sentences.")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[SENTENCES]...")
@output_option
@resume_option
@click.option(
    "--seeds", type=click.IntRange(1), default=1, show_default=True,
    help="Train this often, each with another seed; tell mean and standard deviation.",
)  # fmt: skip
@click.option(
    "--test", type=click.Path(path_type=Path), metavar="FILE",
    help="Score the best weights on these sentences, once, at the end.",
)  # fmt: skip
@floor_option("Score the simple methods to beat.")
@export_option
@asks_recipe(FLAGS, TagRecipe)
def command(
    files: tuple[Path, ...],
    output: Path,
    resume: bool,
    seeds: int,
    test: Path | None,
    floor: bool,
    export: bool,
    asked: AskedRecipe,
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
    cure = "Leave the other options out; with --seeds repeat the command"
    recipe, _ = asked.settle(resume=resume, others=seeds > 1, cure=cure)
    if test is not None and not test.is_file():
        raise UsageError("--test", f"there is no file {test}", "Check the path")
    if recipe is not None and seeds > 1:
        from seqtools_tag.study import study

        study(files, output, recipe, seeds=seeds, test=test, floor=floor, export=export, report=note)
        return
    from seqtools_tag.train_run import train_tag

    train_tag(files, output, recipe, floor=floor, export=export, test=test, report=note)
