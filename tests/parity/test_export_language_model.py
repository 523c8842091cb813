"""Exported language models against torch, and against themselves under every way of running them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from seqtools.export.tidy import subgraphs
from seqtools.nn.cell import Cell
from seqtools.nn.language_model import LanguageModel
from seqtools.plugin import CellSpec
from seqtools.recipe import NetworkConfig
from seqtools_generate.graph import build
from seqtools_generate.sampling import Sample
from seqtools_generate.verify import CHOICES, Choice, Runner, choose, reference, verify

VOCAB = 29
CELLS = ("rnn_tanh.v1", "rnn_relu.v1", "lstm.v1", "gru.v1")
INPUTS: dict[str, dict[str, Any]] = {
    "one-hot": {"embedding": 0},
    "folded": {"embedding": 12},
    "unfolded": {"embedding": 3},
    "tied": {"embedding": 20, "tied": True},
    "tied-projected": {"embedding": 4, "tied": True},
}


def network(seed: int = 0, **settings: Any) -> LanguageModel:
    """A random network whose every parameter matters (no zero biases, no unit gains)."""
    torch.manual_seed(seed)
    model = LanguageModel(NetworkConfig(**{"width": 20, **settings}), VOCAB).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def lower(model: LanguageModel, profile: str = "portable") -> onnx.ModelProto:
    file = build(model, None, profile=profile, form="ids", card={"what": "a test"})
    onnx.checker.check_model(file, full_check=True)
    return file


def tokens(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, VOCAB, shape)


def agrees(model: LanguageModel) -> None:
    parity = verify(lower(model).SerializeToString(), model, profile="portable", real=tokens(200))
    assert parity.worst <= parity.tolerance
    assert parity.tolerance < 1e-4
    assert parity.tokens == 5 * 32 * len(CHOICES)
    assert parity.unequal == 0


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("cell", CELLS)
def test_file_equals_torch(cell: str, given: str) -> None:
    agrees(network(cell=cell, layers=2, **INPUTS[given]))


@pytest.mark.parametrize(
    "settings",
    [
        {"layers": 1, "learned_state": True},
        {"layers": 3, "layer_norm": "between", "last_width": 7},
        {"layers": 4, "embedding": 3, "learned_state": True},
    ],
    ids=["learned", "between", "four-layers"],
)
@pytest.mark.parametrize("cell", CELLS)
def test_options_equal_torch(cell: str, settings: dict[str, Any]) -> None:
    agrees(network(cell=cell, **settings))


@pytest.mark.parametrize("cell", CELLS)
def test_normalised_gates_equal_torch(cell: str) -> None:
    agrees(network(cell=cell, layer_norm="cell", embedding=3, layers=2))


def test_two_thousand_steps_stay_near() -> None:
    model = network(layers=2)
    row = tokens(2000)
    runner = Runner(lower(model).SerializeToString())
    scores, state = runner.run(("log_probs", "next_state"), runner.feeds(row[None]))
    log_probs, last = reference(model, row)
    assert np.abs(scores[0] - log_probs[np.arange(2000), row]).max() < 1e-5
    assert np.abs(state[0] - last).max() < 1e-5


@pytest.mark.parametrize("given", ["one-hot", "unfolded"])
@pytest.mark.parametrize("cell", CELLS)
def test_batch_padding_and_chunks_change_no_bit(cell: str, given: str) -> None:
    runner = Runner(lower(network(cell=cell, layers=2, **INPUTS[given])).SerializeToString())
    lengths = np.array([0, 1, 5, 24, 13, 7, 24, 2, 3, 9, 11, 24, 20, 6, 8, 10])
    rows, noise = tokens(16, 24), np.random.default_rng(1).random((12, 16), dtype=np.float32)
    outputs = ("new_tokens", "new_log_probs", "next_log_probs", "next_state")
    choice = Choice(0.9, 10, 0.95)
    whole = runner.run(outputs, runner.feeds(rows, lengths=lengths, uniforms=noise, choice=choice))
    for i, length in enumerate(lengths):
        one = runner.run(
            outputs, runner.feeds(rows[i : i + 1, :length], uniforms=noise[:, i : i + 1], choice=choice)
        )
        for together, alone in zip(whole, one, strict=True):
            assert np.array_equal(together[i : i + 1], alone)
    half = lengths // 2
    state = runner.run(["next_state"], runner.feeds(rows, lengths=half))[0]
    rest = np.stack([np.roll(row, -n) for row, n in zip(rows, half, strict=True)])
    state = runner.run(["next_state"], runner.feeds(rest, lengths=lengths - half, state=state))[0]
    written = []
    for part in (noise[:1], noise[1:6], noise[6:]):
        feeds = runner.feeds(rows[:, :0], state=state, uniforms=part, choice=choice)
        new, state = runner.run(("new_tokens", "next_state"), feeds)
        written.append(new)
    assert np.array_equal(np.concatenate(written, axis=1), whole[0])
    assert np.array_equal(state, whole[3])


@pytest.mark.parametrize("cell", CELLS)
def test_scores_do_not_depend_on_chunks_or_padding(cell: str) -> None:
    runner = Runner(lower(network(cell=cell, layers=2)).SerializeToString())
    row = tokens(1, 40)
    whole = runner.run(["log_probs"], runner.feeds(row))[0]
    first, state = runner.run(("log_probs", "next_state"), runner.feeds(row, lengths=np.array([17])))
    second = runner.run(["log_probs"], runner.feeds(row[:, 17:], state=state))[0]
    assert np.array_equal(np.concatenate([first[:, :17], second], axis=1), whole)
    assert not first[:, 17:].any()


@pytest.mark.parametrize("name", CHOICES)
def test_host_loop_writes_what_the_graph_writes(name: str) -> None:
    choice = CHOICES[name]
    runner = Runner(lower(network(cell="gru.v1", embedding=3, learned_state=True)).SerializeToString())
    noise = np.random.default_rng(3).random((40, 1), dtype=np.float32)
    prompt = tokens(1, 6)
    inside, told = runner.run(
        ("new_tokens", "new_log_probs"), runner.feeds(prompt, uniforms=noise, choice=choice)
    )
    fed, state, outside, log_probs = prompt, None, [], []
    for uniform in noise[:, 0]:
        following, state = runner.run(("next_log_probs", "next_state"), runner.feeds(fed, state=state))
        token = choose(following[0], choice, float(uniform))
        outside.append(token)
        log_probs.append(following[0, token])
        fed = np.array([[token]])
    assert inside[0].tolist() == outside
    assert np.array_equal(told[0], np.array(log_probs))


def test_generating_runs_do_not_score_the_prompt() -> None:
    runner = Runner(lower(network()).SerializeToString())
    feeds = runner.feeds(tokens(2, 9), uniforms=np.zeros((3, 2), np.float32))
    assert runner.run(["log_probs"], feeds)[0].shape == (2, 0)


@pytest.mark.parametrize("choice", [Choice(1.0), Choice(0.3), Choice(1.1, 12, 0.9)], ids=str)
def test_many_draws_are_the_same_inside_and_outside(choice: Choice) -> None:
    """Also with no noise and with the most, which must not reach tokens that cannot follow."""
    model, impossible = network(cell="gru.v1"), [0, 1, 5, VOCAB - 1]
    with torch.no_grad():
        model.head.bias[impossible] = -1e4
    runner = Runner(lower(model).SerializeToString())
    uniforms = np.random.default_rng(4).random((1, 20_000), dtype=np.float32)
    uniforms[0, :4] = 0, 2**-24, 1 - 2**-24, 1
    nothing = tokens(uniforms.shape[1], 0)
    written = runner.run(["new_tokens"], runner.feeds(nothing, uniforms=uniforms, choice=choice))[0][:, 0]
    following = runner.run(["next_log_probs"], runner.feeds(nothing))[0]
    host = Sample(choice.temperature, choice.top_k, choice.top_p)
    assert np.array_equal(written, host.choose(following, uniforms[0]))
    assert [choose(following[0], choice, float(u)) for u in uniforms[0, :500]] == written[:500].tolist()
    assert not np.isin(written, impossible).any()
    if choice.temperature == 1 and choice.top_p == 1:
        shares = np.bincount(written, minlength=VOCAB) / len(written)
        assert np.abs(shares - np.exp(following[0])).max() < 0.015


def test_a_uniform_of_one_is_harmless() -> None:
    runner = Runner(lower(network()).SerializeToString())
    feeds = runner.feeds(tokens(1, 3), uniforms=np.ones((5, 1), np.float32), choice=Choice(1.0, 3))
    assert runner.run(["new_tokens"], feeds)[0].max() < VOCAB


def test_empty_rows_keep_their_state() -> None:
    for cell in CELLS:
        runner = Runner(lower(network(cell=cell, layers=2)).SerializeToString())
        state = runner.run(["next_state"], runner.feeds(tokens(2, 5)))[0]
        none = np.zeros(2, np.int64)
        for width in (0, 4):
            kept = runner.run(["next_state"], runner.feeds(tokens(2, width), lengths=none, state=state))[0]
            assert np.array_equal(kept, state)


@pytest.mark.parametrize("cell", ["rnn_tanh.v1", "gru.v1"])
def test_the_reference_evaluator_agrees(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second runtime, written in Python from the specification; it cannot do loops that take no turn."""
    monkeypatch.setattr("seqtools_generate.graph._SMALL_NETWORK", 0)
    file = lower(network(cell=cell))
    runner = Runner(file.SerializeToString())
    names = ["new_tokens", "new_log_probs", "next_log_probs", "next_state", "card"]
    noise = np.random.default_rng(5).random((6, 2), dtype=np.float32)
    for choice in CHOICES.values():
        feeds = runner.feeds(tokens(2, 4), lengths=np.array([4, 2]), uniforms=noise, choice=choice)
        ours, theirs = runner.run(names, feeds), ReferenceEvaluator(file).run(names, feeds)
        assert np.array_equal(ours[0], theirs[0])
        for a, b in zip(ours[1:4], theirs[1:4], strict=True):
            assert np.abs(a - b).max() < 1e-5
        assert str(ours[4]) == str(theirs[4])


