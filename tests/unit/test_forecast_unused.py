"""Which keys a kind of network reads: the table, the docs and the networks say the same."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch

from seqtools import config
from seqtools.forecaster import KINDS, ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.ensemble import build
from seqtools.nn.forecasting.window import make_window
from seqtools_forecast.recipe import ForecastRecipe, SeriesNetworkConfig, SeriesTrainingConfig
from seqtools_forecast.unused import USED_BY, unused

REAL = tuple(kind for kind in KINDS if kind != "auto")
SHAPE = ForecastShape(horizon=4, context=24, seasons=(4,), levels=(0.1, 0.5, 0.9))
OTHERS: dict[str, Any] = {"segment": 6, "dilations": "2", "attention": "dot", "lags": 1, "samples": 7}
"""Values that are not the default."""


def told(kind: str, **changes: Any) -> list[str]:
    network = {name: value for name, value in changes.items() if hasattr(SeriesNetworkConfig, name)}
    training = {name: value for name, value in changes.items() if name not in network}
    recipe = ForecastRecipe(
        network=SeriesNetworkConfig(kind=kind, **network), training=SeriesTrainingConfig(**training)
    )
    return list(unused(recipe))


def test_one_line_names_what_has_no_effect_and_who_has_a_use_for_it() -> None:
    assert told("segment", dilations="1,4", lags=2) == [
        "without effect on networks of kind segment: "
        "network.dilations is for recurrent and smoothing; network.lags is for deepar"
    ]
    assert told("deepar", weights="owa") == [
        "without effect on networks of kind deepar: "
        "training.weights is for segment, recurrent, seq2seq and smoothing"
    ]


@pytest.mark.parametrize("kind", REAL)
def test_nothing_is_said_of_what_nobody_asked_for_or_the_kind_reads(kind: str) -> None:
    assert told(kind) == []
    values = {**OTHERS, "weights": "naive", "mean_weight": 0.5, "mean_error": "absolute", "wiggle": 1.0}
    for path, kinds in USED_BY.items():
        name = path.partition(".")[2]
        assert bool(told(kind, **{name: values[name]})) == (kind not in kinds), path


def test_the_reference_says_the_same() -> None:
    for path, kinds in USED_BY.items():
        summary = config.keys(ForecastRecipe)[path].summary
        if set(REAL) - set(kinds) == {"deepar"}:
            assert re.search(r"(\(|; )not deepar", summary), path
        else:
            assert summary.startswith(f"{', '.join(kinds)}: "), path


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("kind", REAL)
def test_networks_read_what_the_table_says(kind: str, name: str) -> None:
    plain = ForecasterConfig(kind=kind, width=6, head="student" if kind == "deepar" else "quantile")
    history = torch.sin(torch.arange(24.0)).reshape(1, 24, 1) + 3
    said = []
    for one in (plain, replace(plain, **{name: OTHERS[name]})):
        torch.manual_seed(0)
        network = build(one, SHAPE).eval()
        weights = {key: tuple(value.shape) for key, value in network.state_dict().items()}
        with torch.no_grad():
            said.append((weights, network(make_window(history)).quantiles))
    (before, first), (after, second) = said
    same = before == after and torch.equal(first, second)
    assert same == (kind not in USED_BY[f"network.{name}"])
