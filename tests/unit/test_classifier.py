"""The classifier's network: pooling, both directions, ordered classes, a table in two parts."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import ConfigError
from seqtools.nn.classifier import Classifier
from seqtools.nn.dropout import drop_tokens
from seqtools.nn.pooling import KINDS, Pooling
from seqtools.nn.stack import RecurrentStack
from seqtools.recipe import ClassifierConfig, StackConfig

LENGTHS = torch.tensor([6, 1, 3, 2])
TOKENS = torch.arange(24).view(6, 4) % 20


def network(outputs: int = 3, *, ordinal: bool = False, fixed: int = 0, **given: object) -> Classifier:
    torch.manual_seed(1)
    config = ClassifierConfig(**{"width": 7, "embedding": 9, **given})  # type: ignore[arg-type]
    return Classifier(config, 20, outputs, ordinal, fixed=fixed).eval()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_padding_changes_nothing(kind: str, bidirectional: bool) -> None:
    model = network(pooling=kind, bidirectional=bidirectional, layers=2, head=5, layer_norm="between")
    together = model(TOKENS, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = model(TOKENS[:length, row : row + 1], LENGTHS[row : row + 1])
        torch.testing.assert_close(together[row], alone[0])


def test_pooling_takes_what_its_name_says() -> None:
    x = torch.tensor([[[1.0, 2.0]], [[3.0, -4.0]], [[9.0, 9.0]]])
    lengths = torch.tensor([2])
    assert Pooling("last", 2)(x, lengths).tolist() == [[3.0, -4.0]]
    assert Pooling("last", 2, directions=2)(x, lengths).tolist() == [[3.0, 2.0]]
    assert Pooling("max", 2)(x, lengths).tolist() == [[3.0, 2.0]]
    assert Pooling("mean", 2)(x, lengths).tolist() == [[2.0, -1.0]]
    assert Pooling("concat", 2)(x, lengths).tolist() == [[3.0, -4.0, 3.0, 2.0, 2.0, -1.0]]
    attention = Pooling("attention", 2)
    assert attention.query is not None
    torch.nn.init.zeros_(attention.query.weight)
    torch.testing.assert_close(attention(x, lengths), torch.tensor([[2.0, -1.0]]))
    with pytest.raises(ConfigError, match=r"network\.pooling"):
        Pooling("sum", 2)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 2), st.booleans())
def test_reading_without_states_gives_the_same(rows: list[int], layers: int, both: bool) -> None:
    torch.manual_seed(2)
    stack = RecurrentStack(StackConfig(width=4, layers=layers), 3, bidirectional=both)
    lengths, x = torch.tensor(rows), torch.randn(max(rows), len(rows), 3)
    inside = torch.arange(len(x))[:, None] < lengths
    with_states, _ = stack(x, stack.start(len(rows)), lengths)
    torch.testing.assert_close(stack.read(x, lengths)[inside], with_states[inside])


def test_ordered_logits_fall_and_thresholds_start_even() -> None:
    model = network(4, ordinal=True)
    torch.testing.assert_close(model.thresholds(), torch.tensor([-1.5, -0.5, 0.5, 1.5]), atol=1e-4, rtol=0)
    torch.nn.init.normal_(model.cuts, std=5)  # type: ignore[arg-type]
    logits = model(TOKENS, LENGTHS)
    assert logits.shape == (4, 4)
    assert bool((logits[:, 1:] < logits[:, :-1]).all())


def test_a_table_trained_in_two_parts_is_one_elsewhere() -> None:
    parts, whole = network(fixed=5), network()
    assert [name for name, _ in parts.named_parameters()] == [name for name, _ in whole.named_parameters()]
    whole.load_state_dict(parts.state_dict())
    assert torch.equal(whole(TOKENS, LENGTHS), parts(TOKENS, LENGTHS))
    parts.train()(TOKENS, LENGTHS).sum().backward()
    assert parts.embedding.weight.grad is not None and len(parts.embedding.weight.grad) == 15


def test_a_frozen_embedding_does_not_learn() -> None:
    assert not network(freeze=True).embedding.weight.requires_grad


def test_words_are_dropped_to_the_unknown_one() -> None:
    torch.manual_seed(3)
    tokens = torch.full((50, 40), 7)
    share = float((drop_tokens(tokens, 0.2, 0) == 0).float().mean())
    assert 0.15 < share < 0.25
    assert torch.equal(drop_tokens(tokens, 0.2, -1), tokens)
    assert torch.equal(drop_tokens(tokens, 0.0, 0), tokens)
