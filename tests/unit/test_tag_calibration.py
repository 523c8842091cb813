"""One temperature for a tagger's probabilities; its labels stay."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch

from seqtools.nn.tagger import Tagger
from seqtools.recipe import TaggerConfig
from seqtools_tag.calibration import _error, _least, _shares, tempered
from seqtools_tag.figures import expected_calibration_error


def tagger(crf: bool) -> Tagger:
    torch.manual_seed(3)
    config = TaggerConfig(embedding=4, width=5, characters="none", shape=0, crf=crf)
    made = Tagger(config, 9, 5, 4, 7).eval()
    if made.crf is not None:
        torch.nn.init.normal_(made.crf.transitions)
        made.crf.forbid(torch.eye(4, dtype=torch.bool), torch.zeros(4).bool(), torch.zeros(4).bool())
    return made


@pytest.mark.parametrize("crf", [False, True])
def test_labels_stay_and_probabilities_move(crf: bool) -> None:
    network, emissions, lengths = tagger(crf), 3 * torch.randn(6, 5, 4), torch.tensor([6, 4, 1, 2, 6])
    gold = torch.randint(0, 4, (6, 5))
    cool = tempered(network, 2.5)
    assert torch.equal(cool.choose(emissions / 2.5, lengths), network.choose(emissions, lengths))
    emitted = [(emissions, gold, lengths)]
    (before, right), (after, _) = (_shares(network, emitted, one)[0] for one in (1.0, 2.5))
    assert torch.allclose(before.sum(dim=1), torch.ones(19)) and torch.allclose(
        after.sum(dim=1), torch.ones(19)
    )
    assert after.max(dim=1).values.mean() < before.max(dim=1).values.mean()
    assert right.shape == (19,)
    x = torch.randn(3, 5)
    assert torch.allclose(cool.output(x[:, :1].expand(-1, cool.output.in_features)),
                          network.output(x[:, :1].expand(-1, cool.output.in_features)) / 2.5)  # fmt: skip
    assert _error(network, emitted, 1.0) >= 0
    if crf:
        assert cool.crf is not None and network.crf is not None
        assert torch.equal(cool.crf.banned_moves, network.crf.banned_moves)  # what may not be, still may not


def test_the_lowest_place_of_a_valley() -> None:
    assert _least(lambda x: (math.log(x) - math.log(1.7)) ** 2) == pytest.approx(1.7, abs=0.02)


def test_calibration_error_by_hand() -> None:
    assert expected_calibration_error([], []) == 0
    assert expected_calibration_error([1.0, 1.0], [True, False]) == pytest.approx(0.5)
    # Two bins: 0.9 is right in one of two (0.4 off), 0.5 always (0.5 off), weighed by their words.
    shares, right = [0.9, 0.9, 0.5], [True, False, True]
    assert expected_calibration_error(shares, right) == pytest.approx((2 * 0.4 + 0.5) / 3)
