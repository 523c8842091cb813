"""One training run from labelled sentences to `model.onnx`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from seqtools import loader
from seqtools.errors import ConfigError, UsageError
from seqtools.nn.tagger import Tagger
from seqtools.nn.vectors import check_vectors, fill_embedding
from seqtools.plugin import Reporter
from seqtools.training.beginning import agree, attempt, check_fresh, clear, record
from seqtools.training.checkpoint import CheckpointFolder
from seqtools.training.clock import parse_duration
from seqtools.training.limits import check_limits
from seqtools.training.loop import TrainingResult, train
from seqtools.training.rng import seed_all
from seqtools.training.world import World
from seqtools_tag.prepare import data_matches, prepare
from seqtools_tag.recipe import TagRecipe
from seqtools_tag.run_folder import PREPARED, TagRun
from seqtools_tag.spelling import SHAPES
from seqtools_tag.train import TagExperiment


def train_tag(
    files: Sequence[Path], output: Path, recipe: TagRecipe | None, *, floor: bool = True, export: bool = True,
    test: Path | None = None, report: Reporter,
) -> TrainingResult:  # fmt: skip
    """Train a tagger into a run folder, going on if a run with the same recipe was begun there.

    Args:
        files: the sentences; none when going on.
        recipe: what to do; None goes on with the recipe that the folder holds.
        floor: score the simple methods.
        export: write `model.onnx` at the end.
        test: sentences that the best weights, and the simple methods, are scored on once, at the end.

    Raises:
        ConfigError: the folder holds a run with another recipe.
        DataError, TrainingError, ExportError: see those.
    """
    run = TagRun(output)
    if export:
        import seqtools_tag.export  # noqa: F401  (a missing package is told now, not in an hour)
    if recipe is None:
        if not run.exists:
            raise UsageError(str(run.path), "there is no run to resume", "Start one without --resume")
        recipe = _taggers(run)
    check_limits(recipe.training)
    if run.exists:
        agree(run, recipe, None, lambda: not files or data_matches(run, files, recipe))
    else:
        if not files:
            raise UsageError("sentences", "there are none to train on", "Name a file of them")
        check_fresh(run, PREPARED)
        _check_recipe(recipe)
    world = World.start(recipe.training.device)
    try:
        failure = attempt(partial(_begin, run, files, recipe, report)) if world.leads else None
        failure = world.tell(failure)  # the others wait here until the sentences are there
        if failure:
            raise failure
        result = _train(run, recipe, world, report)
    finally:
        world.close()
        if world.leads and not run.exists:
            clear(run, PREPARED)
    if world.leads:
        _finish(run, result, floor=floor, export=export, test=test, report=report)
    return result


def _taggers(run: TagRun) -> TagRecipe:
    recipe = run.recipe()
    if not isinstance(recipe, TagRecipe):
        cause = f"its run is one of '{recipe.task}'"
        raise UsageError(str(run.path), cause, f"Use: seqtools train {recipe.task} --resume")
    return recipe


def _begin(run: TagRun, files: Sequence[Path], recipe: TagRecipe, report: Reporter) -> None:
    """Prepare the folder if it is no run yet."""
    if not run.exists:
        prepare(run, files, recipe, report)


def _check_recipe(recipe: TagRecipe) -> None:
    """Try the recipe, its network without memory for the weights, before any sentence is read."""
    network, training = recipe.network, recipe.training
    if network.crf and training.label_smoothing:
        cause = "a CRF judges whole sentences, whose labels cannot be smoothed"
        raise ConfigError("training.label_smoothing", cause, "Set it to 0, or network.crf to false")
    if network.freeze and not network.vectors:
        cause = "an embedding without vectors would stay as it was drawn"
        raise ConfigError("network.freeze", cause, "Give network.vectors, too, or leave it out")
    with torch.device("meta"):
        Tagger(network, 8, 8, 8, len(SHAPES))
    loader.tokenizer(recipe.tokenizer.kind)
    if training.max_time:
        parse_duration(training.max_time)
    if network.vectors:
        check_vectors(Path(network.vectors), network.embedding)


def _train(run: TagRun, recipe: TagRecipe, world: World, report: Reporter) -> TrainingResult:
    seed_all(recipe.training.seed)
    labels, tokenizer = run.labels(), run.tokenizer()
    network = Tagger(
        recipe.network,
        tokenizer.vocab_size,
        run.spelling().count,
        len(labels),
        len(SHAPES),
        fixed=run.info()["fixed"],
    )
    if network.crf is not None:
        network.crf.forbid(*map(torch.from_numpy, labels.forbidden()))
    if recipe.network.vectors and not CheckpointFolder(run.path).newest():
        say = report if world.leads else _silent
        fill_embedding(Path(recipe.network.vectors), tokenizer, network.embedding, say)
    network = network.to(world.device)
    experiment = TagExperiment(network, run, recipe, world)
    if world.leads:
        count = sum(parameter.numel() for parameter in network.parameters())
        head = "CRF" if network.crf is not None else "one label at a time"
        spelled = recipe.network.characters
        report(
            f"network: {recipe.network.cell}, spelling {spelled}, {head}, {count:,} parameters that learn, "
            f"on {world.device}"
        )
        record(run, recipe, count)
        if not run.exists:  # all is well: from here on the folder is a run
            run.write_recipe(recipe)
    return train(experiment, recipe.training, run.path, world=world, report=report)


def _silent(line: str) -> None:
    """The report of ranks that do not lead."""


def _finish(
    run: TagRun, result: TrainingResult, *, floor: bool, export: bool, test: Path | None, report: Reporter
) -> None:
    """Best figures beside the floors', the test, then the file."""
    best: dict[str, Any] = {**result.best, "steps": result.steps, "stopped": result.stopped}
    run.write_json("run.json", {**run.info(), "best": best})
    from seqtools_tag.calibration import calibrate_run
    from seqtools_tag.testing import compare, run_floor, run_test

    calibrate_run(run, report)
    if floor and not run.floor():
        run.write_json("floor.json", run_floor(run, report))
    report(compare("validation", best, run.floor().get("systems", {})))
    if test is not None:
        run.write_json("test.json", run_test(run, test, floor=floor, report=report))
    if export:
        from seqtools_tag.export import export_run

        export_run(run.path, run.path / "model.onnx", report=report)
        report(f"Try it: seqtools tag -m {shlex.quote(str(run.path / 'model.onnx'))} 'Let it rain.'")
