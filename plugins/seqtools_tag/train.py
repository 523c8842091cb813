"""Training of taggers: the task's side of the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, arange, nn

from seqtools.errors import ConfigError
from seqtools.nn.tagger import Tagger
from seqtools.training.experiment import Loss
from seqtools.training.regularisers import cross_entropy
from seqtools.training.world import World
from seqtools_tag.batches import SentenceBatches, TagBatch
from seqtools_tag.labels import LabelSet
from seqtools_tag.predicting import Reader, moved, predict, score
from seqtools_tag.recipe import TagRecipe
from seqtools_tag.run_folder import TagRun

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray

_IGNORED = -100
_SAMPLES = 2


class TagExperiment:
    """A tagger and its sentences (see `seqtools.training.experiment`).

    Args:
        network: on the world's device.
        run: where sentences, labels and the vocabulary lie.
        recipe: its network and training sections are used.
        world: this process reads its share of the batches.
    """

    def __init__(self, network: Tagger, run: TagRun, recipe: TagRecipe, world: World) -> None:
        self.network: nn.Module = network
        self.model, self.recipe, self.device = network, recipe, world.device
        config = recipe.training
        self.reader = Reader.of(run)
        self.batches = SentenceBatches(
            self.reader.read(run.sentences("train")),
            batch_size=config.batch_size,
            seed=config.seed,
            missing=missing_rates(run, recipe),
            rank=world.rank,
            size=world.size,
        )
        self.steps_per_epoch = self.batches.steps_per_epoch
        self.progress = 0.0
        self.gold = run.sentences("valid")
        self.valid = self.reader.read(self.gold)
        judge = judge_of(recipe, self.reader.labels)
        self.judged_by, self.higher_is_better = judge, judge != "valid_loss"

    def loss(self) -> Loss:
        """The next batch's loss.

        It is divided by the words of a mean batch, not of this one: sentences of like length go together,
        and a word of a short one must not weigh more.
        """
        batch = moved(self.batches.next(), self.device)
        emissions = self.model(batch.words)
        count = int(batch.words.lengths.sum())
        smoothing = self.recipe.training.label_smoothing
        if smoothing:
            mean, nats = cross_entropy(emissions, padded(batch), smoothing=smoothing)
            return Loss(mean * (count / self.batches.mean_words), nats, count)
        total = self.model.nats(emissions, batch.labels, batch.words.lengths)
        return Loss(total / self.batches.mean_words, total.detach(), count)

    def evaluate(self) -> dict[str, float]:
        """Nats per validation word, accuracy, and F1 of spans."""
        loss, said = predict(self.model, self.valid, self.reader.labels, self.device)
        figures = score(self.gold, said, self.reader.labels)
        return {"valid_loss": loss, **figures.summary()}

    def sample(self) -> str:
        """The first validation sentences with the labels that the network gives them."""
        _, said = predict(self.model, self.valid, self.reader.labels, self.device, most=_SAMPLES)
        return "\n".join(
            f"  {' '.join(map(_labelled, one.words, labels))}"
            for one, labels in zip(self.gold, said, strict=False)
        )

    def state_dict(self) -> dict[str, Any]:
        """Position in the batches."""
        return {"batches": self.batches.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        self.batches.load_state_dict(state["batches"])


def judge_of(recipe: TagRecipe, labels: LabelSet) -> str:
    """The figure that picks the best weights.

    Raises:
        ConfigError: F1 is asked for, and there are no spans.
    """
    judge = recipe.training.judge
    if judge == "f1" and not labels.spans:
        raise ConfigError("training.judge", "the labels mark no spans to take F1 of", "Set it to accuracy")
    if judge == "auto":
        judge = "f1" if labels.spans else "accuracy"
    return "valid_loss" if judge == "loss" else judge


def missing_rates(run: TagRun, recipe: TagRecipe) -> FloatArray | None:
    """With which probability each word of the vocabulary is read as unknown in training."""
    config = recipe.network
    rates = np.full(run.tokenizer().vocab_size, config.dropout_word, np.float32)
    rare = np.array(run.rare(), np.int64)
    rates[rare] = np.maximum(rates[rare], config.dropout_rare)
    return rates if rates.any() else None


def padded(batch: TagBatch) -> Tensor:
    """The batch's labels with what no loss counts past each row's length."""
    time = arange(len(batch.labels), device=batch.labels.device)[:, None]
    return batch.labels.masked_fill(time >= batch.words.lengths, _IGNORED)


def _labelled(word: str, label: str) -> str:
    return word if label == "O" else f"{word}/{label}"
