"""Part of every export: the file against torch, on made-up and on real texts."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqtools.export.report import Parity
from seqtools.nn.classifier import Classifier
from seqtools.parity import pack
from seqtools_sentiment.opening import opening
from seqtools_sentiment.parts import Parts
from seqtools_sentiment.probabilities import probabilities
from seqtools_sentiment.runner import Runner

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray

TOLERANCE = {"portable": 1e-5, "int8": 0.5}
"""Largest difference of a probability that passes. What eight bits may cost is bounded by the accuracy they
lose; here only gross mistakes are caught."""

_ROUNDING = 8.0
"""A float32 file may differ from torch by this many times what torch in float32 differs from torch in
float64."""

_HOSTS = {"portable": 1e-4, "int8": 0.05}
"""Tolerance of the self-test: other CPUs round otherwise, and quantise activations otherwise."""

_LENGTHS = (1, 2, 3, 17, 64)
_ODD = ("", " \n", "\x00\x07\x1b[0m", "😀👩‍👩‍👧 🇩🇪", "﷽ שלום", "?!...")
_SHOWN = 200
Rows = Sequence[Sequence[int]]


def verify(runner: Runner, parts: Parts, *, reading: Runner | None, texts: Sequence[str]) -> Parity:
    """Run a file against torch.

    Args:
        runner: the file, opened.
        parts: what it was made of.
        reading: its way from texts to ids alone; None where it takes ids.
        texts: some validation texts.
    """
    parity = Parity(TOLERANCE[parts.card["profile"]], exact=parts.card["profile"] != "int8", chosen="labels")
    given = [*texts, *_made_up(texts), *_ODD]
    rows = read(parts, reading, given)
    names = ["probabilities", "label", *(["score"] if parts.labels.ordered else [])]
    found, labels, *scores = runner(names, rows if reading is None else given)
    wanted = reference(parts, parts.network, rows, given)
    if parity.exact:
        precise = reference(parts, copy.deepcopy(parts.network).double(), rows, given)
        parity.tolerance = max(parity.tolerance, _ROUNDING * _distance(wanted, precise))
    parity.note("probabilities", _distance(found, wanted))
    for told in scores:
        parity.note("scores", _distance(told, wanted @ np.linspace(-1, 1, parts.labels.classes)))
    for label, shares in zip(labels, wanted, strict=True):
        parity.tokens += 1
        near = shares[parts.labels.names.index(label)] >= shares.max() - 2 * parity.tolerance
        parity.unequal += not near
    return parity


def read(parts: Parts, reading: Runner | None, texts: Sequence[str]) -> list[list[int]]:
    """The ids of texts: as the file cuts them, or the tokenizer where the file takes ids."""
    if reading is None:
        return [host_ids(parts, text) for text in texts]
    tokens, counts = reading(["tokens", "token_counts"], texts)
    return [row[:count].tolist() for row, count in zip(tokens, counts, strict=True)]


def host_ids(parts: Parts, text: str) -> list[int]:
    """The ids of a text outside the file."""
    ids: list[int] = parts.tokenizer.encode(opening(text, parts.max_length))[: parts.max_length].tolist()
    return ids


@torch.no_grad()
def reference(parts: Parts, network: Classifier, rows: Rows, texts: Sequence[str]) -> FloatArray:
    """Probabilities `[texts, classes]` by torch, text by text, and by the linear model's host face."""
    said = [
        np.zeros((1, parts.labels.outputs))
        if not len(row)
        else network(torch.tensor(row)[:, None], torch.tensor([len(row)])).numpy()
        for row in rows
    ]
    linear = None
    if parts.linear is not None:
        linear = parts.linear.logits([opening(text, parts.max_length) for text in texts])
    logits = parts.calibration.logits(np.concatenate(said), linear)
    empty = np.array([not len(row) for row in rows])
    return probabilities(np.where(empty[:, None], parts.prior_logits, logits), parts.labels.objective)


def _made_up(texts: Sequence[str], seed: int = 1) -> list[str]:
    """Texts of many lengths, of words that occur."""
    words = sorted({word for text in texts for word in text[:10_000].split()}) or ["word"]
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(np.array(words, object), length)) for length in _LENGTHS]


def _distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.abs(a.astype(np.float64) - b).max(initial=0.0))


def parity_vector(runner: Runner, parts: Parts, *, texts: Sequence[str]) -> dict[str, Any]:
    """Small feeds and what the verified file gives, for any host to check itself; see `seqtools.parity`.

    Of the texts those are taken whose label is surest, so that rounding elsewhere does not change it.
    """
    shown: Sequence[Any] = [text[:_SHOWN] for text in texts] or ["a word"]
    if parts.card["form"] == "ids":
        shown = [host_ids(parts, text) for text in shown]
    (shares,) = runner(["probabilities"], shown)
    ordered = np.sort(shares, axis=1)
    chosen = np.argsort(ordered[:, -2] - ordered[:, -1], kind="stable")[:3].tolist()
    names = [name for name in runner.outputs if name not in ("card", "classes")]
    cases = []
    for name, which in (("batch", chosen), ("one text", chosen[:1])):
        feeds = runner.feeds([shown[i] for i in which])
        told = runner.run(names, feeds)
        cases.append(
            {
                "name": name,
                "feeds": {key: pack(value) for key, value in feeds.items()},
                "expected": {key: pack(value) for key, value in zip(names, told, strict=True)},
            }
        )
    return {"tolerance": _HOSTS[parts.card["profile"]], "cases": cases}
