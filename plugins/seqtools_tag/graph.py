"""The graph of `tag`: texts in; words, labels and spans out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import spox
import spox.opset.ai.onnx.v20 as op

from seqtools.export.crf import LoweredCRF, Path
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, Linear, array
from seqtools.export.reader import Reader
from seqtools.export.strings import strings
from seqtools_tag.features import Features
from seqtools_tag.parts import Parts
from seqtools_tag.spanning import Spans
from seqtools_tag.textual import GraphCutter

_ANY_WORD = "."
"""Read where a batch has no words at all; nothing of it comes out."""


def build(parts: Parts, *, profile: str, card: Mapping[str, Any]) -> onnx.ModelProto:
    """The model file's graph, without metadata.

    Args:
        parts: what it is made of.
        profile: "portable" or "int8".
        card: what the output `card` says.
    """
    context = Context(profile)
    given = {
        "text": spox.argument(spox.Tensor(np.str_, ("batch",))),
        "pretokenized": spox.argument(spox.Tensor(np.bool_, (1,))),
    }
    results = _Tagging(context, parts)(**given)
    note = context.weights.text("card.json", json.dumps(card, ensure_ascii=False))
    return context.weights.build(given, {**results, "card": op.identity(note)})


class _Tagging:
    """The lowered tagger, from texts to labels."""

    def __init__(self, context: Context, parts: Parts) -> None:
        network = parts.network
        self._cut, self._features = GraphCutter(parts.cutter), Features(context, parts)
        self._reader = Reader(context, network.stack, "layers")
        self._output = Linear(context, "output", array(network.output.weight).T, array(network.output.bias))
        self._crf = None if network.crf is None else LoweredCRF(context, network.crf)
        self._shown = Shown(parts.labels.shown)
        self._spans = Spans(self._shown.classes, parts.labels.types) if parts.labels.spans else None

    def __call__(self, text: Var, pretokenized: Var) -> dict[str, Var]:
        words, counts = self._cut(text, pretokenized)
        chosen = self._chosen(_never_empty(words), op.max([counts, constant(1)]))
        labels, probabilities, shares = (_rows(part, words) for part in self._shown(chosen))
        position = op.range(constant(0), _size(words, 1), constant(1))
        inside = op.less(position, op.unsqueeze(counts, constant([1])))
        nothing = constant(0, np.float32)
        classes = self._shown.classes
        padded = op.where(inside, labels, constant(len(classes)))
        results = {
            "words": words,
            "labels": op.gather(strings([*classes, ""]), padded),
            "label_ids": op.where(inside, labels, constant(-1)),
            "probabilities": op.where(inside, probabilities, nothing),
            "class_probabilities": op.where(op.unsqueeze(inside, constant([2])), shares, nothing),
            "word_counts": counts,
        }
        if self._spans is not None:
            results["spans"], results["span_labels"] = self._spans(padded)
        return {**results, "classes": op.identity(strings(classes))}

    def _chosen(self, words: Var, lengths: Var) -> Path:
        """The labels of words, string `[batch, time]`."""
        read, _ = self._reader(self._features(op.transpose(words)), lengths)
        emissions = self._output(read)
        if self._crf is not None:
            return self._crf(emissions, lengths)
        return Path(op.arg_max(emissions, axis=2, keepdims=0), op.softmax(emissions, axis=2))


class Shown:
    """Trained labels as they are reported: several may become one, and their probabilities one sum.

    Args:
        shown: what each trained label is reported as.

    Attributes:
        classes: the labels that are reported.
    """

    def __init__(self, shown: tuple[str, ...]) -> None:
        self.classes = tuple(dict.fromkeys(shown))
        self._of = [self.classes.index(name) for name in shown]
        sources = [[i for i, name in enumerate(shown) if name == one] for one in self.classes]
        most = max(map(len, sources))
        # The place after the last trained label stands for a probability of zero.
        self._sources = [[one[i] if i < len(one) else len(shown) for one in sources] for i in range(most)]

    def __call__(self, path: Path) -> tuple[Var, Var, Var]:
        """Numbers among `classes` and their probabilities, both `[time, batch]`; those of all classes."""
        labels = op.gather(constant(self._of), path.labels)
        marginals = op.pad(path.marginals, constant([0, 0, 0, 0, 0, 1]), constant(0, np.float32))
        total = [op.gather(marginals, constant(row), axis=2) for row in self._sources]
        shares = op.sum(total) if len(total) > 1 else total[0]
        chosen = op.gather_elements(shares, op.unsqueeze(labels, constant([2])), axis=2)
        return labels, op.squeeze(chosen, constant([2])), shares


def _never_empty(words: Var) -> Var:
    """Words `[batch, time]`, or one a row where there are none."""
    batch = op.slice(op.shape(words), constant([0]), constant([1]))
    (some,) = op.if_(
        op.equal(_size(words, 1), constant(0)),
        then_branch=lambda: [op.expand(strings([_ANY_WORD]), op.concat([batch, constant([1])], axis=0))],
        else_branch=lambda: [op.identity(words)],
    )
    return op.reshape(some, op.concat([batch, constant([-1])], axis=0))


def _rows(values: Var, words: Var) -> Var:
    """`[time, batch, …]` -> `[batch, time, …]`, with no time where words have none."""
    time = op.slice(op.shape(words), constant([1]), constant([2]))
    axes = range(len(values.unwrap_tensor().shape or ()))
    return op.slice(op.transpose(values, perm=(1, 0, *axes[2:])), constant([0]), time, constant([1]))


def _size(x: Var, axis: int) -> Var:
    return op.squeeze(op.slice(op.shape(x), constant([axis]), constant([axis + 1])))
