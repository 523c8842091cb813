"""What torch says, one sentence at a time and as plainly as it can be put: what a file is checked against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seqtools.nn.decoder import DecoderState, Source
from seqtools.nn.seq2seq import Seq2Seq
from seqtools.tokens import BOS, EOS

Floats = NDArray[np.float32]


class Forced(NamedTuple):
    """A target fed as it is: `log_probs [time + 1, vocab]`, `attention [time + 1, source + 1]`."""

    log_probs: Floats
    attention: Floats


@torch.no_grad()
def forced(network: Seq2Seq, source: Sequence[int], target: Sequence[int]) -> Forced:
    """Log-probabilities before each target token and after the last, and where each step looked."""
    output = network(*_source(source), torch.tensor([BOS, *target])[:, None])
    log_probs = output.logits[:, 0].log_softmax(dim=-1)
    return Forced(log_probs.numpy(), output.attention[:, 0].numpy())


@dataclass(frozen=True)
class Hypothesis:
    """A translation: ids without the end, and the sum of its log-probabilities."""

    tokens: tuple[int, ...]
    raw: float
    done: bool

    def score(self, alpha: float) -> float:
        """What it is ranked by."""
        return float(self.raw / (len(self.tokens) + 1) ** alpha)


@torch.no_grad()
def beam_search(
    network: Seq2Seq, source: Sequence[int], *, beam: int, longest: int, alpha: float = 1.0
) -> list[Hypothesis]:
    """Beam search of one sentence, best first.

    Finished hypotheses stay in the beam and compete; candidates of equal score are ordered by their place.
    """
    encoded = network.encode(*_source(source))
    state, _ = network.step(torch.tensor([BOS]), network.start(encoded), encoded)
    live = [Hypothesis((), 0.0, longest <= 0)]
    while not all(one.done for one in live):
        log_probs = network.logits(state).log_softmax(dim=-1).numpy()
        grown = [(one, place, EOS) for place, one in enumerate(live) if one.done]
        for place, one in enumerate(live):
            if not one.done:
                best = np.argsort(-log_probs[place], kind="stable")[:beam]
                grown += [(_longer(one, log_probs[place], int(t), longest), place, int(t)) for t in best]
        kept = sorted(grown, key=lambda candidate: -candidate[0].raw)[:beam]
        live = [one for one, _, _ in kept]
        rows = torch.tensor([place for _, place, _ in kept])
        fed = torch.tensor([token for _, _, token in kept])
        chosen = _rows(state, rows)
        state, _ = network.step(
            fed, chosen, Source(*(part.expand(len(kept), *part.shape[1:]) for part in encoded))
        )
    return sorted(live, key=lambda one: -one.score(alpha))


def _longer(one: Hypothesis, log_probs: Floats, token: int, longest: int) -> Hypothesis:
    raw = float(np.float32(one.raw) + log_probs[token])
    if token == EOS:
        return Hypothesis(one.tokens, raw, True)
    tokens = (*one.tokens, token)
    return Hypothesis(tokens, raw, len(tokens) >= longest)


def _rows(state: DecoderState, rows: torch.Tensor) -> DecoderState:
    layers = tuple(tuple(part[rows] for part in layer) for layer in state.layers)
    return DecoderState(layers, state.readout[rows], state.coverage[rows])


def _source(source: Sequence[int]) -> tuple[Any, Any]:
    ids = torch.tensor([*source, EOS])
    return ids[:, None], torch.tensor([len(ids)])
