"""The language model's parts: dropouts, tying, learned states, starting weights, a stranger's cell."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from seqtools import loader
from seqtools.discovery import EntryPoint
from seqtools.errors import ConfigError, SeqtoolsError
from seqtools.nn.cell import Cell, State
from seqtools.nn.cells.lstm import LSTM
from seqtools.nn.dropout import Dropout
from seqtools.nn.embedding import TokenEmbedding
from seqtools.nn.language_model import LanguageModel, detach
from seqtools.plugin import CellSpec, hookimpl
from seqtools.recipe import NetworkConfig
from seqtools.registry import Registry

VOCAB = 11
# Whatever the recipe's defaults become.
BARE = {"width": 8, "embedding": 0, "dropout_output": 0.0}


def model(**keys: Any) -> LanguageModel:
    torch.manual_seed(0)
    return LanguageModel(NetworkConfig(**{**BARE, **keys}), VOCAB)


def tokens(time: int = 6, batch: int = 3) -> Tensor:
    return torch.randint(VOCAB, (time, batch), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("locked", [True, False])
def test_a_locked_mask_is_the_same_at_all_times(locked: bool) -> None:
    drop, x = Dropout(0.5, locked=locked), torch.ones(50, 4, 32)
    y = drop(x)
    assert set(y.unique().tolist()) == {0.0, 2.0}
    assert bool((y == y[:1]).all()) is locked
    assert not torch.equal(y[:, 0], y[:, 1])  # rows differ
    assert not torch.equal(y, drop(x))  # and calls
    assert torch.equal(drop.eval()(x), x)


def test_dropout_keeps_the_mean() -> None:
    y = Dropout(0.3)(torch.ones(2, 100, 100))
    assert float(y.mean()) == pytest.approx(1.0, abs=0.03)


def test_embedding_dropout_drops_whole_tokens_everywhere() -> None:
    embedding = TokenEmbedding(200, 5, dropout=0.5)
    ids = torch.arange(200).repeat(2, 1).T
    y = embedding(ids)
    gone = (y == 0).all(-1)
    assert torch.equal(gone[:, 0], gone[:, 1])
    assert 60 < int(gone[:, 0].sum()) < 140
    torch.testing.assert_close(y[~gone], (2 * embedding.weight[ids])[~gone])
    assert torch.equal(embedding.eval()(ids), embedding.weight[ids])


def test_tied_weights_are_one_tensor() -> None:
    network = model(embedding=8, tied=True)
    assert network.embedding is not None
    assert network.head.weight is network.embedding.weight
    assert network.head.projection is None
    assert sum(p.numel() for p in network.parameters()) == VOCAB * 8 + VOCAB + 4 * 8 * (8 + 8 + 2)


def test_tied_weights_of_another_width_are_projected() -> None:
    network = model(embedding=5, tied=True)
    assert network.head.projection is not None
    assert network.head.projection.weight.shape == (5, 8)
    assert network.head.projection.bias is None
    assert network(tokens(), network.start(3)).logits.shape == (6, 3, VOCAB)


@pytest.mark.parametrize(
    "keys", [{}, {"embedding": 4}, {"embedding": 8, "tied": True}, {"layer_norm": "between"}]
)
@pytest.mark.parametrize("layers", [1, 3])
def test_logits_follow_from_the_state(keys: dict[str, Any], layers: int) -> None:
    network = model(layers=layers, last_width=8 if layers == 1 else 6, **keys).eval()
    out = network(tokens(), network.start(3))
    torch.testing.assert_close(network.logits_from(out.state), out.logits[-1])
    assert out.raw is out.dropped


def test_one_hot_is_a_table_of_columns() -> None:
    network = model(embedding=0)
    x = nn.functional.one_hot(tokens(), VOCAB).float()
    assert torch.equal(network(tokens(), network.start(3)).raw, network.stack(x, network.start(3))[0])


def test_locked_dropout_of_a_one_hot_input_is_a_token_mask_for_each_sequence() -> None:
    network = model(embedding=0, dropout_input=0.5)
    ids = torch.arange(VOCAB).repeat(3)[:, None].expand(-1, 40)  # every token three times in each row
    x = nn.functional.one_hot(ids, VOCAB).float()
    kept = network.drop_input(x).sum(-1)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    first, second, third = kept.split(VOCAB)
    assert torch.equal(first, second) and torch.equal(first, third)
    assert len(first.T.unique(dim=0)) > 30  # rows draw their own


def test_a_learned_state_starts_at_zero_and_gets_a_gradient() -> None:
    network = model(learned_state=True, layers=2, embedding=4)
    start = network.start(3)
    assert all(bool((part == 0).all()) for layer in start for part in layer)
    network(tokens(), start).logits.square().sum().backward()
    learned = {name: p.grad for name, p in network.named_parameters() if ".initial." in name}
    assert len(learned) == 4
    assert all(grad is not None and bool(grad.abs().sum() > 0) for grad in learned.values())


def test_a_detached_state_is_the_same_without_a_past() -> None:
    network = model()
    state = network(tokens(), network.start(3)).state
    cut = detach(state)
    assert all(torch.equal(a, b) for x, y in zip(state, cut, strict=True) for a, b in zip(x, y, strict=True))
    assert not any(part.requires_grad for layer in cut for part in layer)


def test_starting_weights() -> None:
    layer: Any = model(width=32).stack.layers[0]
    for block in layer.weight_hh.detach().split(32):
        torch.testing.assert_close(block @ block.T, torch.eye(32), atol=1e-5, rtol=0)
    assert layer.bias_ih.view(4, 32)[:, 0].tolist() == [0, 1, 0, 0]  # i, f, g, o
    assert bool((layer.bias_hh == 0).all())
    uniform: Any = model(width=64, init="uniform", forget_bias=2.0, embedding=4, cell="gru.v1").stack.layers[
        0
    ]
    for weight in (uniform.weight_hh, uniform.weight_ih):
        assert 0.115 < float(weight.detach().abs().max()) <= 0.125  # 1 / sqrt(64)
    assert bool((uniform.bias_ih == 0).all())


def test_the_forget_bias_comes_after_the_norm() -> None:
    layer: Any = model(layer_norm="cell", embedding=4).stack.layers[0]
    assert bool((layer.bias_ih == 0).all())
    assert layer.norm_ih.bias.view(4, 8)[:, 0].tolist() == [0, 1, 0, 0]
    assert bool((layer.norm_hh.bias == 0).all())


@pytest.mark.parametrize("norm", ["none", "between", "cell"])
@pytest.mark.parametrize("cell", ["lstm.v1", "gru.v1", "rnn_tanh.v1", "rnn_relu.v1"])
def test_every_parameter_learns(cell: str, norm: str) -> None:
    network = model(
        cell=cell, layer_norm=norm, layers=2, embedding=5, tied=True, learned_state=True, locked=False,
        dropout_input=0.1, dropout_hidden=0.1, dropout_output=0.1, dropout_embedding=0.1, dropout_weight=0.1,
    )  # fmt: skip
    out = network(tokens(), network.start(3))
    nn.functional.cross_entropy(out.logits.flatten(0, 1), tokens().flatten()).backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not bool(p.grad.any())]
    assert still == []


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"tied": True, "embedding": 0}, "no embedding to share"),
        ({"layer_norm": "batch"}, "'batch' is not known"),
        ({"init": "zeros"}, "'zeros' is not known"),
        ({"layers": 0}, "at least 1"),
    ],
)
def test_recipes_that_make_no_network(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        model(**keys)


def test_an_unknown_cell_is_told_with_the_nearest() -> None:
    with pytest.raises(SeqtoolsError, match=r"lstm\.v1"):
        model(cell="lstm.v2")


class Minimal(Cell):
    """A stranger's cell: all that the module's docstring says a plugin has to write."""

    gates, states = 2, ("h",)

    @classmethod
    def step(cls, from_input: Tensor, from_hidden: Tensor, state: State) -> State:
        gate, new = (from_input + from_hidden).chunk(2, dim=-1)
        keep = gate.sigmoid()
        return (keep * state[0] + (1 - keep) * new.tanh(),)


class Coupled(LSTM):
    """A stranger's change of ours: what is forgotten is what is written."""

    norms_c = False

    @classmethod
    def step(
        cls, from_input: Tensor, from_hidden: Tensor, state: State, norm_c: object | None = None
    ) -> State:
        _, f, g, o = (from_input + from_hidden).chunk(4, dim=-1)
        c = f.sigmoid() * state[1] + (1 - f.sigmoid()) * g.tanh()
        return o.sigmoid() * c.tanh(), c


