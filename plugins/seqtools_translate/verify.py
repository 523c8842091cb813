"""Part of every export: the file against torch, on random and on real sentences."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools.export.report import Parity
from seqtools.nn.seq2seq import Seq2Seq
from seqtools.parity import pack
from seqtools_translate.oracle import Hypothesis, beam_search, forced
from seqtools_translate.runner import Floats, Runner, padded

TOLERANCE = {"portable": 5e-5, "int8": 2.0}
"""Largest difference of a log-probability that passes. What eight bits may cost is bounded by the BLEU they
lose; here only gross mistakes are caught."""

_ROUNDING = 8.0
"""A float32 file may differ from torch by this many times what torch in float32 differs from torch in
float64."""

_BEAM, _MORE = 4, 5
Pair = tuple[Sequence[int], Sequence[int]]


def verify(runner: Runner, network: Seq2Seq, *, profile: str, real: Sequence[Pair], seed: int = 1) -> Parity:
    """Run a file against torch.

    Args:
        runner: the file, opened.
        network: the network it was made of, in eval mode on the CPU.
        real: some validation pairs, as ids.
    """
    parity = Parity(TOLERANCE[profile], exact=profile != "int8")
    rng = np.random.default_rng(seed)

    def drawn(vocab: int, length: int) -> list[int]:
        ids: list[int] = rng.integers(3, vocab, length).tolist() if vocab > 3 else []
        return ids

    lengths = [(0, 3), (1, 0), (4, 9), (11, 5)]
    pairs: list[Pair] = [
        (drawn(network.source_vocab, source), drawn(network.target_vocab, target))
        for source, target in lengths
    ]
    pairs += real
    if parity.exact:
        parity.tolerance = max(parity.tolerance, _ROUNDING * _own_rounding(network, pairs))
    _verify_forced(runner, network, pairs, parity)
    _verify_steps(runner, network, pairs, parity)
    _verify_search(runner, network, pairs, parity)
    return parity


def _own_rounding(network: Seq2Seq, pairs: Sequence[Pair]) -> float:
    """How far torch in float32 is from torch in float64 on these pairs."""
    precise = copy.deepcopy(network).double()
    apart = 0.0
    for pair in pairs:
        for rounded, exact in zip(forced(network, *pair), forced(precise, *pair), strict=True):
            apart = max(apart, _distance(rounded, exact))
    return apart


def _verify_forced(runner: Runner, network: Seq2Seq, pairs: Sequence[Pair], parity: Parity) -> None:
    """Given targets in one batch: their log-probabilities, what follows, and where the steps looked."""
    sources, targets = zip(*pairs, strict=True)
    names = ("log_probs", "next_log_probs", "given_attention", "last_attention")
    told, following, looked, last = runner.run(names, runner.feeds(sources, targets=targets))
    for row, (source, target) in enumerate(pairs):
        log_probs, attention = forced(network, source, target)
        steps, places = len(target), len(source) + 1
        wanted = log_probs[np.arange(steps), np.asarray(target, np.int64)]
        parity.note("log-probabilities", _distance(told[row, :steps], wanted))
        parity.note("log-probabilities", _distance(following[row], log_probs[-1]))
        parity.note("attention", _distance(looked[row, :steps, :places], attention[:-1]))
        parity.note("attention", _distance(last[row, :places], attention[-1]))


def _verify_steps(runner: Runner, network: Seq2Seq, pairs: Sequence[Pair], parity: Parity) -> None:
    """The same through what an earlier run encoded, one token at a time, two rows a sentence."""
    sources, targets = zip(*pairs, strict=True)
    kept = ("next_encoded", "next_state", "next_coverage")
    encoded, state, coverage = runner.run(kept, runner.feeds(sources))
    state, coverage = (np.repeat(part, 2, axis=0) for part in (state, coverage))
    tokens, lengths = (np.repeat(part, 2, axis=0) for part in padded(targets))
    blank: list[list[int]] = [[] for _ in pairs]
    counts = [len(source) for source in sources]
    for time in range(tokens.shape[1]):
        given: dict[str, Any] = {
            "tokens": tokens[:, time : time + 1],
            "token_lengths": (lengths > time).astype(np.int64),
        }
        given |= {"encoded": encoded, "state": state, "coverage": coverage}
        feeds = runner.feeds(blank, source_lengths=counts, **given)
        following, state, coverage = runner.run(("next_log_probs", *kept[1:]), feeds)
    for row, (source, target) in enumerate(pairs):
        wanted = forced(network, source, target)
        for one in (following[2 * row], following[2 * row + 1]):
            parity.note("log-probabilities", _distance(one, wanted.log_probs[-1]))
        summed = wanted.attention.sum(axis=0)
        parity.note("attention", _distance(coverage[2 * row, : len(summed)], summed))


def _verify_search(runner: Runner, network: Seq2Seq, pairs: Sequence[Pair], parity: Parity) -> None:
    """Every hypothesis of a search; another one passes only if torch finds both about as good."""
    sources = [source for source, _ in pairs]
    longest = [len(source) + _MORE for source in sources]
    found = runner.search(sources, beam=_BEAM, longest=longest)
    for row, source in enumerate(sources):
        wanted = beam_search(network, source, beam=_BEAM, longest=longest[row])
        for place, one in enumerate(wanted):
            length = int(found["hypothesis_lengths"][row, place])
            tokens = tuple(found["hypotheses"][row, place, :length].tolist())
            score = float(found["scores"][row, place])
            parity.tokens += len(one.tokens)
            if tokens == one.tokens:
                parity.note("scores", abs(score - one.score(1.0)))
            else:
                near = _near(tokens, score, wanted, parity.tolerance)
                parity.unequal += 0 if near else len(one.tokens)


def _near(tokens: tuple[int, ...], score: float, wanted: Sequence[Hypothesis], tolerance: float) -> bool:
    """Whether it is elsewhere in torch's list, or ties with one of it, within the tolerance."""
    slack = 4 * tolerance
    same = [one for one in wanted if one.tokens == tokens]
    if same:
        return abs(same[0].score(1.0) - score) <= slack
    return any(abs(one.score(1.0) - score) <= slack for one in wanted)


