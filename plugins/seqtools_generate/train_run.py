"""One training run from texts to `model.onnx`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqtools import config, loader
from seqtools.errors import ConfigError, DataError, UsageError
from seqtools.nn.language_model import LanguageModel
from seqtools.nn.size import count_parameters
from seqtools.nn.vectors import load_vectors
from seqtools.plugin import Reporter, Tokenizer
from seqtools.recipe import Recipe
from seqtools.training.beginning import agree, check_fresh, clear, prepared, record, resumed
from seqtools.training.checkpoint import CheckpointFolder
from seqtools.training.ending import make_file, note_best
from seqtools.training.limits import check_limits
from seqtools.training.loop import TrainingResult, train
from seqtools.training.rng import seed_all
from seqtools.training.run_folder import RunFolder
from seqtools.training.world import World
from seqtools_generate.absent import absent_tokens, hold_still
from seqtools_generate.floor import floor_for
from seqtools_generate.grow import grown
from seqtools_generate.prepare import PREPARED, data_matches, prepare
from seqtools_generate.resampling import Resampler
from seqtools_generate.train import VALID_TOKENS, LanguageModelExperiment

# What `--from` may change in a network: nothing that its weights depend on.
_CHANGEABLE = (
    "network.locked",
    *(f"network.dropout_{place}" for place in ("input", "hidden", "output", "embedding", "weight")),
)


def train_generate(
    paths: list[Path], output: Path, recipe: Recipe | None, *, parent: Path | None = None, floor: bool = True,
    export: bool = True, report: Reporter,
) -> TrainingResult:  # fmt: skip
    """Train a language model into a run folder, going on if a run with the same recipe was begun there.

    Args:
        paths: texts; not needed when going on.
        recipe: what to do; None goes on with the recipe that the folder holds.
        parent: start from this run's weights and vocabulary.
        floor: compute the n-gram floor.
        export: write `model.onnx` at the end.

    Raises:
        ConfigError: the folder holds a run with another recipe.
        DataError, TrainingError, ExportError: see those.
    """
    run = RunFolder(output)
    if export:
        import seqtools_generate.export  # noqa: F401  (a missing package is told now, not in an hour)
    if recipe is None:
        recipe = resumed(run, Recipe)
        parent = Path(told) if (told := run.info()["parent"]) else None
    check_limits(recipe.training)
    if run.exists:
        agree(run, recipe, parent, lambda: not paths or data_matches(run, paths, recipe))
    else:
        if not paths:
            raise UsageError("FILE", "there is no text to train on", "Name one or more files or folders")
        check_fresh(run, PREPARED)
        _check_recipe(recipe)
    begin = partial(_begin, run, paths, recipe, parent, report)
    with prepared(run, recipe.training.device, begin, partial(clear, run, PREPARED)) as world:
        result = _train(run, recipe, world, parent, report)
    if world.leads:
        _finish(run, result, floor=floor, export=export, report=report)
    return result


def _begin(run: RunFolder, paths: list[Path], recipe: Recipe, parent: Path | None, report: Reporter) -> None:
    prepare(run, paths, recipe, RunFolder.open(parent) if parent else None, report)


def _check_recipe(recipe: Recipe) -> None:
    """Try the recipe, its network without memory for the weights, before any text is read."""
    with torch.device("meta"):
        LanguageModel(recipe.network, 8)
    loader.tokenizer(recipe.tokenizer.kind)
    if recipe.network.vectors:
        if not recipe.network.embedding:
            raise ConfigError("network.vectors", "there is no embedding to fill", "Set network.embedding")
        if not Path(recipe.network.vectors).is_file():
            raise DataError(recipe.network.vectors, "there is no such file of vectors", "Check the path")


def _train(
    run: RunFolder, recipe: Recipe, world: World, parent: Path | None, report: Reporter
) -> TrainingResult:
    tokenizer = run.tokenizer()
    seed_all(recipe.training.seed)
    say = world.reporter(report)
    network = first_network(run, recipe, tokenizer, parent, say).to(world.device)
    # Where a checkpoint waits, its weights replace what is set here, and the parent may be gone.
    begun = CheckpointFolder(run.path).newest()
    known = RunFolder.open(parent).tokenizer().vocab_size if parent and not begun else 0
    hold_still(network, _absent(run, recipe, tokenizer), known=known)
    count = count_parameters(network)
    say(f"network: {recipe.network.cell}, {count:,} parameters, on {world.device}")
    sampling = float(recipe.tokenizer.options.get("sampling", 0.0))
    renew = None
    if sampling:
        renew = Resampler(run, tokenizer, recipe.training.seed, world.rank, per_line=recipe.data.per_line)
    experiment = LanguageModelExperiment(
        network, run.stream("train"), run.valid_tokens(), recipe, tokenizer, world, renew
    )
    if world.leads:
        record(run, recipe, count)
    return train(experiment, recipe.training, run.path, world=world, report=report)


def _absent(run: RunFolder, recipe: Recipe, tokenizer: Tokenizer) -> Tensor:
    """Ids that training will never show; segmentations drawn by chance may show any piece."""
    absent = absent_tokens(run.stream("train"), tokenizer.vocab_size)
    if not recipe.tokenizer.options.get("sampling"):
        return absent
    return absent[torch.isin(absent, torch.tensor([tokenizer.unknown, tokenizer.bos, tokenizer.eos]))]


def first_network(
    run: RunFolder, recipe: Recipe, tokenizer: Tokenizer, parent: Path | None, report: Reporter
) -> LanguageModel:
    """A network to start from: fresh, with pretrained vectors, or another run's, grown to the vocabulary.

    Where a checkpoint waits, its weights will replace these, and neither parent nor vectors are read.
    """
    network = LanguageModel(recipe.network, tokenizer.vocab_size)
    if CheckpointFolder(run.path).newest():
        return network
    if parent:
        return grown(network, RunFolder.open(parent))
    if recipe.network.vectors and network.embedding is not None:
        load_vectors(Path(recipe.network.vectors), tokenizer, network.embedding.weight, report)
    return network


def _finish(run: RunFolder, result: TrainingResult, *, floor: bool, export: bool, report: Reporter) -> None:
    """Best figures beside the floor's, then the file."""
    loss, tokenizer, valid = result.best["valid_loss"], run.tokenizer(), run.valid_tokens()[:VALID_TOKENS]
    characters = max(1, _characters(run, tokenizer))
    per_character = loss * (len(valid) - 1) / characters
    note_best(run, result, nats_per_character=per_character)
    if floor and not run.floor():
        told = floor_for(run.stream("train"), valid, tokenizer, report, characters=characters)
        run.write_json("floor.json", {key: value for key, value in told.items() if key != "model"})
    report(compare(loss, per_character, run.floor()))
    if export:
        make_file(run, report)


