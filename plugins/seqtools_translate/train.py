"""Training of translators: the task's side of the loop."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqtools.nn.seq2seq import Seq2Seq
from seqtools.training.experiment import Loss
from seqtools.training.regularisers import cross_entropy
from seqtools.training.world import World
from seqtools_translate.batches import IGNORED, PairBatch, PairBatches, Sentences, make_batch
from seqtools_translate.greedy import Translated, translate
from seqtools_translate.last_weights import LastWeights
from seqtools_translate.recipe import PairTrainingConfig, TranslateRecipe
from seqtools_translate.run_folder import TranslateRun
from seqtools_translate.scores import validation_scores

VALID_ROWS = 64
"""Pairs evaluated at once."""


class TranslateExperiment:
    """A translator and its pairs (see `seqtools.training.experiment`).

    Args:
        network: on the world's device.
        run: where the pairs and tokenizers lie.
        recipe: data and training sections are used.
        world: this process reads its share of the batches.
    """

    def __init__(self, network: Seq2Seq, run: TranslateRun, recipe: TranslateRecipe, world: World) -> None:
        self.network: nn.Module = network
        self.model, self.recipe, self.device = network, recipe, world.device
        config = recipe.training
        self.tokenizers = run.tokenizer(), run.target_tokenizer()
        sampled = bool(recipe.tokenizer.options.get("sampling"))
        source, target = (
            Sentences(run.texts("train", side), tokenizer, sampled=sampled)
            for side, tokenizer in zip(("source", "target"), self.tokenizers, strict=True)
        )
        self.batches = PairBatches(
            source,
            target,
            batch_tokens=config.batch_tokens,
            seed=config.seed,
            rank=world.rank,
            size=world.size,
        )
        self.steps_per_epoch = self.batches.steps_per_epoch
        self.progress = 0.0
        self.valid = run.texts("valid", "source"), run.texts("valid", "target")
        self.judged_by, self.higher_is_better = _judge(config)
        self.kept = LastWeights(run.path / "last", config.average_last)
        self._step = 0

    def loss(self) -> Loss:
        """The next batch's loss."""
        config = self.recipe.training
        batch = _moved(self.batches.next(), self.device)
        own = own_share(config, self.progress)
        self._step += 1
        out = self.model(batch.source, batch.lengths, batch.fed, own)
        objective, nats = cross_entropy(out.logits, batch.wanted, smoothing=config.label_smoothing)
        if config.r_drop:
            again = self.model(batch.source, batch.lengths, batch.fed, own)
            second, _ = cross_entropy(again.logits, batch.wanted, smoothing=config.label_smoothing)
            apart = divergence(out.logits, again.logits, batch.wanted != IGNORED)
            objective = (objective + second) / 2 + config.r_drop * apart
        return Loss(objective, nats, batch.targets)

    def evaluate(self) -> dict[str, float]:
        """Nats per validation token, and BLEU and chrF of greedy translations."""
        self.kept.add(self.network, self._step)
        return self.measure()

    def measure(self) -> dict[str, float]:
        """The figures alone."""
        figures = {"valid_loss": self._valid_loss()}
        count = self.recipe.training.valid_pairs
        if count:
            told = self._translate(self.valid[0][:count])
            figures |= validation_scores([one.text for one in told], self.valid[1][:count])
        return figures

    def sample(self) -> str:
        """A few validation sentences: source, what the network says, where it looked, the reference."""
        count = self.recipe.training.sample_pairs
        sources, targets = (side[:count] for side in self.valid)
        lines = []
        for source, reference, said in zip(sources, targets, self._translate(sources), strict=True):
            lines += [f"  source     {source}", f"  translated {said.text}"]
            lines += [f"  looked at  {said.looked()}", f"  reference  {reference}"]
        return "\n".join(lines)

    def _translate(self, texts: list[str]) -> list[Translated]:
        return translate(self.model, self.tokenizers, texts, self.device)

    def _valid_loss(self) -> float:
        nats, count = 0.0, 0
        source, target = self.tokenizers
        pairs = sorted(zip(*self.valid, strict=True), key=lambda pair: len(pair[0]))
        for first in range(0, len(pairs), VALID_ROWS):
            rows = pairs[first : first + VALID_ROWS]
            batch = _moved(
                make_batch(
                    [source.encode(one) for one, _ in rows],
                    [target.encode(two) for _, two in rows],
                    source.eos,
                    (target.bos, target.eos),
                ),
                self.device,
            )
            out = self.model(batch.source, batch.lengths, batch.fed)
            nats += float(cross_entropy(out.logits, batch.wanted)[1])
            count += batch.targets
        return nats / count

    def state_dict(self) -> dict[str, Any]:
        """Position in the batches."""
        return {"batches": self.batches.state_dict(), "step": self._step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        self.batches.load_state_dict(state["batches"])
        self._step = state["step"]


def _judge(config: PairTrainingConfig) -> tuple[str, bool]:
    judge = config.judge if config.valid_pairs else "loss"
    return ("valid_loss", False) if judge == "loss" else (judge, True)


def _moved(batch: PairBatch, device: torch.device) -> PairBatch:
    if device.type != "cuda":
        return batch
    return PairBatch(*(part.pin_memory().to(device, non_blocking=True) for part in batch))


def own_share(config: PairTrainingConfig, done: float) -> float:
    """Probability of feeding the network's own choice (Bengio et al. 2015), rising to `own_most`.

    linear: a straight line. exponential: quick at first, 99 % of the way at the end. inverse_sigmoid: slow,
    quick in the middle, slow.

    Args:
        done: share of the run that is done.
    """
    if config.own == "none":
        return 0.0
    if config.own == "linear":
        share = done
    elif config.own == "exponential":
        share = 1.0 - 0.01**done
    else:
        share = 1.0 / (1.0 + math.exp(-12.0 * (done - 0.5)))
    return config.own_most * share


def divergence(one: Tensor, other: Tensor, counted: Tensor) -> Tensor:
    """Mean of both Kullback-Leibler divergences between two passes' predictions (R-Drop, Liang et al. 2021).

    Args:
        one, other: logits `[time, batch, vocab]`.
        counted: positions that are not padding, `[time, batch]`.
    """
    p, q = (F.log_softmax(logits.float(), dim=-1) for logits in (one, other))
    apart = ((p.exp() - q.exp()) * (p - q)).sum(dim=-1) / 2
    return (apart * counted).sum() / counted.sum().clamp(min=1)
