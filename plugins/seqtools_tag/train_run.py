"""One training run from labelled sentences to `model.onnx`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from seqtools import loader
from seqtools.errors import ConfigError, UsageError
from seqtools.nn.size import count_parameters
from seqtools.nn.tagger import Tagger
from seqtools.nn.vectors import check_vectors, fill_embedding
from seqtools.plugin import Reporter
from seqtools.training.beginning import agree, check_fresh, clear, prepared, record, resumed
from seqtools.training.checkpoint import CheckpointFolder
from seqtools.training.ending import make_file, note_best
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
    recipe = recipe or resumed(run, TagRecipe)
    check_limits(recipe.training)
    if run.exists:
        agree(run, recipe, None, lambda: not files or data_matches(run, files, recipe))
    else:
        if not files:
            raise UsageError("sentences", "there are none to train on", "Name a file of them")
        check_fresh(run, PREPARED)
        _check_recipe(recipe)
    begin = partial(prepare, run, files, recipe, report)
    with prepared(run, recipe.training.device, begin, partial(clear, run, PREPARED)) as world:
        result = _train(run, recipe, world, report)
    if world.leads:
        _finish(run, result, floor=floor, export=export, test=test, report=report)
    return result


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
        vectors = Path(recipe.network.vectors)
        fill_embedding(vectors, tokenizer, network.embedding, world.reporter(report))
    network = network.to(world.device)
    experiment = TagExperiment(network, run, recipe, world)
    if world.leads:
        count = count_parameters(network)
        head = "CRF" if network.crf is not None else "one label at a time"
        spelled = recipe.network.characters
        report(
            f"network: {recipe.network.cell}, spelling {spelled}, {head}, {count:,} parameters that learn, "
            f"on {world.device}"
        )
        record(run, recipe, count)
    return train(experiment, recipe.training, run.path, world=world, report=report)


def _finish(
    run: TagRun, result: TrainingResult, *, floor: bool, export: bool, test: Path | None, report: Reporter
) -> None:
    """Best figures beside the floors', the test, then the file."""
    best = note_best(run, result)
    from seqtools_tag.calibration import calibrate_run
    from seqtools_tag.testing import compare, run_floor, run_test

    calibrate_run(run, report)
    if floor and not run.floor():
        run.write_json("floor.json", run_floor(run, report))
    report(compare("validation", best, run.floor().get("systems", {})))
    if test is not None:
        run.write_json("test.json", run_test(run, test, floor=floor, report=report))
    if export:
        make_file(run, report, "'Let it rain.'")
