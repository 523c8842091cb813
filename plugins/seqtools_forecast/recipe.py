"""The recipe of a forecaster: frozen dataclasses, one comment per key. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from seqtools.forecaster import FORECASTER_CHOICES, FORECASTER_LIMITS, ForecasterConfig
from seqtools.recipe import LOOP_CHOICES, RATES, LoopConfig

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **FORECASTER_CHOICES,
        "data.non_negative": ("auto", "yes", "no"),
        "data.duplicates": ("last", "first", "mean", "sum"),
        "calibration.kind": ("none", "conformal", "cqr"),
        "training.loss": ("pinball", "likelihood"),
        "training.sampling": ("windows", "series"),
        "training.weights": ("none", "naive", "level"),
        **LOOP_CHOICES,
    }
)
LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **FORECASTER_LIMITS,
        "data.horizon": (0, 100_000),
        "data.context": (0, 1_000_000),
        "data.valid_windows": (0, 1_000_000),
        "data.test_windows": (-1, 1_000_000),
        "data.stride": (0, 100_000),
        "training.batch_size": (1, 65536),
        "training.mean_weight": (0.0, 100.0),
        "training.missing": RATES,
        "training.noise": (0.0, 1.0),
        "training.label_smoothing": RATES,
        "training.seed": (0, 2**63 - 1),
    }
)


@dataclass(frozen=True, kw_only=True)
class SeriesDataConfig:
    """Which columns are read, and which windows are kept to choose by and to score on."""

    horizon: int = 0
    """Steps ahead; 0 chooses by frequency."""
    context: int = 0
    """Steps of history that a forecast reads; 0 chooses by frequency, horizon and length."""
    season: str = ""
    """Seasons in steps, the main one first, `24,168`; "" chooses by frequency; none for none."""
    frequency: str = ""
    """Step between rows: 15min, h, D, B, W, MS, QS, YS, or `int`; "" infers it from the stamps."""
    id: str = ""
    """Column that names the series; "" finds it."""
    time: str = ""
    """Column of time stamps; "" finds it."""
    target: str = ""
    """Column to forecast; several with commas are told together; "" finds it."""
    past: str = ""
    """Covariates known up to now, with commas."""
    future: str = ""
    """Covariates known ahead, with commas; rows of the future hold them and no target."""
    static: str = ""
    """Columns that say one thing of a whole series, with commas: numbers or categories."""
    duplicates: str = "last"
    """What counts when a stamp comes twice: last, first, mean or sum."""
    levels: str = "0.025,0.05,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.95,0.975"
    """Quantiles that are learned and told."""
    non_negative: str = "auto"
    """Tell nothing below zero: yes, no, or auto (yes if no training value is)."""
    valid_windows: int = 0
    """Windows at the end of each series, before those of the test, to choose by; 0 chooses by length."""
    test_windows: int = -1
    """Last windows of each series, which nothing is fitted to or chosen by; -1 chooses by length."""
    stride: int = 0
    """Steps between such windows; 0 is the horizon."""
    licence: str = ""
    """Licence of the series, for the card of the model."""


@dataclass(frozen=True, kw_only=True)
class CalibrationConfig:
    """What validation windows settle beside the weights."""

    kind: str = "cqr"
    """none, conformal (each level by itself) or cqr (intervals, Romano et al. 2019); for each step ahead."""
    blend: bool = True
    """Weigh the network against simple methods inside the file, and fall back on those where they win."""


@dataclass(frozen=True, kw_only=True)
class SeriesTrainingConfig(LoopConfig):
    """The loop over windows of series."""

    lr: float = 2e-3
    """Peak learning rate."""
    batch_size: int = 128
    """Windows in a batch."""
    epochs: float = 0.0
    """Passes over all windows; ignored when `steps` or `max_time` is given."""
    steps: int = 0
    """Optimiser steps; 0 leaves it to `epochs`, and chooses by the number of windows where that is 0 too."""
    schedule: str = "cosine"
    """constant, linear, cosine, onecycle or plateau."""
    warmup: int = 50
    """Steps of linear warm-up."""
    weight_decay: float = 0.0
    """Weight decay (decoupled in adamw, L2 elsewhere)."""
    ema: float = 0.99
    """Decay of the exponential moving average of weights that is evaluated and kept; 0 is off."""
    loss: str = "pinball"
    """pinball (over all levels), or likelihood (heads that are distributions)."""
    mean_weight: float = 0.1
    """Weight of the squared error of the mean beside the pinball loss."""
    sampling: str = "windows"
    """What is drawn evenly: windows, or series and then a window of it."""
    weights: str = "none"
    """What a window's loss is divided by, in units of its scale: none, naive (error of the seasonal naive, as
    in MASE) or level (mean of the values, as in sMAPE)."""
    missing: float = 0.0
    """Share of observed steps hidden from the network, so that it learns to bear gaps."""
    noise: float = 0.0
    """Standard deviation of noise on scaled windows."""
    refit: bool = True
    """After choosing, train again on everything, the windows held out included, for as many steps."""


@dataclass(frozen=True, kw_only=True)
class ForecastRecipe:
    """Everything that decides what a run computes."""

    task: str = "forecast"
    """Which task plugin the recipe is for."""
    network: ForecasterConfig = field(default_factory=ForecasterConfig)
    """The network."""
    data: SeriesDataConfig = field(default_factory=SeriesDataConfig)
    """The data."""
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    """The calibration."""
    training: SeriesTrainingConfig = field(default_factory=SeriesTrainingConfig)
    """The loop."""