def loop_nodes(graph: onnx.GraphProto, inside: bool = False) -> list[onnx.NodeProto]:
    found = []
    for node in graph.node:
        found += [node] if inside else []
        for inner in subgraphs(node):
            found += loop_nodes(inner, inside or node.op_type == "Loop")
    return found


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("given", ["one-hot", "unfolded"])
def test_eight_bits(cell: str, given: str) -> None:
    model = network(cell=cell, layers=2, **{**INPUTS[given], "width": 32})
    file = lower(model, "int8")
    quantised = {node.op_type for node in loop_nodes(file.graph) if node.domain == "com.microsoft"}
    lstm = {"DynamicQuantizeLSTM"} if cell == "lstm.v1" else set()
    assert quantised == {"DynamicQuantizeMatMul"} | lstm
    large = [t for t in file.graph.initializer if np.prod(t.dims) >= 32 * 32 and not t.name.endswith("table")]
    assert large
    assert {t.data_type for t in large} == {onnx.TensorProto.INT8}
    parity = verify(file.SerializeToString(), model, profile="int8", real=tokens(200))
    assert 0 < parity.worst < 0.5


def same_every_turn(graph: onnx.GraphProto, changing: set[str]) -> list[str]:
    """Operators of a loop body, or a branch in it, that use nothing which changes from turn to turn."""
    results = {value.name for value in graph.output}
    found = []
    for node in graph.node:
        inner = [name for branch in subgraphs(node) for name in same_every_turn(branch, changing)]
        found += inner
        idle = not (changing & set(node.input)) and not list(subgraphs(node)) and node.op_type != "Constant"
        if idle and not results & set(node.output):
            found.append(node.op_type)
        changing |= set() if idle else set(node.output)
    return found