class Stranger:
    @hookimpl
    def seqtools_cells(self) -> list[CellSpec]:
        return [CellSpec(name="minimal.v1", summary="A minimal gated unit.", target=f"{__name__}:Minimal")]


def test_a_changed_step_leaves_the_fused_kernel() -> None:
    assert (LSTM.kernel, Coupled.kernel) == ("lstm", "")

    class Renamed(LSTM):
        pass

    assert Renamed.kernel == "lstm"


@pytest.mark.parametrize("cell", [Minimal, Coupled])
def test_a_strangers_cell_works_like_ours(monkeypatch: pytest.MonkeyPatch, cell: type[Cell]) -> None:
    registry = Registry()
    registry.add(EntryPoint("stranger", "stranger", "seqtools-stranger", "1"), Stranger())
    assert registry.failures == []
    monkeypatch.setattr(CellSpec, "load", lambda spec: cell)
    with loader.using(registry):
        for norm in ("none", "cell"):
            network = model(cell="minimal.v1", layers=2, embedding=4, layer_norm=norm, dropout_weight=0.2)
            whole = network.eval()(tokens(), network.start(3))
            half = network(tokens()[:3], network.start(3))
            rest = network(tokens()[3:], half.state)
            torch.testing.assert_close(torch.cat([half.logits, rest.logits]), whole.logits)
            network.train()(tokens(), network.start(3)).logits.sum().backward()
            assert all(p.grad is not None for p in network.parameters())
