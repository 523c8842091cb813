"""Feeding given target tokens: a forced prefix, a target to score, or one step of an outer search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.attention import Memory
from seqtools.export.graph import Var, constant, repeat
from seqtools.export.seq2seq import LoweredSeq2Seq
from seqtools.tokens import BOS
from seqtools_translate.predicting import Predicting

_ALL = np.iinfo(np.int64).max


def size(x: Var, axis: int) -> Var:
    """Of one axis, `[1]`."""
    return op.slice(op.shape(x), constant([axis]), constant([axis + 1]))


class Feeding:
    """Feeds given tokens, one after another, and tells how likely each of them was.

    The loop carries the states, the summed attention and where the last step looked; rows past their
    length keep theirs.

    Args:
        memory: the source's side of the attention.
        given: inputs by name.
        fresh: bool scalar, whether the start id is to be fed first.

    Attributes:
        rows: number of rows, `[1]`.  each: rows of a sentence, `[1]`.
        states, coverage, attention: after `run`, of each row.
        next_log_probs: after `run`, of the token to come, `[1, rows, vocab]`.
    """

    def __init__(
        self,
        network: LoweredSeq2Seq,
        predicting: Predicting,
        memory: Memory,
        given: Mapping[str, Var],
        fresh: Var,
    ) -> None:
        self._network, self._predicting, self._memory, self.fresh = network, predicting, memory, fresh
        self._tokens, self._lengths = given["tokens"], given["token_lengths"]
        self.rows = size(self._tokens, 0)
        self.each = op.div(self.rows, memory.batch)

    def for_rows(self, state: Var) -> Var:
        """`[1, batch, width]` -> `[1, rows, width]`: every row of a sentence starts alike."""
        width = size(state, 2)
        spread = op.expand(
            op.transpose(state, perm=(1, 0, 2)), op.concat([self._memory.batch, self.each, width], axis=0)
        )
        return op.reshape(spread, op.concat([constant([1]), self.rows, width], axis=0))

    def no_attention(self) -> Var:
        """Zeros `[1, rows, source]`."""
        shape = op.concat([constant([1]), self.rows, self._memory.source], axis=0)
        return op.expand(constant([[[0.0]]], np.float32), shape)

    def run(self, start: Sequence[Var]) -> None:
        """Feed; `start` are the states before, and last the coverage."""
        first = op.cast(self.fresh, to=np.int64)
        self._first = op.reshape(first, constant([1]))
        column = op.concat([self.rows, self._first], axis=0)
        begun = op.concat([op.expand(constant([[BOS]]), column), self._tokens], axis=1)
        fed = op.unsqueeze(op.transpose(begun), constant([2]))
        lengths = op.add(self._lengths, first)
        covers = self._network.decoder.covers

        def turn(index: Var, *old: Var) -> list[Var]:
            index = op.reshape(index, constant([1]))
            *before, covered, _ = old
            token = op.gather(fed, index, axis=0)
            new, weights = self._network.step(token, [*before, covered] if covers else before, self._memory)
            new = [*new[: len(before)], op.add(covered, weights), weights]
            alive = op.unsqueeze(op.less(index, lengths), constant([0, 2]))
            kept = [op.where(alive, after, earlier) for after, earlier in zip(new, old, strict=True)]
            return [*kept, self._network.readout(kept), kept[-1]]

        time = op.squeeze(size(begun, 1))
        *last, readouts, looked = repeat(time, [*start, self.no_attention()], turn)
        *self.states, self.coverage, self.attention = last
        before = self._network.readout(start)
        self._readouts = op.concat([before, self._lined(readouts, time, before)], axis=0)
        self._looked = op.concat([self.no_attention(), self._lined(looked, time, self.attention)], axis=0)
        self.next_log_probs, self._log_probs = self._scored()

    def _lined(self, collected: Var, time: Var, like: Var) -> Var:
        """What a loop collected as `[time, rows, width]`."""
        shape = op.concat([op.reshape(time, constant([1])), self.rows, size(like, 2)], axis=0)
        return op.reshape(collected, shape, allowzero=1)

    def _told(self, lines: Var, count: Var) -> Var:
        """Of `[1 + time, rows, …]` what stood before each of `count` given tokens."""
        return op.slice(lines, self._first, op.add(self._first, count))

    def _scored(self) -> tuple[Var, Var]:
        """What comes next, `[1, rows, vocab]`; of given tokens, `[rows, time]`, in a fresh run.

        Both go through the output layer together.
        """
        count = op.mul(size(self._tokens, 1), self._first)
        readouts = op.concat([self._network.readout(self.states), self._told(self._readouts, count)], axis=0)
        logits = self._network.head(readouts)
        following, told = (op.slice(logits, constant([i]), constant([end])) for i, end in ((0, 1), (1, _ALL)))
        following = op.log_softmax(self._predicting.allowed(following), axis=-1)
        told = op.log_softmax(told, axis=-1)
        tokens = op.unsqueeze(op.slice(op.transpose(self._tokens), constant([0]), count), constant([2]))
        picked = op.squeeze(op.gather_elements(told, tokens, axis=2), constant([2]))
        position = op.unsqueeze(op.range(constant(0), op.squeeze(count), constant(1)), constant([1]))
        masked = op.where(op.less(position, self._lengths), picked, constant(0, np.float32))
        return following, op.transpose(masked)

    def results(self) -> dict[str, Var]:
        """All outputs that do not come from the search."""
        looked = self._told(self._looked, size(self._tokens, 1))
        return {
            "log_probs": self._log_probs,
            "next_log_probs": op.squeeze(self.next_log_probs, constant([0])),
            "last_attention": op.squeeze(self.attention, constant([0])),
            "given_attention": op.transpose(looked, perm=(1, 0, 2)),
            "next_state": self._network.pack(self.states),
            "next_coverage": op.squeeze(self.coverage, constant([0])),
        }
