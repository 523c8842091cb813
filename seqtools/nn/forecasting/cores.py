"""Networks by the names that a configuration gives them, imported on use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from seqtools.errors import ConfigError
from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.base import BaseForecaster
from seqtools.nn.forecasting.core import Core, Widths
from seqtools.plugin import resolve

CORES: Mapping[str, str] = MappingProxyType(
    {
        "segment": "seqtools.nn.forecasting.segment:SegmentCore",
        "recurrent": "seqtools.nn.forecasting.recurrent:RecurrentCore",
        "seq2seq": "seqtools.nn.forecasting.seq2seq:Seq2SeqCore",
        "smoothing": "seqtools.nn.forecasting.smoothing:SmoothingCore",
    }
)
"""Networks between the scaled window and the head."""
FORECASTERS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(CORES, "seqtools.nn.forecasting.forecaster:Forecaster"),
        "deepar": "seqtools.nn.forecasting.deepar:DeepAR",
        "smoothing": "seqtools.nn.forecasting.smoothing:Smoothing",
    }
)
"""Whole forecasters; those that are more than a core scale and tell in a way of their own."""


def make_core(config: ForecasterConfig, shape: ForecastShape, widths: Widths) -> Core:
    """The core of a configuration's kind."""
    core: Core = resolve(CORES[config.kind], f"core '{config.kind}'")(config, shape, widths)
    return core


def make_forecaster(config: ForecasterConfig, shape: ForecastShape) -> BaseForecaster:
    """One network of a configuration's kind.

    Raises:
        ConfigError: a kind that is not known, or not chosen yet.
    """
    if config.kind not in FORECASTERS:
        raise ConfigError("network.kind", f"'{config.kind}' is no network", f"Use {', '.join(FORECASTERS)}")
    kind = resolve(FORECASTERS[config.kind], f"forecaster '{config.kind}'")
    forecaster: BaseForecaster = kind(config, shape)
    return forecaster
