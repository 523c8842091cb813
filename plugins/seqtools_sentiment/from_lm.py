"""A classifier that starts as a language model, from its tokens to its stack (Howard & Ruder 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from seqtools import config
from seqtools.errors import UsageError
from seqtools.nn.classifier import Classifier
from seqtools.nn.language_model import LanguageModel
from seqtools.recipe import NetworkConfig, StackConfig
from seqtools.training.run_folder import RunFolder
from seqtools_sentiment.recipe import SentimentRecipe

# Of a stack, what its weights do not depend on.
_FREE = {"locked", "init", "forget_bias", "dropout_hidden", "dropout_weight"}
_TAKEN = ("embedding", *(field.name for field in fields(StackConfig) if field.name not in _FREE))
_ONE_WAY: dict[str, Any] = {"bidirectional": False, "vectors": "", "neighbours": 0, "freeze": False}

UNFREEZE, RATE_DECAY = 0.3, 2.6
"""How carefully it learns, where a person does not say."""


def language_model(path: Path) -> RunFolder:
    """The run folder of a language model that a classifier can start from.

    Raises:
        DataError: it is no run folder.
        UsageError: it is one of another task, or its tokens have no embedding.
    """
    run = RunFolder.open(path)
    recipe = run.recipe()
    if not isinstance(recipe.network, NetworkConfig):
        cause = f"it is a run of '{recipe.task}', not a language model"
        raise UsageError(str(path), cause, "Give one of: seqtools train generate")
    if not recipe.network.embedding:
        cause = "its language model reads one-hot tokens and has no embedding to take over"
        raise UsageError(str(path), cause, "Train it with network.embedding above 0")
    return run


def child_recipe(recipe: SentimentRecipe, parent: RunFolder, said: Mapping[str, Any]) -> SentimentRecipe:
    """The recipe of a classifier that takes over a language model's tokenizer, embedding and stack.

    Args:
        said: settings that a person named (flags, `--set`, a recipe file).

    Raises:
        UsageError: another network or tokenizer was asked for.
    """
    old = parent.recipe()
    taken = {name: getattr(old.network, name) for name in _TAKEN} | _ONE_WAY
    before = {f"network.{name}": value for name, value in taken.items()}
    before |= {"tokenizer.kind": old.tokenizer.kind, "tokenizer.vocab_size": old.tokenizer.vocab_size}
    before |= {f"{config.FREE}.{name}": value for name, value in old.tokenizer.options.items()}
    for path, value in said.items():
        if (path in before or path.startswith("tokenizer.")) and before.get(path) != value:
            cause = "--from-lm keeps the tokenizer, the embedding and the stack of its run"
            raise UsageError(f"{path} = {value}", cause, "Leave it out")
    tokenizer = replace(
        recipe.tokenizer,
        kind=old.tokenizer.kind,
        vocab_size=old.tokenizer.vocab_size,
        options=dict(old.tokenizer.options),
    )
    taken_over = replace(recipe, network=replace(recipe.network, **taken), tokenizer=tokenizer)
    return _careful(taken_over, said)


def pretrained_recipe(recipe: SentimentRecipe, said: Mapping[str, Any]) -> SentimentRecipe:
    """The recipe of a classifier whose language model will be trained to fit it; `said` as above.

    Raises:
        UsageError: a network was asked for that no language model can be.
    """
    for path, value in said.items():
        name = path.removeprefix("network.")
        if name in _ONE_WAY and value != _ONE_WAY[name]:
            cause = "a language model reads forward and brings its own embedding"
            raise UsageError(f"{path} = {value}", cause, "Leave it out")
    return _careful(replace(recipe, network=replace(recipe.network, **_ONE_WAY)), said)


def _careful(recipe: SentimentRecipe, said: Mapping[str, Any]) -> SentimentRecipe:
    training = recipe.training
    if "training.unfreeze" not in said:
        training = replace(training, unfreeze=UNFREEZE)
    if "training.rate_decay" not in said:
        training = replace(training, rate_decay=RATE_DECAY)
    return replace(recipe, training=training)


def take_over(network: Classifier, parent: RunFolder) -> None:
    """Give a fresh classifier the language model's embedding and stack."""
    model: LanguageModel = parent.network()
    assert model.embedding is not None
    network.embedding.load_state_dict(model.embedding.state_dict())
    network.stack.load_state_dict(model.stack.state_dict())
