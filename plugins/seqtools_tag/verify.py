"""Part of every export: the file against torch, on validation sentences and on texts of all kinds."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from seqtools.export.report import Parity
from seqtools.nn.tagger import Words
from seqtools.parity import pack
from seqtools_tag.batches import TaggedSentences
from seqtools_tag.lookup import WordLookup
from seqtools_tag.parts import Parts
from seqtools_tag.runner import Row, Runner, feeds
from seqtools_tag.sentences import Sentence

TOLERANCE = {"portable": 1e-5, "int8": 1.0}
"""Largest difference of a probability that passes. What eight bits may cost is bounded by the accuracy they
lose; there only the words must be the same."""

_ROUNDING = 8.0
"""A float32 file may differ from torch by this many times what torch in float32 differs from torch in
float64."""

_HOSTS = {"portable": 1e-4, "int8": 0.1}
"""Tolerance of the self-test: other CPUs round otherwise, and quantise activations otherwise."""

TEXTS = (
    "",
    "A",
    "Dr. Smith doesn't like New York's 1,000 cafés — \"so what\"?",
    "naïve e\u0301tude, İstanbul ΟΔΟΣ 日本語 🙂 www.example.org/a?b a.b@example.org 5:30 p.m. U.N.!!",
    "it's 'quoted' l'été d’or \x07\u200b " + "x" * 60,
)
"""What no validation set has, besides its own sentences."""


_SHOWN = 12


class Told(NamedTuple):
    """What torch says of a sentence."""

    labels: list[int]
    """as trained"""
    shares: NDArray[np.float64]
    """probability of each trained label, `[words, labels]`"""
    emissions: torch.Tensor
    """`[words, 1, labels]`"""


def read(parts: Parts, words: Sequence[str]) -> Words:
    """A sentence as training reads it."""
    sentence = Sentence(tuple(words), (parts.labels.shown[0],) * len(words))
    lookup = WordLookup(parts.tokenizer)
    return TaggedSentences([sentence], lookup, parts.spelling, parts.labels).batch([0]).words


def told(network: Any, words: Words) -> Told:
    """What a network, in whatever precision, makes of a sentence."""
    with torch.no_grad():
        emissions = network(words)
        if network.crf is None:
            labels, shares = emissions.argmax(dim=2), emissions.softmax(dim=2)
        else:
            labels = network.crf.viterbi(emissions, words.lengths)
            shares = network.crf.marginals(emissions, words.lengths)
    return Told(labels[:, 0].tolist(), shares[:, 0].double().numpy(), emissions)


def verify(runner: Runner, parts: Parts, *, profile: str, sentences: Sequence[Sequence[str]]) -> Parity:
    """Run a file against torch.

    Args:
        runner: the file, opened.
        parts: what it was made of, the network on the CPU.
        sentences: words of some validation sentences.
    """
    parity = Parity(TOLERANCE[profile], exact=profile != "int8", chosen="labels")
    precise = copy.deepcopy(parts.network).double() if parity.exact else None
    joined = [" ".join(words) for words in sentences]
    texts = [*TEXTS, *joined]
    for row, text in zip(runner.rows(texts), texts, strict=True):
        _compare(row, parts.cutter.cut(text), parts, parity, precise)
    for row, words in zip(runner.rows(joined, pretokenized=True) if joined else [], sentences, strict=True):
        _compare(row, list(words), parts, parity, precise)
    return parity


def _compare(row: Row, words: list[str], parts: Parts, parity: Parity, precise: Any) -> None:
    """One text: its words, the labels, how sure they are."""
    parity.tokens += len(words)
    if row.words != words:
        parity.note("words", float("inf"))
    if row.words != words or not words:
        return
    given = read(parts, words)
    wanted = told(parts.network, given)
    if precise is not None:
        apart = np.abs(told(precise, given).shares - wanted.shares).max()
        parity.tolerance = max(parity.tolerance, _ROUNDING * float(apart))
    shown = np.array(parts.labels.shown)
    reported = [str(name) for name in shown[wanted.labels]]
    if row.labels != reported:
        differing = sum(a != b for a, b in zip(row.labels, reported, strict=True))
        parity.unequal += 0 if _near(row.labels, wanted, parts, parity.tolerance) else differing
        return
    shares = np.stack([wanted.shares[:, shown == name].sum(1) for name in dict.fromkeys(shown)], axis=1)
    chosen = np.array([wanted.shares[place, shown == name].sum() for place, name in enumerate(reported)])
    parity.note("probabilities", float(np.abs(row.probabilities - chosen).max()))
    parity.note("class_probabilities", float(np.abs(row.shares - shares).max()))


def _near(labels: Sequence[str], wanted: Told, parts: Parts, tolerance: float) -> bool:
    """Whether another labelling is as good as torch's own, within the tolerance."""
    numbers = parts.labels.ids(labels)
    if min(numbers) < 0:
        return False
    paths = [torch.tensor(path)[:, None] for path in (numbers, wanted.labels)]
    crf, emissions = parts.network.crf, wanted.emissions
    with torch.no_grad():
        if crf is None:
            scores = [emissions.gather(2, path[:, :, None]).sum() for path in paths]
        else:
            scores = [crf.score(emissions, path, torch.tensor([len(path)])).sum() for path in paths]
    return float(scores[1] - scores[0]) <= tolerance * max(1.0, abs(float(scores[1])))


def parity_vector(runner: Runner, *, profile: str, sentences: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Small feeds and what the verified file gives, for any host to check itself; see `seqtools.parity`.

    Of the sentences those are taken whose labels are surest, so that rounding elsewhere does not change them.
    """
    outputs = [name for name in runner.outputs if name not in ("classes", "card")]
    texts = [" ".join(words[:_SHOWN]) for words in sentences] or ["A word ."]
    least = [-row.probabilities.min(initial=1.0) for row in runner.rows(texts, pretokenized=True)]
    surest = [texts[place] for place in np.argsort(np.array(least), kind="stable")[:2]]
    cases = [
        _case(runner, "text", feeds(surest), outputs),
        _case(runner, "words", feeds(surest, pretokenized=True), outputs),
    ]
    return {"tolerance": _HOSTS[profile], "cases": cases}


def _case(runner: Runner, name: str, given: dict[str, NDArray[Any]], outputs: list[str]) -> dict[str, Any]:
    results = runner.run(outputs, given)
    return {
        "name": name,
        "feeds": {key: pack(value) for key, value in given.items()},
        "expected": {key: pack(value) for key, value in zip(outputs, results, strict=True)},
    }
