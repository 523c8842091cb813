"""A vocabulary shortlist: the target ids that the tokens of a sentence are likely to become.

Learnt from the training pairs by IBM model 1, with no aligner besides. With it the output layer, the
dearest part of a step, is computed for some hundred ids and not for all (Jean et al. 2015, L'Hostis et
al. 2016).
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools.tokens import EOS, UNKNOWN, payload_error
from seqtools_translate.ibm1 import Bitext, Ids, Table, train

IntArray = NDArray[np.int64]

PER_TOKEN = 50
"""Target ids kept for each source id."""

FREQUENT = 100
"""Target ids that are always candidates: the most frequent ones, which little words come from."""

_LEAST = 1e-4
_DAMAGED = (KeyError, TypeError, ValueError, zlib.error)


@dataclass(frozen=True)
class Lexicon:
    """Which target ids may be predicted for which source ids.

    Attributes:
        always: ids that are candidates for every sentence, sorted; the end and the unknown id are in it.
        begins: `[source_vocab + 1]`; the ids of source id n are `ids[begins[n] : begins[n + 1]]`.
        ids: the other candidates, `[entries]`, likeliest first for each source id.
        target_vocab: number of target ids.
    """

    always: IntArray
    begins: IntArray
    ids: IntArray
    target_vocab: int

    @classmethod
    def learn(
        cls,
        pairs: Iterable[tuple[Ids, Ids]],
        source_vocab: int,
        target_vocab: int,
        *,
        per_token: int = PER_TOKEN,
        frequent: int = FREQUENT,
    ) -> Lexicon:
        """Learn from tokenized pairs, read once; start and end ids are not to be in them.

        Args:
            pairs: ids of source and target of each pair.
            source_vocab, target_vocab: number of ids of each side's tokenizer.
            per_token: target ids kept for each source id.
            frequent: most frequent target ids that are always candidates.
        """
        bitext = Bitext.collect(pairs)
        counts = np.bincount(bitext.target, minlength=target_vocab)
        common = np.argsort(-counts, kind="stable")[:frequent]
        always = np.union1d(common[counts[common] > 0], [UNKNOWN, EOS]).astype(np.int64)
        table = train(bitext, source_vocab, target_vocab)
        begins, ids = _likeliest(table, source_vocab, always, per_token)
        return cls(always, begins, ids, target_vocab)

    def candidates(self, source: Ids | Sequence[Ids]) -> IntArray:
        """Ids that may be predicted for a sentence or a batch, sorted: `[candidates]`.

        Args:
            source: ids of any shape; padding may be any valid id, it only adds candidates.
        """
        rows = [source] if isinstance(source, np.ndarray) else source
        asked = np.unique(np.concatenate([np.zeros(0, np.int64), *(np.ravel(row) for row in rows)]))
        asked = asked[(asked >= 0) & (asked < len(self.begins) - 1)]
        found = [self.ids[self.begins[one] : self.begins[one + 1]] for one in asked]
        return np.unique(np.concatenate([self.always, *found]))

    def payload(self) -> dict[str, Any]:
        """JSON-safe dictionary that says everything."""
        return {
            "target_vocab": self.target_vocab,
            "always": _packed(self.always),
            "sizes": _packed(np.diff(self.begins)),
            "ids": _packed(self.ids),
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Lexicon:
        """Rebuild from `payload()`.

        Raises:
            DataError: it is damaged.
        """
        try:
            sizes, ids, always = (_unpacked(payload[name]) for name in ("sizes", "ids", "always"))
            vocab = int(payload["target_vocab"])
            begins = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
            if begins[-1] != len(ids) or max(ids.max(initial=0), always.max(initial=0)) >= vocab:
                raise ValueError("ids and sizes do not fit together")
        except _DAMAGED as error:
            raise payload_error("shortlist of the", error) from error
        return cls(always, begins, ids, vocab)


def _likeliest(
    table: Table, source_vocab: int, always: IntArray, per_token: int
) -> tuple[IntArray, IntArray]:
    """Begins `[source_vocab + 1]` and ids `[entries]` of what each source id most likely becomes."""
    useful = (table.source < source_vocab) & (table.probability >= _LEAST)
    useful &= ~np.isin(table.target, always)
    source, target, probability = table.source[useful], table.target[useful], table.probability[useful]
    order = np.lexsort((target, -probability, source))
    source, target = source[order], target[order]
    sizes = np.bincount(source, minlength=source_vocab)
    rank = np.arange(len(source)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    source, target = source[rank < per_token], target[rank < per_token]
    kept = np.bincount(source, minlength=source_vocab)
    return np.concatenate([[0], np.cumsum(kept)]).astype(np.int64), target


def _packed(values: IntArray) -> str:
    """Unsigned little-endian 32-bit numbers, the four bytes of each set apart, deflated, in base64."""
    planes = np.ascontiguousarray(values.astype("<u4")).view(np.uint8).reshape(-1, 4).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 9)).decode("ascii")


def _unpacked(text: str) -> IntArray:
    planes = np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), np.uint8).reshape(4, -1)
    return np.ascontiguousarray(planes.T).view("<u4").reshape(-1).astype(np.int64)
