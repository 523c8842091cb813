"""How sure a tagger may be of a label: one temperature, fitted on validation sentences.

Emissions and the scores of moves are divided by it (Guo et al. 2017), so no label changes; only what is said
of its probability does. In a file the division is done in the weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from seqtools.batching import batches
from seqtools.nn.tagger import Tagger
from seqtools.plugin import Reporter
from seqtools_tag.batches import TaggedSentences
from seqtools_tag.figures import expected_calibration_error
from seqtools_tag.labels import UNSEEN
from seqtools_tag.predicting import ROWS, Reader
from seqtools_tag.run_folder import TagRun

MOST_SENTENCES = 2000
_LOWEST, _HIGHEST, _NEAR = 0.25, 4.0, 0.01
_GOLDEN = (5**0.5 - 1) / 2


def tempered(network: Tagger, temperature: float) -> Tagger:
    """A copy whose probabilities are those at a temperature; its labels are the network's.

    Args:
        network: in eval mode.
        temperature: above 1 makes it less sure.
    """
    made = copy.deepcopy(network)
    with torch.no_grad():
        scaled = [made.output.weight, made.output.bias]
        if made.crf is not None:
            scaled += [made.crf.transitions, made.crf.start, made.crf.end]
        for part in scaled:
            part.div_(temperature)
    return made


def calibrate_run(run: TagRun, report: Reporter) -> float:
    """Fit a finished run's temperature and keep it in calibration.json."""
    network = run.tagger()
    texts = Reader.of(run).read(run.sentences("valid")[:MOST_SENTENCES])
    emitted = _emissions(network, texts)
    if not emitted:  # no sentence whose labels are all known
        return 1.0

    def nats(temperature: float) -> float:
        told = torch.cat([shares for _, shares in _shares(network, emitted, temperature)])
        return float(-told.clamp(min=1e-30).log().mean())

    temperature = _least(nats)
    before, after = (_error(network, emitted, one) for one in (1.0, temperature))
    told = {"nats": nats(1.0), "ece": before}, {"nats": nats(temperature), "ece": after}
    run.write_json("calibration.json", {"temperature": temperature, "before": told[0], "after": told[1]})
    report(f"calibration: temperature {temperature:.2f}, ECE {before:.4f} to {after:.4f}")
    return temperature


Emitted = list[tuple[Tensor, Tensor, Tensor]]
"""Emissions, gold labels and lengths of each batch, rows with a label unseen in training left out."""


@torch.no_grad()
def _emissions(network: Tagger, texts: TaggedSentences) -> Emitted:
    found = []
    for indices in batches(texts.lengths.tolist(), ROWS):
        batch = texts.batch(indices)
        known = (batch.labels != UNSEEN).all(dim=0)
        if bool(known.any()):
            emissions = network(batch.words).float()[:, known]
            found.append((emissions, batch.labels[:, known], batch.words.lengths[known]))
    return found


@torch.no_grad()
def _shares(network: Tagger, emitted: Emitted, temperature: float) -> list[tuple[Tensor, Tensor]]:
    """Probabilities of all labels of each word, and that of the right one."""
    crf = tempered(network, temperature).crf
    found = []
    for emissions, gold, lengths in emitted:
        cooled = emissions / temperature
        all_shares = cooled.softmax(dim=-1) if crf is None else crf.marginals(cooled, lengths)
        inside = torch.arange(len(gold))[:, None] < lengths
        right = all_shares.gather(2, gold[:, :, None]).squeeze(2)
        found.append((all_shares[inside], right[inside]))
    return found


def _error(network: Tagger, emitted: Emitted, temperature: float) -> float:
    """Expected calibration error of the labels that are chosen."""
    crf = network.crf
    shares, right = [], []
    for (emissions, gold, lengths), (told, _) in zip(
        emitted, _shares(network, emitted, temperature), strict=True
    ):
        chosen = emissions.argmax(dim=-1) if crf is None else crf.viterbi(emissions, lengths)
        inside = torch.arange(len(gold))[:, None] < lengths
        labels = chosen[inside]
        shares.append(told.gather(1, labels[:, None]).squeeze(1).numpy())
        right.append((labels == gold[inside]).numpy())
    return expected_calibration_error(np.concatenate(shares).tolist(), np.concatenate(right).tolist())


def _least(function: Callable[[float], float]) -> float:
    """Where a function with one valley is least, by golden sections."""
    low, high = _LOWEST, _HIGHEST
    while high - low > _NEAR:
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        if function(left) <= function(right):
            high = right
        else:
            low = left
    return (low + high) / 2
