"""What a tagger's network reads of a word, inside the graph: its id, its spelling, its shape."""

from __future__ import annotations

from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.char_words import LoweredCharWords
from seqtools.export.faces import face
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, Embedding, array
from seqtools.export.strings import lookup, split
from seqtools_tag.parts import Parts
from seqtools_tag.spelling import DIGIT, FIRST, LOWER, MOST_CHARACTERS, SHAPES, UNKNOWN, UPPER
from seqtools_tag.textual import first


class Features:
    """The lowering of what stands below a tagger's recurrent layers."""

    def __init__(self, context: Context, parts: Parts) -> None:
        network = parts.network
        self._parts, self._face = parts, face(parts.tokenizer)
        self._words = Embedding(context, "embedding", array(network.embedding.weight))
        self._spelling = None if network.characters is None else LoweredCharWords(context, network.characters)
        self._shapes = None
        if network.shapes is not None:
            self._shapes = context.weights.add("shapes", array(network.shapes.weight))

    def __call__(self, words: Var) -> Var:
        """Vectors `[time, batch, width]` of words, string `[time, batch]`; some word is not "".

        Each different word is read once, as in training: half of a batch are words that it has twice.
        """
        different, _, places, _ = op.unique(op.reshape(words, constant([-1])), sorted=0)
        flat = first(split(different, f"^.{{1,{MOST_CHARACTERS}}}")[0])
        ids = op.unsqueeze(self._ids(flat), constant([1, 2]))
        found = [op.squeeze(self._words(ids), constant([1]))]
        if self._spelling is not None or self._shapes is not None:
            characters, lengths = split(flat)
            spelled = self._characters(characters)
            if self._spelling is not None:
                found.append(self._spelling(spelled, lengths))
            if self._shapes is not None:
                found.append(op.gather(self._shapes, self._shape_of(spelled)))
        vectors = found[0] if len(found) == 1 else op.concat(found, axis=1)
        return op.gather(vectors, op.reshape(places, op.shape(words)))

    def _ids(self, flat: Var) -> Var:
        """The words' ids, int64 `[words]`; each is looked up as a whole."""
        table: Any = self._parts.tokenizer
        known = {word: number for word, number in table.ids.items() if number != table.unknown}
        return lookup(self._face.folded(flat), list(known), list(known.values()), table.unknown)

    def _characters(self, characters: Var) -> Var:
        """Ids of characters, string `[words, characters]`; past a word's end the one after the last."""
        spelling = self._parts.spelling
        ids = range(FIRST, spelling.count)
        return lookup(characters, [*spelling.characters, ""], [*ids, spelling.count], UNKNOWN)

    def _shape_of(self, spelled: Var) -> Var:
        """Numbers of the words' shapes, int64 `[words]`; see `spelling.shape_of`."""
        classes = op.gather(constant([*self._parts.spelling.classes, 0]), spelled)
        lower, upper, digits = (_count(classes, one) for one in (LOWER, UPPER, DIGIT))
        begins = op.gather(classes, constant(0), axis=1)
        some_lower, some_upper = (op.greater(part, constant(0)) for part in (lower, upper))
        title = op.and_(op.equal(upper, constant(1)), op.equal(begins, constant(UPPER)))

        def shape(name: str) -> Var:
            return constant(SHAPES.index(name))

        capital = op.where(some_lower, op.where(title, shape("title"), shape("mixed")), shape("upper"))
        plain = op.where(some_lower, shape("lower"), shape("other"))
        letters = op.where(some_upper, capital, plain)
        mixed = op.where(op.or_(some_lower, some_upper), shape("letters and digits"), shape("digits"))
        return op.where(op.greater(digits, constant(0)), mixed, letters)


def _count(classes: Var, one: int) -> Var:
    """How often a class occurs in each row of `classes [words, characters]`."""
    return op.reduce_sum(op.cast(op.equal(classes, constant(one)), to=np.int64), constant([1]), keepdims=0)
