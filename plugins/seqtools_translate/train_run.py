"""One training run from sentence pairs to `model.onnx`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from seqtools import loader
from seqtools.errors import ConfigError, DataError, UsageError
from seqtools.nn.seq2seq import Seq2Seq
from seqtools.nn.size import count_parameters
from seqtools.nn.vectors import load_vectors
from seqtools.plugin import Reporter
from seqtools.training.beginning import agree, check_fresh, clear, prepared, record, resumed
from seqtools.training.checkpoint import CheckpointFolder
from seqtools.training.ending import make_file, note_best
from seqtools.training.files import write_tensors
from seqtools.training.limits import check_limits
from seqtools.training.loop import TrainingResult, train
from seqtools.training.rng import seed_all, shielded
from seqtools.training.world import World
from seqtools_translate.last_weights import LastWeights
from seqtools_translate.lexicon import Lexicon
from seqtools_translate.prepare import Corpus, data_matches, prepare
from seqtools_translate.recipe import TranslateRecipe
from seqtools_translate.run_folder import PREPARED, TranslateRun
from seqtools_translate.train import TranslateExperiment


def train_translate(
    corpus: Corpus, output: Path, recipe: TranslateRecipe | None, *, floor: bool = True, export: bool = True,
    report: Reporter,
) -> TrainingResult:  # fmt: skip
    """Train a translator into a run folder, going on if a run with the same recipe was begun there.

    Args:
        corpus: the pairs; empty when going on.
        recipe: what to do; None goes on with the recipe that the folder holds.
        floor: score copying and the word-by-word dictionary.
        export: write `model.onnx` at the end.

    Raises:
        ConfigError: the folder holds a run with another recipe.
        DataError, TrainingError, ExportError: see those.
    """
    run = TranslateRun(output)
    if export:
        import seqtools_translate.export  # noqa: F401  (a missing package is told now, not in an hour)
    recipe = recipe or resumed(run, TranslateRecipe)
    check_limits(recipe.training)
    if run.exists:
        agree(run, recipe, None, lambda: not corpus.sources or data_matches(run, corpus, recipe))
    else:
        if not corpus.sources:
            raise UsageError("pairs", "there are none to train on", "Name them with --source and --target")
        check_fresh(run, PREPARED)
        _check_recipe(recipe)
    begin = partial(prepare, run, corpus, recipe, report)
    with prepared(run, recipe.training.device, begin, partial(clear, run, PREPARED)) as world:
        result = _train(run, recipe, world, report)
    if world.leads:
        _finish(run, result, floor=floor, export=export, report=report)
    return result


def _check_recipe(recipe: TranslateRecipe) -> None:
    """Try the recipe, its network without memory for the weights, before any text is read."""
    if recipe.network.shared and not recipe.tokenizer.joint:
        cause = "one embedding for both sides needs one vocabulary"
        raise ConfigError("network.shared", cause, "Set it to false, or tokenizer.joint to true")
    if recipe.training.judge != "loss" and not recipe.training.valid_pairs:
        cause = f"'{recipe.training.judge}' needs translations, but training.valid_pairs is 0"
        raise ConfigError("training.judge", cause, "Set it to 'loss', or valid_pairs above 0")
    with torch.device("meta"):
        Seq2Seq(recipe.network, 8, 8)
    loader.tokenizer(recipe.tokenizer.kind)
    if recipe.network.vectors and not Path(recipe.network.vectors).is_file():
        raise DataError(recipe.network.vectors, "there is no such file of vectors", "Check the path")


def _train(run: TranslateRun, recipe: TranslateRecipe, world: World, report: Reporter) -> TrainingResult:
    seed_all(recipe.training.seed)
    sizes = run.tokenizer().vocab_size, run.target_tokenizer().vocab_size
    network = Seq2Seq(recipe.network, *sizes)
    if recipe.network.vectors and not CheckpointFolder(run.path).newest():
        _fill(network, run, Path(recipe.network.vectors), world.reporter(report))
    network = network.to(world.device)
    count = count_parameters(network)
    experiment = TranslateExperiment(network, run, recipe, world)
    if world.leads:
        attention = recipe.network.attention
        report(
            f"network: {recipe.network.cell}, attention {attention}, {count:,} parameters, on {world.device}"
        )
        record(run, recipe, count)
    result = train(experiment, recipe.training, run.path, world=world, report=report)
    if not world.leads:
        return result
    result = _averaged(run, experiment, result, report)
    experiment.kept.clear()
    return result


def _fill(network: Seq2Seq, run: TranslateRun, vectors: Path, report: Reporter) -> None:
    """Pretrained vectors into the target's embedding, at the scale that the decoder multiplies it by."""
    weight = network.target_embedding.weight
    load_vectors(vectors, run.target_tokenizer(), weight, report)
    with torch.no_grad():
        weight.div_(network.scale)


def _averaged(
    run: TranslateRun, experiment: TranslateExperiment, result: TrainingResult, report: Reporter
) -> TrainingResult:
    """Try the mean of the last weights; where it is better, it is the best."""
    kept: LastWeights = experiment.kept
    weights = kept.mean()
    if not weights:
        return result
    network = experiment.network
    with shielded(), torch.no_grad():
        network.load_state_dict(weights)
        network.eval()
        figures = experiment.measure()
    by, sign = experiment.judged_by, 1 if experiment.higher_is_better else -1
    better = sign * figures[by] > sign * result.best[by]
    verdict = "kept" if better else f"not kept, the best is {result.best[by]:.4f}"
    report(f"mean of the last {kept.count} evaluations' weights: {figures[by]:.4f} ({verdict})")
    if not better:
        return result
    write_tensors(run.path / "best.safetensors", network.state_dict())
    return TrainingResult({"step": result.steps, **figures}, result.steps, result.stopped)


def _finish(
    run: TranslateRun, result: TrainingResult, *, floor: bool, export: bool, report: Reporter
) -> None:
    """Best figures beside the floors', the lexicon, then the file."""
    best = note_best(run, result)
    _learn_lexicon(run, report)
    if floor and not run.floor():
        from seqtools_translate.floor import run_floor

        run.write_json("floor.json", run_floor(run, report))
    report(compare(best, run.floor()))
    if export:
        make_file(run, report)


def _learn_lexicon(run: TranslateRun, report: Reporter) -> None:
    """Which target tokens a source token may become, for the shortlist in the file."""
    if run.lexicon():
        return
    source, target = run.tokenizer(), run.target_tokenizer()
    texts = zip(run.texts("train", "source"), run.texts("train", "target"), strict=True)
    pairs = ((source.encode(one), target.encode(two)) for one, two in texts)
    lexicon = Lexicon.learn(pairs, source.vocab_size, target.vocab_size)
    run.write_lexicon(lexicon.payload())
    report(f"lexicon: {len(lexicon.ids):,} likely target tokens, {len(lexicon.always)} that always may be")


def compare(best: dict[str, Any], floor: dict[str, Any]) -> str:
    """One honest line: the network's figures beside the floors'."""
    if "bleu" not in best:
        return f"validation {best['valid_loss']:.4f} nats per token"
    own = f"validation BLEU {best['bleu']:.2f}, chrF {best['chrf']:.2f} (greedy)"
    if not floor:
        return own
    beside = ", ".join(f"{name} {one['bleu']:.2f}" for name, one in floor["systems"].items())
    beaten = all(best["bleu"] > one["bleu"] for one in floor["systems"].values())
    verdict = "the network earns its place" if beaten else "the simple method wins: train longer, or use it"
    return f"{own}; {beside}: {verdict}"
