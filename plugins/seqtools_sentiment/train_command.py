"""`seqtools train sentiment` and `train classify`: labelled texts in, a run folder with a model file out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqtools.errors import UsageError
from seqtools.output import note
from seqtools.recipe_options import LEARNING_FLAGS, WATCHING_FLAGS, AskedRecipe, asks_recipe
from seqtools.train_options import export_option, floor_option, output_option, resume_option
from seqtools_sentiment.recipe import SentimentRecipe
from seqtools_sentiment.ways import Ways, way_flags

if TYPE_CHECKING:
    from seqtools_sentiment.pretrain import Pretraining

FLAGS = {
    "--cell": "network.cell",
    "--layers": "network.layers",
    "--width": "network.width",
    "--bidirectional/--forward": "network.bidirectional",
    "--embedding": "network.embedding",
    "--pooling": "network.pooling",
    "--head": "network.head",
    "--layer-norm": "network.layer_norm",
    "--vectors": "network.vectors",
    "--vectors-vocabulary/--own-vocabulary": "network.vectors_vocabulary",
    "--neighbours": "network.neighbours",
    "--freeze/--fine-tune": "network.freeze",
    "--dropout-word": "network.dropout_word",
    "--dropout-embedding": "network.dropout_embedding",
    "--dropout-input": "network.dropout_input",
    "--dropout-hidden": "network.dropout_hidden",
    "--dropout-output": "network.dropout_output",
    "--dropout-weight": "network.dropout_weight",
    "--tokenizer": "tokenizer.kind",
    "--vocab-size": "tokenizer.vocab_size",
    "--text": "data.text",
    "--label": "data.label",
    "--encoding": "data.encoding",
    "--objective": "data.objective",
    "--order": "data.order",
    "--valid": "data.valid",
    "--valid-fraction": "data.valid_fraction",
    "--max-length": "data.max_length",
    "--licence": "data.licence",
    "--linear": "linear.kind",
    "--blend/--no-blend": "linear.blend",
    "--ngrams": "linear.ngrams",
    "--batch-size": "training.batch_size",
    "--class-weights": "training.class_weights",
    "--entropy": "training.entropy",
    "--adversarial": "training.adversarial",
    "--virtual": "training.virtual",
    "--perturbation": "training.perturbation",
    "--unfreeze": "training.unfreeze",
    "--rate-decay": "training.rate_decay",
    "--judge": "training.judge",
    **LEARNING_FLAGS,
    "--label-smoothing": "training.label_smoothing",
    "--ema": "training.ema",
    "--accumulate": "training.accumulate",
    **WATCHING_FLAGS,
}
"""The recipe's keys that have a flag of their own; `--set` reaches the others."""


@click.command(short_help="Train a classifier on labelled texts.")
@click.argument("files", nargs=-1, metavar="FILE...")
@output_option
@click.option(
    "--from-lm", "parent", type=click.Path(path_type=Path), metavar="RUN",
    help="Start from the language model of a run of `train generate`; its tokenizer and network are kept.",
)  # fmt: skip
@click.option(
    "--pretrain", metavar="TIME",
    help="First train such a language model on the training texts, for so long (`30m`).",
)  # fmt: skip
@click.option(
    "--unlabelled", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Further texts for --pretrain, a text a line or JSON Lines (repeatable).",
)  # fmt: skip
@resume_option
@floor_option("Score the linear models to beat.")
@export_option
@way_flags
@asks_recipe(FLAGS, SentimentRecipe)
def command(
    files: tuple[str, ...],
    output: Path,
    parent: Path | None,
    pretrain: str | None,
    unlabelled: tuple[Path, ...],
    resume: bool,
    floor: bool,
    export: bool,
    test: tuple[str, ...],
    seeds: int | None,
    folds: int | None,
    autotune: str | None,
    max_size: str | None,
    asked: AskedRecipe,
) -> None:
    """Train a classifier on FILE...: CSV or TSV, JSON Lines, fastText lines (`__label__x text`), or
    LABEL=FILE with a text of that label a line. All may be gzipped; columns are found by themselves or named
    with --text and --label.

    A tenth of the texts is held out for validation, each class alike, unless --valid names a file. Linear
    models are trained on the same texts and shown beside the network; --blend puts one into the file too. At
    the end RUN holds the best weights, the figures and model.onnx. Ctrl-C or a kill loses little: the same
    command again goes on.

    With --seeds, --folds or --test RUN gets a run folder for each training and study.json: mean ± sd of the
    network, the linear models and both together.

    \b
      seqtools train sentiment reviews.csv -o runs/reviews --blend
      seqtools train sentiment pos=pos.txt neg=neg.txt -o runs/mr --preset short
      seqtools train sentiment reviews.csv -o runs/ulm --pretrain 30m --unlabelled more.txt
    """
    pretraining = _pretraining(pretrain, unlabelled, parent)
    ways = Ways(test, seeds, folds, autotune, max_size)
    if ways.asked:
        ways.check(files, resume=resume, pretraining=pretraining is not None, parent=parent is not None)
    recipe, spoken = asked.settle(resume=resume, others=bool(parent or pretraining))
    if not resume:
        recipe = _child(recipe, parent, pretraining, spoken)
        if ways.asked:
            ways.train(files, output, recipe, spoken, parent=parent, floor=floor, export=export)
            return
    from seqtools_sentiment.train_run import train_sentiment

    train_sentiment(
        files, output, recipe, parent=parent, pretraining=pretraining, floor=floor, export=export, report=note
    )


def _pretraining(time: str | None, unlabelled: tuple[Path, ...], parent: Path | None) -> Pretraining | None:
    """What `--pretrain` and `--unlabelled` ask for."""
    if time is None:
        if unlabelled:
            raise UsageError(
                "--unlabelled", "only --pretrain reads it", "Add --pretrain 30m, or leave it out"
            )
        return None
    if parent:
        raise UsageError("--pretrain", "--from-lm brings a language model already", "Give one of the two")
    from seqtools.training.clock import parse_duration
    from seqtools_sentiment.pretrain import Pretraining

    parse_duration(time)
    return Pretraining(time, unlabelled)


def _child(
    recipe: SentimentRecipe, parent: Path | None, pretraining: Pretraining | None, spoken: dict[str, Any]
) -> SentimentRecipe:
    """The recipe with what a language model settles."""
    if parent:
        from seqtools_sentiment.from_lm import child_recipe, language_model

        return child_recipe(recipe, language_model(parent), spoken)
    if pretraining:
        from seqtools_sentiment.from_lm import pretrained_recipe

        return pretrained_recipe(recipe, spoken)
    return recipe
