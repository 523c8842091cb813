"""The linear model beside the network: weights of runs of words, in numpy.

Weights are whole numbers with one scale a column, so a sum of them is exact whatever its order: the graph
gives the same bits for a text alone and in a padded batch, and the same as here.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools import loader
from seqtools.errors import DataError
from seqtools.plugin import Tokenizer
from seqtools.tokens import SPECIALS, payload_error
from seqtools_sentiment.ngrams import Found, NGrams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray, IntArray

LARGEST = 32767
"""Weights are stored in sixteen bits."""
FIRST_WORD = len(SPECIALS) - 1
"""What a token is above the number of its word; specials are no words."""

_DAMAGED = (KeyError, TypeError, ValueError, zlib.error)


@dataclass(frozen=True)
class LinearModel:
    """Logits of a text: the weights of the distinct runs in it, added up.

    Attributes:
        kind: nbsvm or tfidf.
        tokenizer: cuts a text into words and numbers them.
        runs: the features.
        weights: of each node of `runs`, int16 `[nodes, columns]`; node 0 has none.
        scale: what one is worth, `[columns]`.
        bias: logits of a text without features, `[columns]`.
        squares: None, or int16 `[nodes]`: the sum of a text is divided by the root of its sum of these.
        square: what one of those is worth.
        paired: one column of weights stands for two classes: minus and plus half the logit.
        texts: training texts that hold each node, `[nodes]`; None in a model that was stored.
    """

    kind: str
    tokenizer: Tokenizer
    runs: NGrams
    weights: NDArray[np.int16]
    scale: FloatArray
    bias: FloatArray
    squares: NDArray[np.int16] | None = None
    square: float = 1.0
    paired: bool = False
    texts: IntArray | None = None

    def __post_init__(self) -> None:
        nodes, columns = self.weights.shape
        squares = nodes if self.squares is None else len(self.squares)
        agree = nodes == squares == self.runs.nodes and columns == len(self.scale) == len(self.bias)
        if not agree or self.tokenizer.vocab_size != FIRST_WORD + 1 + self.runs.words:
            raise DataError("linear model", "its parts do not fit each other", "Fit it again")

    @classmethod
    def rounded(
        cls, kind: str, tokenizer: Tokenizer, runs: NGrams, weights: NDArray[np.float64],
        bias: NDArray[np.float64], *, squares: NDArray[np.float64] | None = None, paired: bool = False,
        texts: IntArray | None = None,
    ) -> LinearModel:  # fmt: skip
        """The same with weights `[nodes, columns]` and squares `[nodes]` rounded to whole numbers."""
        scale = _scale(weights)
        square = np.float32(1) if squares is None else _scale(squares)
        return cls(
            kind,
            tokenizer,
            runs,
            np.rint(weights / scale).astype(np.int16),
            scale,
            bias.astype(np.float32),
            None if squares is None else np.rint(squares / square).astype(np.int16),
            float(square),
            paired,
            texts,
        )

    @property
    def outputs(self) -> int:
        """How many logits a text gets."""
        return 2 if self.paired else self.weights.shape[1]

    @property
    def features(self) -> int:
        """How many runs have a weight."""
        return self.runs.nodes - 1

    def find(self, texts: Sequence[str]) -> Found:
        """The distinct runs of each text; texts are read to their ends."""
        return self.runs.find([words(self.tokenizer, text) for text in texts])

    def logits(self, texts: Sequence[str]) -> FloatArray:
        """Logits `[texts, outputs]`, shaped as the network's."""
        found, count = self.find(texts), len(texts)
        columns = [_sums(found, self.weights[:, one], count) for one in range(len(self.scale))]
        z = np.stack(columns, axis=1).astype(np.float32) * self.scale
        if self.squares is not None:
            length = _sums(found, self.squares, count).astype(np.float32) * np.float32(self.square)
            z = z / np.sqrt(np.maximum(length, np.float32(1)))[:, None]
        z = z + self.bias
        return z * np.array([-0.5, 0.5], np.float32) if self.paired else z

    def kept(self, features: int) -> LinearModel:
        """The same with no more than so many runs, and no word that they do not need.

        The heaviest are kept: those that move logits most, as a root mean square over training texts.
        """
        if features >= self.features:
            return self
        heavy = (np.abs(self.weights) * self.scale.astype(np.float64)).max(axis=1)
        heavy *= 1 if self.texts is None else np.sqrt(self.texts)
        runs, nodes = self.runs.heaviest(heavy, features)
        return replace(
            self,
            tokenizer=only_words(self.tokenizer, nodes[1 : 1 + runs.words]),
            runs=runs,
            weights=self.weights[nodes],
            squares=None if self.squares is None else self.squares[nodes],
            texts=None if self.texts is None else self.texts[nodes],
        )

    def payload(self) -> dict[str, Any]:
        """JSON-safe dictionary that says everything."""
        arrays: dict[str, NDArray[Any]] = {
            "first": self.runs.first,
            "last": self.runs.last,
            "weights": self.weights,
        }
        if self.squares is not None:
            arrays["squares"] = self.squares
        return {
            "kind": self.kind,
            "tokenizer": {"kind": self.tokenizer.kind, "payload": self.tokenizer.payload()},
            "sizes": list(self.runs.sizes),
            **{name: _packed(array) for name, array in arrays.items()},
            "scale": self.scale.tolist(),
            "bias": self.bias.tolist(),
            "square": self.square,
            "paired": self.paired,
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> LinearModel:
        """Rebuild from `payload()`.

        Raises:
            DataError: it is damaged.
        """
        try:
            sizes = tuple(int(size) for size in payload["sizes"])
            first, last = (_unpacked(payload[name], np.dtype("<i4")) for name in ("first", "last"))
            weights = _unpacked(payload["weights"], np.dtype("<i2")).reshape(1 + sum(sizes), -1)
            there = "squares" in payload
            return cls(
                str(payload["kind"]),
                loader.tokenizer_from(payload["tokenizer"]),
                NGrams(sizes, first, last),
                weights,
                np.array(payload["scale"], np.float32),
                np.array(payload["bias"], np.float32),
                _unpacked(payload["squares"], np.dtype("<i2")) if there else None,
                float(payload["square"]),
                bool(payload["paired"]),
            )
        except _DAMAGED as error:
            raise payload_error("linear model of the", error) from error


def words(tokenizer: Tokenizer, text: str) -> IntArray:
    """Numbers of a text's words from 1, 0 for unknown ones, `[words]`."""
    return np.maximum(tokenizer.encode(text) - FIRST_WORD, 0)


def only_words(tokenizer: Tokenizer, kept: IntArray) -> Tokenizer:
    """The word tokenizer with these words only, by their numbers."""
    payload = tokenizer.payload()
    chosen = [payload["words"][number - 1] for number in kept.tolist()]
    return loader.tokenizer_from({"kind": tokenizer.kind, "payload": {**payload, "words": chosen}})


def _scale(values: NDArray[np.float64]) -> Any:
    """What one step is worth, so that the largest value of each column is `LARGEST` steps; float32."""
    largest = np.abs(values).max(axis=0)
    return (np.where(largest > 0, largest, LARGEST) / LARGEST).astype(np.float32)


def _sums(found: Found, weights: NDArray[np.int16], texts: int) -> IntArray:
    """The weights of each text added up, int64 `[texts]`; doubles hold every whole number in reach."""
    return np.bincount(found.rows, weights[found.nodes], minlength=texts).astype(np.int64)


def _packed(array: NDArray[Any]) -> str:
    little = array.astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(zlib.compress(little.tobytes(), 9)).decode("ascii")


def _unpacked(text: str, kind: np.dtype[Any]) -> NDArray[Any]:
    array: NDArray[Any] = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), kind)
    return array
