"""Training of classifiers: the task's side of the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from seqtools.nn.classifier import Classifier
from seqtools.nn.dropout import drop_tokens
from seqtools.training.experiment import Loss
from seqtools.training.world import World
from seqtools_sentiment.adversarial import adversarial_loss, virtual_loss
from seqtools_sentiment.batches import EncodedTexts, TextBatches
from seqtools_sentiment.examples import Labels
from seqtools_sentiment.figures import measure
from seqtools_sentiment.objectives import Objective, balanced, prior_logits
from seqtools_sentiment.predicting import predict
from seqtools_sentiment.probabilities import probabilities
from seqtools_sentiment.recipe import SentimentRecipe
from seqtools_sentiment.run_folder import SentimentRun
from seqtools_sentiment.unfreezing import Unfreezing

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray


class SentimentExperiment:
    """A classifier and its labelled texts (see `seqtools.training.experiment`).

    Args:
        network: on the world's device.
        run: where the texts, the labels and the tokenizer lie.
        recipe: data and training sections are used.
        world: this process reads its share of the batches.
    """

    def __init__(self, network: Classifier, run: SentimentRun, recipe: SentimentRecipe, world: World) -> None:
        self.network: nn.Module = network
        self.model, self.recipe, self.device = network, recipe, world.device
        config, labels = recipe.training, run.labels()
        self.labels, self.tokenizer = labels, run.tokenizer()
        texts, targets = load(run, "train", recipe, sampled=bool(recipe.tokenizer.options.get("sampling")))
        weights = class_weights(recipe, targets, labels)
        self.objective = Objective(
            labels.objective,
            None if weights is None else torch.from_numpy(weights).to(world.device),
            config.label_smoothing,
        )
        self.batches = TextBatches(
            texts,
            targets,
            batch_size=config.batch_size,
            seed=config.seed,
            rank=world.rank,
            size=world.size,
        )
        self.steps_per_epoch = self.batches.steps_per_epoch
        self.progress = 0.0
        self.prior = prior_logits(torch.from_numpy(targets.mean(axis=0)), labels.objective)
        self.valid, self.valid_targets = load(run, "valid", recipe)
        self.thaw = Unfreezing(network, config.unfreeze)
        self.judged_by = "valid_loss" if config.judge == "loss" else config.judge
        self.higher_is_better = config.judge != "loss"

    def loss(self) -> Loss:
        """The next batch's loss."""
        config, objective, network = self.recipe.training, self.objective, self.model
        if config.unfreeze:
            self.thaw(self.progress)
        batch = self.batches.next()
        tokens, lengths, targets = batch.to(self.device)
        tokens = drop_tokens(tokens, self.recipe.network.dropout_word, self.tokenizer.unknown)
        x = network.embed(tokens)
        if config.adversarial and not x.requires_grad:
            x.requires_grad_()  # of a frozen embedding, too, the adversary wants the gradient
        logits = network.classify(x, lengths)
        loss = objective.loss(logits, targets)
        total = loss
        if config.entropy:
            total = total + config.entropy * objective.entropy(logits)
        if config.adversarial:
            moved = adversarial_loss(network, objective, x, lengths, targets, loss, config.perturbation)
            total = total + config.adversarial * moved
        if config.virtual:
            total = total + config.virtual * virtual_loss(network, objective, x, lengths, config.perturbation)
        with torch.no_grad():
            nats = objective.nats(logits, targets).sum()
        return Loss(total, nats, len(targets), tokens=int(batch.lengths.sum()))

    def evaluate(self) -> dict[str, float]:
        """Nats per validation text, accuracy and macro F1."""
        logits = predict(self.model, self.valid, self.prior, self.device)
        nats = Objective(self.labels.objective).nats(logits, torch.from_numpy(self.valid_targets))
        told = probabilities(logits.numpy(), self.labels.objective)
        figures = measure(told, self.valid_targets, self.labels)
        return {
            "valid_loss": float(nats.mean()),
            "accuracy": float(figures.accuracy),
            "macro_f1": float(figures.macro_f1),
        }

    def sample(self) -> str:
        """Nothing: figures say it all."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """Position in the batches."""
        return {"batches": self.batches.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        self.batches.load_state_dict(state["batches"])


def load(
    run: SentimentRun, part: str, recipe: SentimentRecipe, *, sampled: bool = False
) -> tuple[EncodedTexts, FloatArray]:
    """A part's texts as ids, and the shares of their labels, `[texts, classes]`."""
    examples = run.examples(part)
    texts = [example.text for example in examples]
    encoded = EncodedTexts(texts, run.tokenizer(), recipe.data.max_length, sampled=sampled)
    return encoded, run.labels().targets(examples)


def class_weights(recipe: SentimentRecipe, targets: FloatArray, labels: Labels) -> FloatArray | None:
    """How much each class counts, `[classes]`, None where all count the same."""
    if recipe.training.class_weights == "none":
        return None
    weights: FloatArray = balanced(torch.from_numpy(targets), labels.objective).numpy()
    return weights