def _distance(a: Floats, b: Floats) -> float:
    return float(np.abs(a.astype(np.float64) - b).max(initial=0.0))


def parity_vector(
    runner: Runner, *, profile: str, real: Sequence[Pair], texts: Sequence[str] = ()
) -> dict[str, Any]:
    """Small feeds and what the verified file gives, for any host to check itself; see `seqtools.parity`.

    Args:
        texts: sentences, where the form is "text".
    """
    sources, targets = [source[:12] for source, _ in real[:2]], [target[:6] for _, target in real[:2]]
    longest = [len(source) + _MORE for source in sources]
    names = ["hypotheses", "hypothesis_lengths", "scores", "token_log_probs"]
    found: dict[str, Any] = {"beam_size": _BEAM, "max_lengths": longest}
    cases = [
        _case(runner, "search", runner.feeds(sources, **found), [*names, "attention"]),
        _case(runner, "prefix", runner.feeds(sources, targets=[row[:2] for row in targets], **found), names),
        _case(runner, "score", runner.feeds(sources, targets=targets), ["log_probs"]),
    ]
    if texts:
        blank: list[list[int]] = [[] for _ in texts]
        longest = [len(text) + _MORE for text in texts]
        feeds = runner.feeds(blank, text=np.array(texts, object), beam_size=_BEAM, max_lengths=longest)
        cases.append(_case(runner, "text", feeds, ["texts", "hypotheses"]))
    return {"tolerance": TOLERANCE[profile], "cases": cases}


def _case(runner: Runner, name: str, feeds: dict[str, NDArray[Any]], outputs: list[str]) -> dict[str, Any]:
    results = runner.run(outputs, feeds)
    return {
        "name": name,
        "feeds": {key: pack(value) for key, value in feeds.items()},
        "expected": {key: pack(value) for key, value in zip(outputs, results, strict=True)},
    }
