"""What a network says of many texts: batches of like length, answers in the texts' order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqtools.nn.classifier import Classifier
from seqtools_sentiment.batches import EncodedTexts, in_order
from seqtools_sentiment.objectives import prior_logits
from seqtools_sentiment.run_folder import SentimentRun

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray

TOKENS = 16_384
"""Tokens read at once, with padding."""


@torch.no_grad()
def predict(network: Classifier, texts: EncodedTexts, prior: Tensor, device: torch.device) -> Tensor:
    """Logits `[texts, outputs]`, on the CPU; `prior [outputs]` for texts without tokens."""
    logits = prior.cpu().float().repeat(len(texts.lengths), 1)
    for which, tokens, lengths in in_order(texts, TOKENS):
        logits[torch.from_numpy(which)] = network(tokens.to(device), lengths.to(device)).float().cpu()
    return logits


def run_logits(run: SentimentRun, texts: Sequence[str]) -> FloatArray:
    """What a run's best network says of texts, before calibration, `[texts, outputs]`."""
    labels = run.labels()
    encoded = EncodedTexts(texts, run.tokenizer(), run.recipe().data.max_length)
    shares = torch.from_numpy(labels.shares(run.examples("train")))
    prior = prior_logits(shares, labels.objective)
    said: FloatArray = predict(run.classifier(), encoded, prior, torch.device("cpu")).numpy()
    return said
