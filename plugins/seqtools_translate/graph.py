"""The graph of `translate`: encode, feed what is given, search; one file for every use.

A fresh run encodes the source, feeds the start id and the given target tokens, and searches on from there. A
run that is handed what an earlier one encoded feeds its tokens to the states it is handed, so that a search
outside the graph can go step by step; the parts it does not need run over nothing, which costs little.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import spox
import spox.opset.ai.onnx.v20 as op

from seqtools.export.attention import Memory
from seqtools.export.graph import Var, constant, repeat
from seqtools.export.linear import Context
from seqtools.export.seq2seq import LoweredSeq2Seq
from seqtools.loader import decoder
from seqtools.plugin import resolve
from seqtools.tokens import BOS, EOS


def _inputs(network: LoweredSeq2Seq) -> dict[str, Var]:
    """The frozen inputs, in order."""
    shapes: dict[str, tuple[type, tuple[str | int, ...]]] = {
        "source": (np.int64, ("batch", "time")),
        "source_lengths": (np.int64, ("batch",)),
        "encoded": (np.float32, ("batch", "encoded_time", network.encoded_width)),
        "state": (np.float32, ("state_rows", network.state_width)),
        "coverage": (np.float32, ("state_rows", "encoded_time")),
        "tokens": (np.int64, ("rows", "target_time")),
        "token_lengths": (np.int64, ("rows",)),
        "beam_size": (np.int64, ()),
        "max_lengths": (np.int64, ("batch",)),
        "min_lengths": (np.int64, ("batch",)),
        "alpha": (np.float32, ()),
    }
    return {name: spox.argument(spox.Tensor(kind, shape)) for name, (kind, shape) in shapes.items()}


def build(network: Any, *, profile: str, card: Mapping[str, Any]) -> onnx.ModelProto:
    """The model file's graph, ids in and out, without metadata.

    Args:
        network: a `seqtools.nn.seq2seq.Seq2Seq` in eval mode.
        profile: "portable" or "int8".
        card: what the output `card` says.
    """
    context = Context(profile)
    lowered = LoweredSeq2Seq(context, network)
    given = _inputs(lowered)
    results = _run(lowered, given)
    note = context.weights.text("card.json", json.dumps(card, ensure_ascii=False))
    return context.weights.build(given, {**results, "card": op.identity(note)})


def _run(network: LoweredSeq2Seq, given: Mapping[str, Var]) -> dict[str, Var]:
    """Outputs by name."""
    fresh = op.equal(_size(given["encoded"], 1), constant([0]))
    counted = op.add(given["source_lengths"], constant(1))
    source, lengths = _source(given, fresh, counted)
    read, summary = network.encode(source, lengths)
    # One of the two has no positions.
    encoded = op.concat([read, given["encoded"]], axis=1)
    memory = network.open(encoded, counted)
    fed = _Feeding(network, memory, given, op.squeeze(fresh))
    fed.run(_start(network, summary, given, fed))
    found = _search(network, memory, given, fed)
    return {
        "hypotheses": found.tokens,
        "hypothesis_lengths": found.lengths,
        "scores": found.scores,
        "token_log_probs": found.log_probs,
        "attention": found.attention,
        **fed.results(),
        "next_encoded": encoded,
    }


def _search(network: LoweredSeq2Seq, memory: Memory, given: Mapping[str, Var], fed: _Feeding) -> Any:
    """Beam search from the first row of each sentence."""
    beam = resolve(decoder("beam").graph, "decoder 'beam'")

    def step(tokens: Var, states: Sequence[Var]) -> tuple[Var, Sequence[Var], Var]:
        new, weights = network.step(tokens, states, memory)
        return network.log_probs(network.readout(new)), new, weights

    rows = op.mul(op.range(constant(0), op.squeeze(memory.batch), constant(1)), fed.each)
    states = [*fed.states, *([fed.coverage] if network.decoder.covers else [])]
    log_probs, attention, *begun = (
        op.gather(x, rows, axis=1) for x in (fed.next_log_probs, fed.attention, *states)
    )
    first = beam.start(log_probs, begun, op.squeeze(attention, constant([0])))
    limits = beam.limits(given["beam_size"], given["max_lengths"], given["min_lengths"], given["alpha"])
    return beam(EOS)(step, first, limits)


def _size(x: Var, axis: int) -> Var:
    """`[1]`."""
    return op.slice(op.shape(x), constant([axis]), constant([axis + 1]))


def _source(given: Mapping[str, Var], fresh: Var, counted: Var) -> tuple[Var, Var]:
    """What to read, `[batch, time + 1]` with the end id after each row's length, or nothing."""
    time = op.where(fresh, op.add(_size(given["source"], 1), constant([1])), constant([0]))
    position = op.range(constant(0), op.squeeze(time), constant(1))
    inside = op.less(position, op.unsqueeze(given["source_lengths"], constant([1])))
    padded = op.pad(given["source"], constant([0, 0, 0, 1]), constant(EOS))
    ours = op.slice(padded, constant([0]), time, constant([1]))
    return op.where(inside, ours, constant(EOS)), op.mul(counted, op.cast(fresh, to=np.int64))