def _characters(run: RunFolder, tokenizer: Tokenizer) -> int:
    """Characters that the evaluated tokens stand for; the first token is context only and does not count."""
    told, tokens = run.stream_info("valid"), run.valid_tokens()
    if len(tokens) <= VALID_TOKENS:
        return told.characters - len(tokenizer.decode(tokens[:1]))
    return len(tokenizer.decode(tokens[1:VALID_TOKENS]))


def compare(loss: float, per_character: float, floor: dict[str, Any]) -> str:
    """One honest line: the network's figures beside the floor's."""
    own = (
        f"validation {per_character:.4f} nats per character ({per_character / math.log(2):.4f} bits; "
        f"{loss:.4f} nats, perplexity {math.exp(min(loss, 700)):.2f} per token)"
    )
    if not floor:
        return own
    beaten = per_character < floor["nats_per_character"]
    verdict = "the network earns its place" if beaten else "the n-gram wins: use it, or train longer"
    return f"{own}; {floor['name']} {floor['nats_per_character']:.4f}: {verdict}"


def child_recipe(recipe: Recipe, parent: RunFolder, said: Mapping[str, Any]) -> Recipe:
    """The recipe of a run that goes on from another: that one's network and tokenizer.

    Args:
        said: settings that a person named (flags, `--set`, a recipe file); of the network they may change
            how it is regularised, and nothing else.

    Raises:
        UsageError: another network or tokenizer was asked for.
    """
    old = parent.recipe()
    before = config.settings(old)
    before |= {f"{config.FREE}.{name}": value for name, value in old.tokenizer.options.items()}
    for path, value in said.items():
        kept = path.startswith(("network.", "tokenizer.")) and path not in _CHANGEABLE
        if kept and before.get(path) != value:
            raise UsageError(
                f"{path} = {value}", "--from keeps the network and tokenizer of its run", "Leave it out"
            )
    names = [path.rpartition(".")[2] for path in _CHANGEABLE if path in said]
    changed = {name: getattr(recipe.network, name) for name in names}
    return replace(recipe, network=replace(old.network, **changed), tokenizer=old.tokenizer)