@pytest.mark.parametrize("small", [0, 10**9], ids=["one-loop", "a-loop-each"])
def test_nothing_is_computed_again_in_every_turn(small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqtools_generate.graph._SMALL_NETWORK", small)
    graph = lower(network(cell="gru.v1", layer_norm="cell")).graph
    bodies = [body for node in graph.node if node.op_type == "Loop" for body in subgraphs(node)]
    assert len(bodies) == (4 if small else 2)
    for body in bodies:
        assert same_every_turn(body, {value.name for value in body.input}) == []


class Leaky(Cell):
    """A cell that no lowering knows."""

    gates, states = 2, ("h", "slow")

    @classmethod
    def step(
        cls, from_input: torch.Tensor, from_hidden: torch.Tensor, state: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, ...]:
        rate, new = (from_input + from_hidden).chunk(2, dim=-1)
        slow = state[1] + rate.sigmoid() * (new.tanh() - state[1])
        return slow * torch.cos(state[0]), slow


@pytest.mark.parametrize("given", ["one-hot", "unfolded"])
def test_a_strangers_cell_goes_in_traced(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = CellSpec(name="leaky.v1", target="leaky:Leaky", summary="A test.")
    monkeypatch.setattr(CellSpec, "load", lambda self: Leaky)
    monkeypatch.setattr("seqtools.nn.layer.cell_spec", lambda name: spec)
    monkeypatch.setattr("seqtools.export.network.cell_spec", lambda name: spec)
    agrees(network(cell="leaky.v1", layers=2, **INPUTS[given]))