def _start(network: LoweredSeq2Seq, summary: Var, given: Mapping[str, Var], fed: _Feeding) -> Sequence[Var]:
    """States `[1, rows, …]` before anything is fed: from the source, or as they are handed in."""

    def started() -> list[Var]:
        states = network.decoder.start(summary)
        return [*(fed.for_rows(state) for state in states), fed.no_attention()]

    def handed() -> list[Var]:
        return [*network.unpack(given["state"]), op.unsqueeze(given["coverage"], constant([0]))]

    return op.if_(fed.fresh, then_branch=started, else_branch=handed)


class _Feeding:
    """Feeds given tokens, one after another, and tells how likely each of them was.

    The loop carries the states, the summed attention and where the last step looked; rows past their
    length keep theirs.
    """

    def __init__(self, network: LoweredSeq2Seq, memory: Memory, given: Mapping[str, Var], fresh: Var) -> None:
        self._network, self._memory, self.fresh = network, memory, fresh
        self._tokens, self._lengths = given["tokens"], given["token_lengths"]
        self.rows = _size(self._tokens, 0)
        self.each = op.div(self.rows, memory.batch)

    def for_rows(self, state: Var) -> Var:
        """`[1, batch, width]` -> `[1, rows, width]`: every row of a sentence starts alike."""
        width = _size(state, 2)
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

        time = op.squeeze(_size(begun, 1))
        *last, readouts, looked = repeat(time, [*start, self.no_attention()], turn)
        *self.states, self.coverage, self.attention = last
        before = self._network.readout(start)
        self._readouts = op.concat([before, self._lined(readouts, time, before)], axis=0)
        self._looked = op.concat([self.no_attention(), self._lined(looked, time, self.attention)], axis=0)
        self.next_log_probs, self._log_probs = self._scored()

    def _lined(self, collected: Var, time: Var, like: Var) -> Var:
        """What a loop collected as `[time, rows, width]`."""
        shape = op.concat([op.reshape(time, constant([1])), self.rows, _size(like, 2)], axis=0)
        return op.reshape(collected, shape, allowzero=1)

    def _told(self, lines: Var, count: Var) -> Var:
        """Of `[1 + time, rows, …]` what stood before each of `count` given tokens."""
        return op.slice(lines, self._first, op.add(self._first, count))

    def _scored(self) -> tuple[Var, Var]:
        """What comes next, `[1, rows, vocab]`; of given tokens, `[rows, time]`, in a fresh run.

        Both go through the output layer together.
        """
        count = op.mul(_size(self._tokens, 1), self._first)
        readouts = op.concat([self._network.readout(self.states), self._told(self._readouts, count)], axis=0)
        log_probs = self._network.log_probs(readouts)
        end = constant([np.iinfo(np.int64).max])
        following = op.slice(log_probs, constant([0]), constant([1]))
        told = op.slice(log_probs, constant([1]), end)
        tokens = op.unsqueeze(op.slice(op.transpose(self._tokens), constant([0]), count), constant([2]))
        picked = op.squeeze(op.gather_elements(told, tokens, axis=2), constant([2]))
        position = op.unsqueeze(op.range(constant(0), op.squeeze(count), constant(1)), constant([1]))
        masked = op.where(op.less(position, self._lengths), picked, constant(0, np.float32))
        return following, op.transpose(masked)

    def results(self) -> dict[str, Var]:
        """All outputs that do not come from the search."""
        looked = self._told(self._looked, _size(self._tokens, 1))
        return {
            "log_probs": self._log_probs,
            "next_log_probs": op.squeeze(self.next_log_probs, constant([0])),
            "last_attention": op.squeeze(self.attention, constant([0])),
            "given_attention": op.transpose(looked, perm=(1, 0, 2)),
            "next_state": self._network.pack(self.states),
            "next_coverage": op.squeeze(self.coverage, constant([0])),
        }
