"""What a network, still in torch, says of sentences: for evaluations while it trains and for the test."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from seqtools.batching import batches
from seqtools.nn.tagger import Tagger, Words
from seqtools_tag.batches import TagBatch, TaggedSentences
from seqtools_tag.figures import Figures, measure
from seqtools_tag.labels import UNSEEN, LabelSet
from seqtools_tag.lookup import WordLookup
from seqtools_tag.run_folder import TagRun
from seqtools_tag.sentences import Sentence
from seqtools_tag.spelling import Spelling

ROWS = 64
"""Sentences read at once."""


class Reader:
    """What makes numbers of a run's sentences."""

    def __init__(self, lookup: WordLookup, spelling: Spelling, labels: LabelSet) -> None:
        self.lookup, self.spelling, self.labels = lookup, spelling, labels

    @classmethod
    def of(cls, run: TagRun) -> Reader:
        """The reader of a run."""
        return cls(WordLookup(run.tokenizer()), run.spelling(), run.labels())

    def read(self, sentences: Sequence[Sentence]) -> TaggedSentences:
        """Sentences to make batches of."""
        return TaggedSentences(sentences, self.lookup, self.spelling, self.labels)


@torch.no_grad()
def predict(
    network: Tagger, sentences: TaggedSentences, labels: LabelSet, device: torch.device, *, most: int = 0
) -> tuple[float, list[list[str]]]:
    """Nats per word, where training has met all labels of a sentence, and what the network says.

    Args:
        network: in eval mode.
        most: only that many of the first sentences; 0 for all.
    """
    count = min(most, len(sentences.rows)) if most else len(sentences.rows)
    said: list[list[str]] = [[] for _ in range(count)]
    nats, words = 0.0, 0
    for indices in batches(sentences.lengths[:count].tolist(), ROWS):
        batch = moved(sentences.batch(indices), device)
        emissions = network(batch.words).float()
        lengths = batch.words.lengths
        known = (batch.labels != UNSEEN).all(dim=0)
        if bool(known.any()):
            gold = batch.labels[:, known]
            nats += float(network.nats(emissions[:, known], gold, lengths[known]))
            words += int(lengths[known].sum())
        chosen = network.choose(emissions, lengths).T.tolist()
        for index, row, length in zip(indices, chosen, lengths.tolist(), strict=True):
            said[index] = labels.reported(row[:length])
    return nats / max(words, 1), said


def score(gold: Sequence[Sentence], said: Sequence[Sequence[str]], labels: LabelSet) -> Figures:
    """Figures of what was said."""
    return measure([one.labels for one in gold], said, spanned=labels.spans)


def moved(batch: TagBatch, device: torch.device) -> TagBatch:
    """The batch on a device."""
    if device.type != "cuda":
        return batch
    words = Words(*(part.pin_memory().to(device, non_blocking=True) for part in batch.words))
    return TagBatch(words, batch.labels.to(device, non_blocking=True))
