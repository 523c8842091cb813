"""Beam search inside the graph, over a toy step, against exhaustive search and a plain search in numpy."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import spox
import spox.opset.ai.onnx.v20 as op
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx.reference import ReferenceEvaluator

from seqtools.export.graph import IR_VERSION, Var, Weights, constant
from seqtools_beam.graph import BeamGraph, First, Limits
from seqtools_beam.topk import top_k

EOS, SOURCE = 2, 3
OUTPUTS = ["tokens", "lengths", "scores", "log_probs", "attention"]


@dataclass(frozen=True)
class Toy:
    """A network whose state is a number: it looks its log-probabilities and its attention up by it."""

    log_probs: np.ndarray
    attention: np.ndarray

    @property
    def states(self) -> int:
        return len(self.log_probs)

    def after(self, state: int, token: int) -> int:
        return (state * 5 + token * 3 + 1) % self.states


def toy(seed: int, vocab: int, states: int = 37, *, coarse: bool = False) -> Toy:
    """Random tables; coarse ones have many equal values."""
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((states, vocab)) * 1.5
    logits = np.round(logits) if coarse else logits
    logits[:, EOS] += 0.5
    log_probs = logits if coarse else logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return Toy(log_probs.astype(np.float32), rng.random((states, SOURCE), dtype=np.float32))


def lower(model: Toy) -> onnx.ModelProto:
    weights = Weights()
    table, looked = weights.add("table", model.log_probs), weights.add("looked", model.attention)

    def told(state: Var) -> tuple[Var, Var]:
        flat = op.squeeze(state, constant([2]))
        return op.gather(table, flat), op.gather(looked, flat)

    def step(tokens: Var, states: Sequence[Var]) -> tuple[Var, Sequence[Var], Var]:
        moved = op.add(op.mul(states[0], constant(5)), op.add(op.mul(tokens, constant(3)), constant(1)))
        state = op.mod(moved, constant(model.states))
        log_probs, attention = told(state)
        return log_probs, [state], attention

    shapes: dict[str, tuple[type, tuple[Any, ...]]] = {
        "start": (np.int64, (1, "batch", 1)),
        "beam": (np.int64, ()),
        "longest": (np.int64, ("batch",)),
        "shortest": (np.int64, ("batch",)),
        "alpha": (np.float32, ()),
    }
    inputs = {name: spox.argument(spox.Tensor(kind, shape)) for name, (kind, shape) in shapes.items()}
    log_probs, attention = told(inputs["start"])
    limits = Limits(*(inputs[name] for name in ("beam", "longest", "shortest", "alpha")))
    found = BeamGraph(EOS)(
        step, First(log_probs, [inputs["start"]], op.squeeze(attention, constant([0]))), limits
    )
    model_proto = weights.build(inputs, {name: getattr(found, name) for name in OUTPUTS})
    onnx.checker.check_model(model_proto, full_check=True)
    assert model_proto.ir_version == IR_VERSION
    return model_proto


def feeds(
    starts: Sequence[int], beam: int, longest: Sequence[int], shortest: Sequence[int] = (), alpha: float = 1.0
) -> dict[str, np.ndarray]:
    return {
        "start": np.array(starts, np.int64).reshape(1, -1, 1),
        "beam": np.array(beam, np.int64),
        "longest": np.array(longest, np.int64),
        "shortest": np.array(shortest or [0] * len(starts), np.int64),
        "alpha": np.array(alpha, np.float32),
    }


def run(model: onnx.ModelProto, given_: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip(OUTPUTS, session.run(OUTPUTS, given_), strict=True))


@dataclass
class Plain:
    """A hypothesis of the plain search."""

    tokens: list[int]
    log_probs: list[np.float32]
    states: list[int]
    score: np.float32
    done: bool = False


def plain_search(model: Toy, start: int, beam: int, longest: int, shortest: int, alpha: float) -> list[Plain]:
    """Beam search as one would write it down, one sentence at a time."""
    live = [Plain([], [], [start], np.float32(0), done=longest <= 0)]
    while not all(one.done for one in live):
        grown = []
        for one in live:
            if one.done:
                grown.append(one)
                continue
            row = model.log_probs[one.states[-1]]
            for token in np.argsort(-row, kind="stable"):
                if token == EOS and len(one.tokens) < shortest:
                    continue
                ended = token == EOS
                tokens = one.tokens if ended else [*one.tokens, int(token)]
                states = one.states if ended else [*one.states, model.after(one.states[-1], int(token))]
                grown.append(
                    Plain(
                        tokens,
                        [*one.log_probs, row[token]],
                        states,
                        one.score + row[token],
                        bool(ended) or len(tokens) >= longest,
                    )
                )
        live = sorted(grown, key=lambda one: -one.score)[:beam]
    for one in live:
        one.score = one.score / np.float32(len(one.tokens) + 1) ** np.float32(alpha)
    return sorted(live, key=lambda one: -one.score)


def check(model: Toy, given_: dict[str, np.ndarray], told: dict[str, np.ndarray]) -> None:
    """Every sentence's hypotheses are those of the plain search, in every output."""
    alpha, beam = float(given_["alpha"]), int(given_["beam"])
    for row, start in enumerate(given_["start"].reshape(-1)):
        longest, shortest = int(given_["longest"][row]), int(given_["shortest"][row])
        wanted = plain_search(model, int(start), beam, longest, shortest, alpha)
        dead = told["scores"][row, len(wanted) :]
        assert (dead < -1e20).all()
        for place, one in enumerate(wanted):
            length = int(told["lengths"][row, place])
            assert told["tokens"][row, place, :length].tolist() == one.tokens
            assert (told["tokens"][row, place, length:] == EOS).all()
            assert told["scores"][row, place] == pytest.approx(one.score, rel=1e-5, abs=1e-6)
            steps = len(one.log_probs)
            assert np.array_equal(told["log_probs"][row, place, :steps], np.array(one.log_probs, np.float32))
            assert not told["log_probs"][row, place, steps:].any()
            assert np.array_equal(told["attention"][row, place, :steps], model.attention[one.states[:steps]])
            assert not told["attention"][row, place, steps:].any()


