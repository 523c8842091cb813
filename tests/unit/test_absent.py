"""Tokens that the training text lacks stand still at a low, finite probability."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from seqtools.nn.language_model import LanguageModel
from seqtools.recipe import NetworkConfig
from seqtools_generate.absent import LOW, absent_tokens, hold_still

VOCAB = 9


def trained(*, tied: bool = False, known: int = 0, steps: int = 5) -> tuple[LanguageModel, LanguageModel]:
    """A network before and after some steps on tokens 3 to 6."""
    torch.manual_seed(0)
    config = NetworkConfig(width=8, embedding=8, tied=tied, dropout_output=0.0)
    before, network = LanguageModel(config, VOCAB), LanguageModel(config, VOCAB)
    before.load_state_dict(network.state_dict())
    stream = np.random.default_rng(0).integers(3, 7, 200)
    hold_still(network, absent_tokens(stream, VOCAB), known=known)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, weight_decay=0.0)
    tokens = torch.from_numpy(stream).view(20, 10)
    for _ in range(steps):
        logits = network(tokens[:-1], network.start(10)).logits
        optimizer.zero_grad()
        nn.functional.cross_entropy(logits.flatten(0, 1), tokens[1:].flatten()).backward()
        optimizer.step()
    return before, network


def test_absent_tokens() -> None:
    assert absent_tokens(np.array([3, 5, 3], np.uint8), 7).tolist() == [0, 1, 2, 4, 6]


@pytest.mark.parametrize("tied", [False, True])
def test_absent_rows_stand_still_and_others_learn(tied: bool) -> None:
    before, network = trained(tied=tied)
    absent, seen = [0, 1, 2, 7, 8], [3, 4, 5, 6]
    assert torch.equal(network.head.weight[absent], torch.zeros(5, 8))
    assert network.head.bias[absent].tolist() == [LOW] * 5
    assert not torch.isclose(network.head.weight[seen], before.head.weight[seen]).any(dim=1).all()
    told = network(torch.tensor([[3]]), network.start(1)).logits.log_softmax(-1)[0, 0]
    assert torch.isfinite(told).all() and told[absent].max() < told[seen].min()


def test_rows_of_an_earlier_run_keep_what_they_learned() -> None:
    before, network = trained(known=8)
    for id in (0, 1, 2, 7):
        assert torch.equal(network.head.weight[id], before.head.weight[id])
        assert network.head.bias[id] == before.head.bias[id]
    assert network.head.bias[8] == LOW
