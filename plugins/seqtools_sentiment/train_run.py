"""One training run from labelled texts to `model.onnx`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from seqtools import loader
from seqtools.errors import ConfigError, UsageError
from seqtools.nn.classifier import Classifier
from seqtools.nn.size import count_parameters
from seqtools.nn.vectors import check_vectors, fill_embedding
from seqtools.plugin import Reporter
from seqtools.training.beginning import agree, check_fresh, clear, prepared, record, resumed
from seqtools.training.checkpoint import CheckpointFolder
from seqtools.training.ending import make_file, note_best
from seqtools.training.limits import check_limits
from seqtools.training.loop import TrainingResult, train
from seqtools.training.rng import seed_all
from seqtools.training.world import World
from seqtools_sentiment import pretrain
from seqtools_sentiment.from_lm import language_model, take_over
from seqtools_sentiment.prepare import data_matches, prepare
from seqtools_sentiment.recipe import SentimentRecipe
from seqtools_sentiment.run_folder import PREPARED, SentimentRun
from seqtools_sentiment.train import SentimentExperiment, class_weights
from seqtools_sentiment.unfreezing import rates
from seqtools_sentiment.vectors import widened

Fill = Callable[[SentimentRun], None]
"""Puts texts, labels and a tokenizer into a fresh run folder."""


def train_sentiment(
    files: tuple[str, ...], output: Path, recipe: SentimentRecipe | None, *, parent: Path | None = None,
    pretraining: pretrain.Pretraining | None = None, floor: bool = True, export: bool = True,
    report: Reporter,
) -> None:  # fmt: skip
    """Train a classifier into a run folder, going on if a run with the same recipe was begun there.

    Args:
        files: the labelled texts; empty when going on.
        recipe: what to do; None goes on with the recipe that the folder holds.
        parent: the run of a language model to start from; its recipe is in `recipe` (`child_recipe`).
        pretraining: how to train such a one first, in the run folder.
        floor: score the linear models.
        export: write `model.onnx` at the end.

    Raises:
        ConfigError: the folder holds a run with another recipe.
        DataError, TrainingError, ExportError: see those.
    """
    run = SentimentRun(output)
    if recipe is None:
        recipe = resumed(run, SentimentRecipe)
        told = run.info().get("parent", "")
        parent = Path(told) if told else None
    elif pretraining:
        parent = run.path / pretrain.FOLDER
    if not (run.exists or files):
        raise UsageError("FILE", "there is no text to train on", "Name one file or more")
    wanted = recipe

    def begin(fresh: SentimentRun) -> None:
        prepare(fresh, files, wanted, report)
        if pretraining:
            texts = (example.text for example in fresh.examples("train"))
            pretraining.train(fresh.path, texts, wanted, report)

    if run.exists:
        agree(run, recipe, parent, lambda: not files or data_matches(run, files, wanted))
    train_filled(run, recipe, begin, parent=parent, floor=floor, export=export, report=report)


def train_filled(
    run: SentimentRun, recipe: SentimentRecipe, fill: Fill, *, parent: Path | None = None, floor: bool,
    export: bool, report: Reporter,
) -> None:  # fmt: skip
    """Train in a run folder that `fill` fills if it is no run yet; what is done already is not done again.

    Raises:
        ConfigError: the folder holds a run with another recipe.
    """
    if export:
        import seqtools_sentiment.export  # noqa: F401  (a missing package is told now, not in an hour)
    check_limits(recipe.training)
    if run.exists:
        agree(run, recipe, parent, lambda: True)
    else:
        check_fresh(run, (*PREPARED, pretrain.FOLDER, pretrain.TEXTS))
        _check_recipe(recipe)
    begin = partial(_begin, run, fill, recipe, parent)
    with prepared(run, recipe.training.device, begin, partial(clear, run, PREPARED)) as world:
        result = _train(run, recipe, world, parent, report)
    if world.leads:
        _finish(run, recipe, result, floor=floor, export=export, report=report)


def _begin(run: SentimentRun, fill: Fill, recipe: SentimentRecipe, parent: Path | None) -> None:
    """Fill the folder, then settle which tokens there are."""
    fill(run)
    info, tokenizer = run.info(), run.tokenizer()
    known = tokenizer.vocab_size
    if parent:
        tokenizer = language_model(parent).tokenizer()
    elif recipe.network.vectors and recipe.network.vectors_vocabulary:
        tokenizer = widened(tokenizer, Path(recipe.network.vectors))
    run.write_tokenizer(tokenizer)
    fixed = 0 if parent else tokenizer.vocab_size - known
    run.write_json("run.json", {**info, "parent": str(parent.resolve()) if parent else "", "fixed": fixed})


def _check_recipe(recipe: SentimentRecipe) -> None:
    """Try the recipe, its network without memory for the weights, before any text is read."""
    network = recipe.network
    with torch.device("meta"):
        Classifier(network, 8, 2)
    loader.tokenizer(recipe.tokenizer.kind)
    if network.vectors:
        check_vectors(Path(network.vectors), network.embedding)
    elif network.freeze and not network.neighbours:
        cause = "an embedding without vectors would stay as it was drawn"
        raise ConfigError("network.freeze", cause, "Give network.vectors, too, or leave it out")


def _train(
    run: SentimentRun, recipe: SentimentRecipe, world: World, parent: Path | None, report: Reporter
) -> TrainingResult:
    seed_all(recipe.training.seed)
    labels, tokenizer = run.labels(), run.tokenizer()
    network = Classifier(
        recipe.network,
        tokenizer.vocab_size,
        labels.outputs,
        labels.objective == "ordinal",
        fixed=run.info()["fixed"],
    )
    # What is set here, a checkpoint's weights would replace, and all processes get the leading one's.
    if world.leads and not CheckpointFolder(run.path).newest():
        _start(network, run, recipe, parent, report)
    network = network.to(world.device)
    experiment = SentimentExperiment(network, run, recipe, world)
    if world.leads:
        count = count_parameters(network)
        report(
            f"network: {recipe.network.cell}, pooling {recipe.network.pooling}, {count:,} parameters, "
            f"{labels.objective} over {labels.classes} labels, on {world.device}"
        )
        record(run, recipe, count)
    slower = rates(network, recipe.training.rate_decay)
    return train(experiment, recipe.training, run.path, world=world, report=report, rates=slower)


def _start(
    network: Classifier, run: SentimentRun, recipe: SentimentRecipe, parent: Path | None, report: Reporter
) -> None:
    """Give the network what is known before any label is seen."""
    config, tokenizer = recipe.network, run.tokenizer()
    if parent:
        take_over(network, language_model(parent))
    elif config.vectors:
        fill_embedding(Path(config.vectors), tokenizer, network.embedding, report)
    elif config.neighbours:
        from seqtools_sentiment.neighbours import fill_from_neighbours

        texts = (example.text for example in run.examples("train"))
        weight, seed = network.embedding.weight, recipe.training.seed
        fill_from_neighbours(weight, texts, tokenizer, config.neighbours, seed, report)


def _finish(
    run: SentimentRun, recipe: SentimentRecipe, result: TrainingResult, *, floor: bool, export: bool,
    report: Reporter,
) -> None:  # fmt: skip
    """Linear models, calibration, best figures beside the floors', then the file."""
    from seqtools_sentiment.calibration import calibrate_run
    from seqtools_sentiment.floor import fit_run_linear, run_floor
    from seqtools_sentiment.predicting import run_logits

    best = note_best(run, result)
    labels = run.labels()
    weights = class_weights(recipe, labels.targets(run.examples("train")), labels)
    if floor and not run.floor():
        run.write_json("floor.json", run_floor(run, report, weights=weights))
    elif recipe.linear.blend and not run.linear():
        fit_run_linear(run, report, weights=weights)
    logits = run_logits(run, [example.text for example in run.examples("valid")])
    calibrate_run(run, logits, report)
    blended = run.calibration()["after"]["accuracy"] if recipe.linear.blend else None
    report(compare(best, run.floor(), blended))
    if export:
        make_file(run, report, "'I loved it'")


def compare(best: dict[str, Any], floor: dict[str, Any], blended: float | None = None) -> str:
    """One honest line: the network's figures beside the floors', as measured on validation texts.

    Args:
        best, floor: figures of both.
        blended: accuracy of network and linear model together, where the file holds both.
    """
    own = f"validation accuracy {best['accuracy']:.2%}, macro F1 {best['macro_f1']:.4f}"
    own += "" if blended is None else f", blended {blended:.2%}"
    if not floor:
        return own
    beside = ", ".join(f"{name} {one['accuracy']:.2%}" for name, one in floor["systems"].items())
    bar = max(one["accuracy"] for one in floor["systems"].values())
    if best["accuracy"] > bar:
        verdict = "the network earns its place"
    elif blended is None:
        verdict = "the linear model wins: use it, or --blend both"
    elif blended > bar:
        verdict = "the linear model beats the network; the blend in the file beats both"
    else:
        verdict = "the linear model wins, blended or not"
    return f"{own}; {beside}: {verdict}"
