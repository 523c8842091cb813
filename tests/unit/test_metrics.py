"""Figures against hand-made ones."""

from __future__ import annotations

import math

import pytest

from seqtools import metrics
from seqtools.metrics import MetricInput

SCORED = MetricInput(nats=100 * math.log(4), tokens=100, characters=400, words=50)


def test_figures_of_a_uniform_model() -> None:
    assert metrics.perplexity(SCORED) == pytest.approx(4)
    assert metrics.nats_per_token(SCORED) == pytest.approx(math.log(4))
    assert metrics.nats_per_character(SCORED) == pytest.approx(math.log(4) / 4)
    assert metrics.bits_per_character(SCORED) == pytest.approx(0.5)
    assert metrics.word_perplexity(SCORED) == pytest.approx(16)


def test_nothing_counted_is_no_number() -> None:
    nothing = MetricInput(nats=0.0, tokens=0)
    assert math.isnan(metrics.perplexity(nothing)) and math.isnan(metrics.bits_per_character(nothing))


def test_a_hopeless_model_is_infinitely_perplexed() -> None:
    assert metrics.word_perplexity(MetricInput(nats=1e5, tokens=9, characters=9, words=1)) == math.inf


def test_words_count_line_ends() -> None:
    assert metrics.words_in(" no it was n't black monday \n but while\n") == 10
    assert metrics.words_in("") == 0
