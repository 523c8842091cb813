"""Encoder, decoder, attention: known targets at once and step by step, padding, what each part must do."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from seqtools.errors import ConfigError
from seqtools.nn.attention import KINDS
from seqtools.nn.seq2seq import Seq2Seq
from seqtools.recipe import Seq2SeqConfig

SIZES: dict[str, Any] = {
    "encoder_width": 8, "width": 16, "embedding": 12,
    "encoder_layers": 2, "layers": 2, "encoder_feedforward": 24,
}  # fmt: skip
LENGTHS = torch.tensor([6, 4, 1])


def network(**settings: Any) -> Seq2Seq:
    torch.manual_seed(3)
    return Seq2Seq(Seq2SeqConfig(**{**SIZES, **settings}), 20, 20)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    source = torch.randint(0, 20, (6, 3), generator=generator)
    return source, torch.randint(0, 20, (5, 3), generator=generator)


EXTRAS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rich": {"residual": True, "deep_output": True, "layer_norm": "between", "bridge": "mean"},
    "stepwise": {"input_feeding": True, "coverage": True, "layer_norm": "cell", "bridge": "zero"},
    "untied": {"tied": False, "shared": False, "bidirectional": False, "encoder_width": 16, "cell": "gru.v1"},
    "hybrid": {"encoder": "transformer", "encoder_width": 16, "decoder_cell": "rnn_tanh.v1"},
}


@pytest.mark.parametrize(
    ("attention", "attend", "extra"), list(itertools.product(KINDS, ("first", "last"), EXTRAS))
)
@torch.no_grad()
def test_whole_targets_and_single_steps_agree(attention: str, attend: str, extra: str) -> None:
    model = network(attention=attention, attend=attend, **EXTRAS[extra]).eval()
    source, target = batch()
    out = model(source, LENGTHS, target)
    read = model.encode(source, LENGTHS)
    state = model.start(read)
    for time, tokens in enumerate(target):
        state, weights = model.step(tokens, state, read)
        torch.testing.assert_close(model.logits(state), out.logits[time], rtol=1e-5, atol=2e-6)
        torch.testing.assert_close(weights, out.attention[time], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("attention", "extra"), list(itertools.product(KINDS, EXTRAS)))
@torch.no_grad()
def test_padding_changes_nothing(attention: str, extra: str) -> None:
    model = network(attention=attention, **EXTRAS[extra]).eval()
    source, target = batch()
    together = model(source, LENGTHS, target)
    alone = model(source[:4, 1:2], LENGTHS[1:2], target[:, 1:2])
    torch.testing.assert_close(alone.logits, together.logits[:, 1:2], rtol=1e-5, atol=2e-6)
    assert not together.attention[:, 1, 4:].any()


@pytest.mark.parametrize("attention", [kind for kind in KINDS if kind != "none"])
@torch.no_grad()
def test_attention_is_a_distribution_over_the_source(attention: str) -> None:
    source, target = batch()
    weights = network(attention=attention).eval()(source, LENGTHS, target).attention
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(5, 3))
    assert (weights >= 0).all()


@pytest.mark.parametrize("attention", KINDS)
def test_every_parameter_learns(attention: str) -> None:
    extra: dict[str, Any] = {"input_feeding": True, "coverage": True} if attention != "none" else {}
    model = network(attention=attention, dropout_weight=0.1, **extra)
    source, target = batch()
    torch.nn.functional.cross_entropy(
        model(source, LENGTHS, target).logits.flatten(0, 1), target.flatten()
    ).backward()
    without = [
        name for name, weight in model.named_parameters() if weight.grad is None or not weight.grad.any()
    ]
    assert not without


@torch.no_grad()
def test_without_attention_only_the_summary_is_seen() -> None:
    model = network(attention="none", bridge="last").eval()
    source, target = batch()
    read = model.encode(source, LENGTHS)
    assert read.values.shape == (3, 1, 16)
    # Two sources with one summary give one answer, whatever their words.
    other = read._replace(mask=torch.ones_like(read.mask))
    state, _ = model.step(target[0], model.start(read), read)
    again, _ = model.step(target[0], model.start(other), other)
    torch.testing.assert_close(model.logits(state), model.logits(again))


@torch.no_grad()
def test_scaled_dot_is_what_torch_computes() -> None:
    model = network(attention="scaled_dot", attention_heads=4).eval()
    attention: Any = model.decoder.attention
    query, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    keys, values = attention.keys(memory), attention.values(memory)
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    context, _ = attention(query, keys, values, mask)

    def heads(x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (4, -1)).transpose(1, 2)

    expected = torch.nn.functional.scaled_dot_product_attention(
        heads(attention.query(query)), heads(keys), heads(values), mask[:, None, None]
    )
    torch.testing.assert_close(context, expected.transpose(1, 2).flatten(2))


@torch.no_grad()
def test_additive_is_bahdanaus_formula() -> None:
    attention: Any = network(attention="additive").eval().decoder.attention
    query, memory = torch.randn(1, 1, 16), torch.randn(1, 4, 16)
    scores = attention.scores(query, attention.keys(memory), None)[0, 0, 0]
    for place in range(4):
        inner = torch.tanh(attention.query.weight @ query[0, 0] + attention.key(memory[0, place]))
        torch.testing.assert_close(scores[place], attention.score @ inner)


def test_coverage_is_the_sum_of_the_attention_so_far() -> None:
    model = network(coverage=True).eval()
    source, target = batch()
    with torch.no_grad():
        read = model.encode(source, LENGTHS)
        state, seen = model.start(read), torch.zeros(3, 6)
        for tokens in target:
            state, weights = model.step(tokens, state, read)
            seen += weights
            torch.testing.assert_close(state.coverage, seen)


def test_scheduled_sampling_at_zero_is_teacher_forcing_and_at_one_is_not() -> None:
    model = network(input_feeding=True).eval()
    source, target = batch()
    with torch.no_grad():
        forced = model(source, LENGTHS, target).logits
        own = model(source, LENGTHS, target, 1.0).logits
        # Fed with its own choices from the second step on, as greedy decoding is.
        fed = torch.stack([target[0], *own[:-1].argmax(dim=-1)])
        torch.testing.assert_close(model(source, LENGTHS, fed).logits, own)
    torch.testing.assert_close(own[0], forced[0])
    assert not torch.equal(own, forced)


def test_locked_dropout_keeps_its_mask_over_the_sentence() -> None:
    model = network(dropout_embedding=0.0, dropout_hidden=0.0, dropout_output=0.5)
    source, target = batch()
    read = model.encode(source, LENGTHS)
    dropped, _ = model.decoder(model.target_embedding(target), read)
    gone = dropped == 0
    assert gone.any()
    assert (gone == gone[:1]).all()


def test_a_trained_network_learns_to_copy() -> None:
    model = network(dropout_embedding=0.0, dropout_hidden=0.0, dropout_output=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    generator = torch.Generator().manual_seed(1)
    loss = torch.tensor(math.inf)
    for _ in range(150):
        ids = torch.randint(3, 20, (4, 32), generator=generator)
        source = torch.cat([ids, torch.full((1, 32), 2)])
        fed = torch.cat([torch.full((1, 32), 1), ids])
        logits = model(source, torch.full((32,), 5), fed).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), source.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss < 0.7  # nats; chance is 3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"attention": "loung"}, "'loung' is not known"),
        ({"attention": "dot", "encoder_width": 10}, "compares a decoder of 16 with encoder outputs of 20"),
        ({"attention": "multihead", "attention_heads": 5}, "cannot be shared by 5 heads"),
        ({"encoder": "conv"}, "'conv' is not known"),
    ],
)
def test_what_does_not_fit_is_told(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        network(**settings)


def test_a_shared_embedding_needs_one_vocabulary() -> None:
    with pytest.raises(ConfigError, match="vocabularies of their own"):
        Seq2Seq(Seq2SeqConfig(**SIZES), 20, 21)
