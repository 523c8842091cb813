"""The language model that a classifier starts from, trained by the task that trains such, wherever it is."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from seqtools import config, loader
from seqtools.errors import PluginError, UsageError
from seqtools.plugin import Reporter
from seqtools.training.files import write_atomic
from seqtools_sentiment.recipe import SentimentRecipe

COMMAND = "train generate"
FOLDER, TEXTS = "lm", "lm.txt"
"""Where, in the classifier's run folder, the language model and the texts it reads lie."""

# A language model wants a table that is its output layer, too, and dropout where it reads and writes.
_SETTINGS = {
    "network.tied": True,
    "network.dropout_input": 0.2,
    "network.dropout_output": 0.2,
    "data.per_line": True,
    "data.valid_fraction": 0.02,
    "training.lr": 3e-3,
    # Small steps: over thousands of words each one is dear, and minutes on a CPU hold few.
    "training.batch_size": 16,
    "training.chunk": 32,
    "training.warmup": 20,
    "training.sample_tokens": 0,
}


@dataclass(frozen=True)
class Pretraining:
    """How long to train a language model, and on what besides the training texts.

    Attributes:
        time: a duration (`30m`).
        unlabelled: files of further texts, a text a line (plain or .gz) or JSON Lines.
    """

    time: str
    unlabelled: tuple[Path, ...] = ()

    def train(self, run: Path, texts: Iterable[str], recipe: SentimentRecipe, report: Reporter) -> None:
        """Train a language model into `FOLDER` of a classifier's run, going on if it was begun there.

        Args:
            run: the classifier's run folder.
            texts: the training texts.
            recipe: the classifier's; its tokenizer and its stack are the language model's.

        Raises:
            PluginError: no installed plugin trains language models.
            UsageError: several processes train; each would train its own.
        """
        if os.environ.get("WORLD_SIZE", "1") != "1":
            cause = "it runs in one process, and there are several"
            cure = f"Train it first with seqtools {COMMAND}, then use --from-lm"
            raise UsageError("--pretrain", cause, cure)
        found = loader.registry().commands.get(COMMAND)
        if found is None:
            cause = f"no installed plugin offers the command '{COMMAND}'"
            raise PluginError("--pretrain", cause, "Install one, or give a run with --from-lm")
        command: click.Command = found.load()
        source, folder = run / TEXTS, run / FOLDER
        lines = "".join(f"{' '.join(text.split())}\n" for text in texts)
        write_atomic(source, lambda path: path.write_text(lines, encoding="utf-8"))
        arguments = [str(source), *map(str, self.unlabelled), "-o", str(folder), "--no-floor", "--no-export"]
        arguments += ["--max-time", self.time]
        for path, value in _settings(recipe).items():
            arguments += ["--set", f"{path}={json.dumps(value, ensure_ascii=False)}"]
        report(f"language model: seqtools {COMMAND} {shlex.join(arguments)}")
        command.main(arguments, prog_name=f"seqtools {COMMAND}", standalone_mode=False)


def _settings(recipe: SentimentRecipe) -> dict[str, object]:
    network, training = recipe.network, recipe.training
    taken = ("cell", "layers", "width", "last_width", "embedding", "learned_state", "layer_norm", "init")
    return {
        **{f"network.{name}": getattr(network, name) for name in taken},
        "tokenizer.kind": recipe.tokenizer.kind,
        "tokenizer.vocab_size": recipe.tokenizer.vocab_size,
        **{f"{config.FREE}.{name}": value for name, value in recipe.tokenizer.options.items()},
        **{
            f"training.{name}": getattr(training, name) for name in ("device", "threads", "seed", "precision")
        },
        **_SETTINGS,
    }