@pytest.mark.parametrize("beam", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("vocab", [3, 4, 9, 60])
def test_the_graph_finds_what_a_plain_search_finds(vocab: int, beam: int) -> None:
    model = toy(vocab, vocab)
    file = lower(model)
    for alpha in (0.0, 1.0):
        given_ = feeds([3, 11, 20, 36], beam, [6, 1, 9, 0], [0, 0, 3, 0], alpha)
        check(model, given_, run(file, given_))


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_search(data: st.DataObject) -> None:
    draw, number = data.draw, st.integers
    model = toy(draw(number(0, 99)), draw(number(3, 12)), coarse=draw(st.booleans()))
    batch = draw(number(1, 4))
    longest = draw(st.lists(number(0, 7), min_size=batch, max_size=batch))
    shortest = [min(draw(number(0, 3)), most) for most in longest]
    starts = draw(st.lists(number(0, 36), min_size=batch, max_size=batch))
    alpha = draw(st.sampled_from([0.0, 0.6, 1.0, 1.4]))
    given_ = feeds(starts, draw(number(1, 7)), longest, shortest, alpha)
    check(model, given_, run(lower(model), given_))


def test_a_wide_beam_is_exhaustive() -> None:
    """With as many places as there are sequences nothing is ever lost."""
    model, longest = toy(5, 3), 4
    given_ = feeds([1, 30], 3**longest, [longest] * 2, alpha=0.7)
    told = run(lower(model), given_)
    for row, start in enumerate((1, 30)):
        best = max(_all(model, start, longest), key=lambda one: one[0])
        length = int(told["lengths"][row, 0])
        assert tuple(told["tokens"][row, 0, :length]) == best[1]
        assert told["scores"][row, 0] == pytest.approx(best[0], rel=1e-5)


def _all(model: Toy, start: int, longest: int) -> list[tuple[float, tuple[int, ...]]]:
    """Every sequence with its ranked score."""
    found = []
    for length in range(longest + 1):
        for tokens in itertools.product([0, 1], repeat=length):
            state, score = start, 0.0
            for token in (*tokens, *([EOS] if length < longest else [])):
                score += float(model.log_probs[state, token])
                state = model.after(state, token)
            found.append((score / (length + 1) ** 0.7, tokens))
    return found


def test_the_loop_ends_when_all_are_done() -> None:
    model = toy(1, 4)
    model.log_probs[:, EOS] = 3.0
    told = run(lower(model), feeds([0, 1], 1, [50, 50]))
    assert told["tokens"].shape == (2, 1, 1)
    assert not told["lengths"].any()


def test_no_beam_searches_nothing() -> None:
    told = run(lower(toy(1, 6)), feeds([0, 1, 2], 0, [5, 5, 5]))
    assert told["lengths"].shape == told["scores"].shape == (3, 0)
    assert told["tokens"].shape[:2] == (3, 0)
    assert told["attention"].shape[-1] == SOURCE


def test_sentences_do_not_see_each_other() -> None:
    model = toy(8, 30)
    file = lower(model)
    starts, longest = [4, 9, 30, 17, 2], [7, 3, 9, 1, 5]
    together = run(file, feeds(starts, 4, longest))
    for row, (start, most) in enumerate(zip(starts, longest, strict=True)):
        alone = run(file, feeds([start], 4, [most]))
        time = alone["tokens"].shape[2]
        assert np.array_equal(together["tokens"][row, :, :time], alone["tokens"][0])
        assert np.array_equal(together["scores"][row], alone["scores"][0])


def test_the_reference_evaluator_agrees() -> None:
    """A second runtime, written in Python from the specification; it cannot do loops that take no turn."""
    model = toy(3, 7)
    file, given_ = lower(model), feeds([3, 8], 3, [6, 4])
    ours = run(file, given_)
    theirs = dict(zip(OUTPUTS, ReferenceEvaluator(file).run(OUTPUTS, given_), strict=True))
    for name in OUTPUTS:
        assert np.allclose(ours[name], theirs[name], atol=1e-6), name


@pytest.mark.parametrize("vocab", [2000, 2003, 4000])
@pytest.mark.parametrize("coarse", [True, False], ids=["ties", "no ties"])
def test_the_likeliest_of_large_vocabularies_are_those_of_topk(vocab: int, coarse: bool) -> None:
    values = np.random.default_rng(vocab).standard_normal((1, 9, vocab)).astype(np.float32)
    values = np.round(values * 2) if coarse else values
    given_, width = (
        spox.argument(spox.Tensor(np.float32, (1, "rows", vocab))),
        spox.argument(spox.Tensor(np.int64, (1,))),
    )
    largest, tokens = top_k(given_, width)
    file = Weights().build({"values": given_, "width": width}, {"largest": largest, "tokens": tokens})
    session = ort.InferenceSession(file.SerializeToString(), providers=["CPUExecutionProvider"])
    for count in (1, 2, 6, 70):
        told, places = session.run(None, {"values": values, "width": np.array([count])})
        wanted = np.argsort(-values, axis=2, kind="stable")[..., :count]
        assert np.array_equal(places, wanted)
        assert np.array_equal(told, np.take_along_axis(values, wanted, axis=2))
    empty = session.run(None, {"values": values[:, :0], "width": np.array([3])})
    assert [part.shape for part in empty] == [(1, 0, 3)] * 2
