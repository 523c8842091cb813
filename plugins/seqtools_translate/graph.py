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
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context
from seqtools.export.seq2seq import LoweredSeq2Seq
from seqtools.loader import decoder
from seqtools.plugin import resolve
from seqtools.tokens import EOS
from seqtools_translate.feeding import Feeding, size
from seqtools_translate.predicting import All, Predicting, Shortlisted
from seqtools_translate.textual import Textual

_FOUND = ("hypotheses", "hypothesis_lengths", "scores", "token_log_probs", "attention")
"""Outputs of the search."""


def _inputs(network: LoweredSeq2Seq, shortlist: bool, textual: bool) -> dict[str, Var]:
    """The frozen inputs, in order."""
    shapes: dict[str, tuple[type, tuple[str | int, ...]]] = {
        "text": (np.str_, ("batch",)),
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
        "shortlist": (np.int64, ("candidates",)),
    }
    for name, there in (("shortlist", shortlist), ("text", textual)):
        if not there:
            del shapes[name]
    return {name: spox.argument(spox.Tensor(kind, shape)) for name, (kind, shape) in shapes.items()}


def build(
    network: Any,
    *,
    profile: str,
    card: Mapping[str, Any],
    shortlist: bool = False,
    textual: Textual | None = None,
) -> onnx.ModelProto:
    """The model file's graph, without metadata.

    Args:
        network: a `seqtools.nn.seq2seq.Seq2Seq` in eval mode.
        profile: "portable" or "int8".
        card: what the output `card` says.
        shortlist: whether the file has the input `shortlist`.
        textual: for text in and out beside the ids.
    """
    context = Context(profile)
    lowered = LoweredSeq2Seq(context, network)
    given = _inputs(lowered, shortlist, textual is not None)
    results = _run(lowered, given, textual)
    note = context.weights.text("card.json", json.dumps(card, ensure_ascii=False))
    return context.weights.build(given, {**results, "card": op.identity(note)})


def _run(network: LoweredSeq2Seq, given: Mapping[str, Var], textual: Textual | None) -> dict[str, Var]:
    """Outputs by name."""
    fresh = op.equal(size(given["encoded"], 1), constant([0]))
    if textual is not None:
        source, lengths = textual.read(given, fresh)
        given = {**given, "source": source, "source_lengths": lengths}
    counted = op.add(given["source_lengths"], constant(1))
    source, lengths = _source(given, fresh, counted)
    read, summary = network.encode(source, lengths)
    # One of the two has no positions.
    encoded = op.concat([read, given["encoded"]], axis=1)
    memory = network.open(encoded, counted)
    few = Shortlisted(network, given["shortlist"]) if "shortlist" in given else None
    fed = Feeding(network, few or All(network), memory, given, op.squeeze(fresh))
    fed.run(_start(network, summary, given, fed))
    found = _found(network, few, memory, given, fed)
    return {
        **({} if textual is None else {"texts": textual.write(found[0])}),
        **dict(zip(_FOUND, found, strict=True)),
        **fed.results(),
        "next_encoded": encoded,
    }


def _found(
    network: LoweredSeq2Seq, few: Shortlisted | None, memory: Memory, given: Mapping[str, Var], fed: Feeding
) -> Sequence[Var]:
    """The search's outputs: over all tokens, or over a shortlist; the other of the two takes no turn."""
    if few is None:
        return _search(network, All(network), memory, given, fed)
    beam, none = given["beam_size"], constant(0)
    among_all = {**given, "beam_size": op.where(few.empty, beam, none)}
    among_few = {**given, "beam_size": op.where(few.empty, none, beam)}
    every = _search(network, All(network), memory, among_all, fed)
    chosen = _search(network, few, memory, among_few, fed)
    return op.if_(
        few.empty,
        then_branch=lambda: [op.identity(part) for part in every],
        else_branch=lambda: [op.identity(part) for part in chosen],
    )


def _search(
    network: LoweredSeq2Seq, predicting: Predicting, memory: Memory, given: Mapping[str, Var], fed: Feeding
) -> Sequence[Var]:
    """Beam search from the first row of each sentence: what _FOUND names."""
    beam = resolve(decoder("beam").graph, "decoder 'beam'")

    def step(numbers: Var, states: Sequence[Var]) -> tuple[Var, Sequence[Var], Var]:
        new, weights = network.step(predicting.ids(numbers), states, memory)
        return predicting.log_probs(network.readout(new)), new, weights

    rows = op.mul(op.range(constant(0), op.squeeze(memory.batch), constant(1)), fed.each)
    states = [*fed.states, *([fed.coverage] if network.decoder.covers else [])]
    log_probs, attention, *begun = (
        op.gather(x, rows, axis=1) for x in (fed.next_log_probs, fed.attention, *states)
    )
    first = beam.start(predicting.first(log_probs), begun, op.squeeze(attention, constant([0])))
    limits = beam.limits(given["beam_size"], given["max_lengths"], given["min_lengths"], given["alpha"])
    found = beam(predicting.eos)(step, first, limits)
    return [
        predicting.ids(found.tokens),
        found.lengths,
        found.scores,
        found.log_probs,
        found.attention,
    ]


def _source(given: Mapping[str, Var], fresh: Var, counted: Var) -> tuple[Var, Var]:
    """What to read, `[batch, time + 1]` with the end id after each row's length, or nothing."""
    time = op.where(fresh, op.add(size(given["source"], 1), constant([1])), constant([0]))
    position = op.range(constant(0), op.squeeze(time), constant(1))
    inside = op.less(position, op.unsqueeze(given["source_lengths"], constant([1])))
    padded = op.pad(given["source"], constant([0, 0, 0, 1]), constant(EOS))
    ours = op.slice(padded, constant([0]), time, constant([1]))
    return op.where(inside, ours, constant(EOS)), op.mul(counted, op.cast(fresh, to=np.int64))


def _start(network: LoweredSeq2Seq, summary: Var, given: Mapping[str, Var], fed: Feeding) -> Sequence[Var]:
    """States `[1, rows, …]` before anything is fed: from the source, or as they are handed in."""

    def started() -> list[Var]:
        states = network.decoder.start(summary)
        return [*(fed.for_rows(state) for state in states), fed.no_attention()]

    def handed() -> list[Var]:
        return [*network.unpack(given["state"]), op.unsqueeze(given["coverage"], constant([0]))]

    return op.if_(fed.fresh, then_branch=started, else_branch=handed)
