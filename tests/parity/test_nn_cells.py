"""Cells and stacks against torch.nn with the same weights, and against themselves step by step."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from seqtools.nn.fused import Weights, in_one_buffer
from seqtools.nn.layer import RecurrentLayer
from seqtools.nn.stack import RecurrentStack
from seqtools.recipe import NetworkConfig

CELLS = {"lstm.v1": "LSTM", "gru.v1": "GRU", "rnn_tanh.v1": "RNN_TANH", "rnn_relu.v1": "RNN_RELU"}
INPUT, WIDTH, TIME, BATCH = 5, 6, 7, 3


def theirs_like(stack: RecurrentStack, cell: str, layers: int, *, both: bool) -> nn.RNNBase:
    """torch's module holding the stack's weights."""
    kind: Any = {"LSTM": nn.LSTM, "GRU": nn.GRU}.get(CELLS[cell], nn.RNN)
    more = {"nonlinearity": "relu"} if cell == "rnn_relu.v1" else {}
    theirs: nn.RNNBase = kind(INPUT, WIDTH, layers, bidirectional=both, **more)
    with torch.no_grad():
        for ours, their in zip(weights_of(stack), theirs.parameters(), strict=True):
            their.copy_(ours)
    return theirs


def weights_of(stack: RecurrentStack) -> list[Tensor]:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [getattr(layer, name) for layer in stack.layers for name in names]


def stack_of(cell: str, layers: int = 1, *, both: bool = False, **more: Any) -> RecurrentStack:
    torch.manual_seed(1)
    config = NetworkConfig(cell=cell, layers=layers, width=WIDTH, **more)
    stack = RecurrentStack(config, INPUT, bidirectional=both)
    with torch.no_grad():
        for weight in weights_of(stack):
            weight += 0.1 * torch.randn_like(weight)
    return stack


def states(stack: RecurrentStack) -> tuple[tuple[Tensor, ...], ...]:
    return tuple(tuple(torch.randn_like(part) for part in layer) for layer in stack.start(BATCH))


@pytest.mark.parametrize("both", [False, True], ids=["forward", "both ways"])
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_states_and_gradients_are_torchs(cell: str, layers: int, both: bool) -> None:
    stack = stack_of(cell, layers, both=both)
    theirs = theirs_like(stack, cell, layers, both=both)
    x, begun = torch.randn(TIME, BATCH, INPUT), states(stack)
    y, last = stack(x, begun)
    packed = [torch.stack([layer[part] for layer in begun]) for part in range(len(begun[0]))]
    their_y, their_last = theirs(x, tuple(packed) if len(packed) == 2 else packed[0])
    torch.testing.assert_close(y, their_y)
    for part, told in enumerate(their_last if len(packed) == 2 else [their_last]):
        torch.testing.assert_close(torch.stack([layer[part] for layer in last]), told)
    mix = torch.randn_like(y)
    ours = torch.autograd.grad((y * mix).sum(), weights_of(stack))
    for our, their in zip(
        ours, torch.autograd.grad((their_y * mix).sum(), list(theirs.parameters())), strict=True
    ):
        torch.testing.assert_close(our, their, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["none", "between", "cell"])
@pytest.mark.parametrize("cell", CELLS)
def test_in_chunks_or_step_by_step_is_as_whole(cell: str, norm: str) -> None:
    stack = stack_of(cell, 2, layer_norm=norm, learned_state=True)
    x, begun = torch.randn(TIME, BATCH, INPUT), stack.start(BATCH)
    whole, end = stack(x, begun)
    for size in (1, 3):
        state, parts = begun, []
        for chunk in x.split(size):
            y, state = stack(chunk, state)
            parts.append(y)
        torch.testing.assert_close(torch.cat(parts), whole)
        for a, b in zip(state, end, strict=True):
            torch.testing.assert_close(a, b)
    torch.testing.assert_close(stack.top(end), whole[-1])


@pytest.mark.parametrize("cell", CELLS)
def test_a_step_written_out_is_what_the_kernel_computes(cell: str) -> None:
    layer = stack_of(cell).layers[0]
    assert isinstance(layer, RecurrentLayer)
    x, state = torch.randn(1, BATCH, INPUT), tuple(torch.randn(BATCH, WIDTH) for _ in layer.states)
    weights = layer.weights()
    fused = layer.kind.run(x, state, weights)[1]
    given = nn.functional.linear(x[0], weights.weight_ih, weights.bias_ih)
    hidden = nn.functional.linear(state[0], weights.weight_hh, weights.bias_hh)
    for a, b in zip(layer.kind.step(given, hidden, state), fused, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("norm", ["none", "between", "cell"])
@pytest.mark.parametrize("both", [False, True], ids=["forward", "both ways"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_padded_row_is_as_it_is_alone(cell: str, both: bool, norm: str) -> None:
    stack = stack_of(cell, 2, both=both, layer_norm=norm)
    lengths = torch.tensor([4, TIME, 1])
    x, begun = torch.randn(TIME, BATCH, INPUT, requires_grad=True), states(stack)
    y, last = stack(x, begun, lengths)
    alone_x, wanted, got = x.detach().clone().requires_grad_(), [], []
    for row, length in enumerate(lengths.tolist()):
        only = slice(row, row + 1)
        its_y, its_last = stack(
            alone_x[:length, only], tuple(tuple(part[only] for part in layer) for layer in begun)
        )
        torch.testing.assert_close(y[:length, only], its_y)
        for layer, its_layer in zip(last, its_last, strict=True):
            for part, its_part in zip(layer, its_layer, strict=True):
                torch.testing.assert_close(part[only], its_part)
                wanted.append(its_part.sum())
                got.append(part[only].sum())
    weights = [x, *weights_of(stack)]
    ours = torch.autograd.grad(sum(got, torch.zeros(())), weights)
    theirs = torch.autograd.grad(sum(wanted, torch.zeros(())), [alone_x, *weights_of(stack)])
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["none", "cell"])
@pytest.mark.parametrize("cell", CELLS)
def test_an_empty_row_keeps_its_state(cell: str, norm: str) -> None:
    layer = stack_of(cell, layer_norm=norm).layers[0]
    assert isinstance(layer, RecurrentLayer)
    begun = tuple(torch.randn(BATCH, WIDTH) for _ in layer.states)
    y, last = layer(torch.randn(TIME, BATCH, INPUT), begun, torch.tensor([0, 3, TIME]))
    assert all(torch.equal(part[0], before[0]) for part, before in zip(last, begun, strict=True))
    assert not bool(y[:, 0].any()) and not bool(y[3:, 1].any()) and bool(y[-1, 2].any())


def test_weights_in_one_buffer_are_the_same_and_differentiable() -> None:
    weights = Weights(*(p.detach().clone().requires_grad_() for p in weights_of(stack_of("lstm.v1"))))
    together = in_one_buffer(weights)
    first = together.weight_ih.untyped_storage().data_ptr()
    place = 0
    for ours, raw in zip(together, weights, strict=True):
        assert torch.equal(ours, raw)
        assert ours.is_contiguous()
        assert (ours.untyped_storage().data_ptr(), ours.storage_offset()) == (first, place)
        place += raw.numel()
    layer = stack_of("lstm.v1").layers[0]
    assert isinstance(layer, RecurrentLayer)
    x, state = torch.randn(TIME, BATCH, INPUT), layer.start(BATCH)
    for ours, raw in zip(
        torch.autograd.grad(layer.kind.run(x, state, together)[0].sum(), list(weights)),
        torch.autograd.grad(layer.kind.run(x, state, weights)[0].sum(), list(weights)),
        strict=True,
    ):
        torch.testing.assert_close(ours, raw)


def normed(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    spread = ((x - mean) ** 2).mean(-1, keepdim=True)
    return (x - mean) / (spread + norm.eps).sqrt() * norm.weight + norm.bias


def test_the_layer_norm_lstm_is_that_of_the_paper() -> None:
    """Ba, Kiros & Hinton 2016, equations 20 to 22."""
    layer = stack_of("lstm.v1", layer_norm="cell").layers[0]
    assert isinstance(layer, RecurrentLayer)
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            if "norm" in name:
                parameter.normal_(1.0, 0.3)
    x, (h, c) = torch.randn(TIME, BATCH, INPUT), (torch.randn(BATCH, WIDTH), torch.randn(BATCH, WIDTH))
    outputs, begun = [], (h, c)
    for part in x:
        gates = normed(part @ layer.weight_ih.T + layer.bias_ih, layer.norm_ih)
        gates = gates + normed(h @ layer.weight_hh.T + layer.bias_hh, layer.norm_hh)
        i, f, g, o = gates.split(WIDTH, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(normed(c, layer.norm_c))
        outputs.append(h)
    y, (last_h, last_c) = layer(x, begun)
    torch.testing.assert_close(y, torch.stack(outputs))
    torch.testing.assert_close((last_h, last_c), (h, c))


@pytest.mark.parametrize("cell", ["gru.v1", "rnn_tanh.v1"])
def test_layer_norm_in_the_other_cells(cell: str) -> None:
    layer = stack_of(cell, layer_norm="cell").layers[0]
    assert isinstance(layer, RecurrentLayer)
    x, h = torch.randn(TIME, BATCH, INPUT), torch.randn(BATCH, WIDTH)
    outputs, begun = [], h
    for part in x:
        given = normed(part @ layer.weight_ih.T + layer.bias_ih, layer.norm_ih)
        hidden = normed(h @ layer.weight_hh.T + layer.bias_hh, layer.norm_hh)
        if cell == "gru.v1":
            (xr, xz, xn), (hr, hz, hn) = given.split(WIDTH, 1), hidden.split(WIDTH, 1)
            z, n = torch.sigmoid(xz + hz), torch.tanh(xn + torch.sigmoid(xr + hr) * hn)
            h = (1 - z) * n + z * h
        else:
            h = torch.tanh(given + hidden)
        outputs.append(h)
    y, _ = layer(x, (begun,))
    torch.testing.assert_close(y, torch.stack(outputs))


@pytest.mark.parametrize("cell", CELLS)
def test_weight_drop_is_a_value_of_the_call(cell: str) -> None:
    layer = stack_of(cell, dropout_weight=0.5).layers[0]
    assert isinstance(layer, RecurrentLayer)
    x, state = torch.randn(TIME, BATCH, INPUT), layer.start(BATCH)
    raw = layer.weight_hh.detach().clone()
    torch.manual_seed(5)
    y, _ = layer(x, state)
    torch.manual_seed(5)
    dropped = nn.functional.dropout(raw, 0.5).requires_grad_()
    expected, _ = layer.kind.run(x, state, layer.weights()._replace(weight_hh=dropped))
    torch.testing.assert_close(y, expected)
    assert torch.equal(layer.weight_hh, raw)
    y.sum().backward()
    (wanted,) = torch.autograd.grad(expected.sum(), dropped)
    torch.testing.assert_close(layer.weight_hh.grad, wanted * (dropped.detach() != 0) * 2)
    layer.eval()
    plain, _ = layer.kind.run(x, state, layer.weights()._replace(weight_hh=raw))
    assert torch.equal(layer(x, state)[0], plain)
