"""The recipe of a forecaster: frozen dataclasses, one comment per key. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from seqtools.forecaster import FORECASTER_CHOICES, FORECASTER_LIMITS, ForecasterConfig
from seqtools.recipe import LOOP_CHOICES, RATES, LoopConfig

OPEN = ("transform", "location", "scale", "residual")
"""Keys of the network that the series may settle."""
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **FORECASTER_CHOICES,
        **{f"network.{name}": ("auto", *FORECASTER_CHOICES[f"network.{name}"]) for name in OPEN},
        "data.non_negative": ("auto", "yes", "no"),
        "data.duplicates": ("last", "first", "mean", "sum"),
        "calibration.kind": ("none", "conformal", "cqr"),
        "training.mean_error": ("squared", "absolute"),
        "training.loss": ("pinball", "likelihood"),
        "training.sampling": ("windows", "root", "series"),
        "training.weights": ("none", "naive", "level", "owa"),
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
        "data.shortest": (0, 1_000_000),
        "calibration.folds": (-1, 100),
        "training.batch_size": (1, 65536),
        "training.mean_weight": (0.0, 100.0),
        "training.ridge": (0.0, 1e6),
        "training.linear_rate": (0.0, 1.0),
        "training.missing": RATES,
        "training.noise": (0.0, 1.0),
        "training.same_phase": (0.0, 1.0),
        "training.wiggle": (0.0, 1000.0),
        "training.label_smoothing": (0.0, 0.0),  # series have no labels
        "training.seed": (0, 2**63 - 1),
    }
)


@dataclass(frozen=True, kw_only=True)
class SeriesNetworkConfig(ForecasterConfig):
    """The network; what is `auto` the series settle."""

    location: str = "auto"
    """What is subtracted from a window: zero, last (value), mean or median of what is observed, season or
    seasons (mean of the last main, or longest, season); auto: seasons where they tell, else last."""
    scale: str = "auto"
    """What it is divided by: none (spread of the training data), mean_abs, std, robust (interquartile range),
    difference or step (mean absolute change since the season, or the step, before); auto: difference where
    seasons tell, else step."""
    normalise: bool = True
    """Show the network the scaled window over its spread, and that spread, while forecasts keep the units of
    `scale` (not deepar)."""
    transform: str = "auto"
    """Taken of the values before scaling: none, log (of values above zero), asinh, or auto (log where all
    values lie well above zero)."""
    residual: str = "auto"
    """Forecast the difference from a learned mix of the last seasons (seasonal), of the last value, recent
    means and past seasons' changes (level), of both, or from the location (none); auto chooses by what tells
    more."""
    deep: bool = True
    """Add a hidden layer (ReLU) before the output layer (not deepar)."""


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
    """Step between rows: 15min, h, D, B, W, MS, QS, YS, or `int`; "" infers it from the stamps. Where rows
    are only counted it says what a step stands for, and gives its seasons."""
    id: str = ""
    """Column that names the series; "" finds it, none says that there is one series."""
    time: str = ""
    """Column of time stamps; "" finds it, none counts the rows."""
    target: str = ""
    """Column to forecast; several with commas are told together; "" finds it."""
    past: str = ""
    """Covariates known up to now, with commas; none leaves out those of GluonTS records, too."""
    future: str = ""
    """Covariates known ahead, with commas; rows of the future hold them and no target; none as above."""
    static: str = ""
    """Columns that say one thing of a whole series, with commas: numbers or categories; none as above."""
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
    """Steps between such windows; 0 is the horizon, or less where series are few and short."""
    shortest: int = 0
    """Steps of history that a training window has at least; 0 is a whole window, or three horizons where many
    series are shorter than that."""
    licence: str = ""
    """Licence of the series, for the card of the model."""


@dataclass(frozen=True, kw_only=True)
class CalibrationConfig:
    """What validation windows settle beside the weights."""

    kind: str = "cqr"
    """none, conformal (each level by itself) or cqr (intervals, Romano et al. 2019); for each step ahead."""
    blend: bool = True
    """Weigh the network against simple methods inside the file, and fall back on those where they win; not
    with deepar, whose paths and quantiles belong together."""
    folds: int = -1
    """Blocks of the training part that a further network each is trained without, so that intervals and blend
    learn from all of the series; 0 takes validation windows alone, -1 does where they tell enough."""


@dataclass(frozen=True, kw_only=True)
class SeriesTrainingConfig(LoopConfig):
    """The loop over windows of series."""

    lr: float = 2e-3
    """Peak learning rate."""
    batch_size: int = 128
    """Windows in a batch, for each of the networks."""
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
    """Weight of the error of the mean beside the pinball loss (not deepar)."""
    mean_error: str = "squared"
    """What that error is: squared or absolute, which learns from noisy series more steadily (not deepar)."""
    ridge: float = 0.1
    """network.linear: start its map at a ridge regression with this penalty for each window; 0 is off."""
    linear_rate: float = 0.1
    """network.linear: factor on the learning rate of that map; 0 leaves it as it started."""
    sampling: str = "windows"
    """What is drawn evenly: windows, or series and then a window of it; root lies between them, a series
    drawn as often as the root of its windows."""
    same_phase: float = 0.0
    """Share of windows that begin where in the main season the forecast will."""
    weights: str = "none"
    """What a window's loss is relative to: none (its own scale), naive (steps of the seasonal naive, as in
    MASE), level (the values, as in sMAPE) or owa (half of each, over what M4's Naive2 has); not deepar."""
    missing: float = 0.0
    """Share of observed steps hidden from the network, so that it learns to bear gaps."""
    noise: float = 0.0
    """Standard deviation of noise on scaled windows."""
    wiggle: float = 0.0
    """smoothing: weight of the penalty on jumps of the level (Smyl 2020)."""
    refit: bool = True
    """After choosing, train again on everything, the windows held out included, for as many steps."""


@dataclass(frozen=True, kw_only=True)
class ForecastRecipe:
    """Everything that decides what a run computes."""

    task: str = "forecast"
    """Which task plugin the recipe is for."""
    network: SeriesNetworkConfig = field(default_factory=SeriesNetworkConfig)
    """The network."""
    data: SeriesDataConfig = field(default_factory=SeriesDataConfig)
    """The data."""
    calibration: CalibrationConfig = field(default_factory=CalibrationConfig)
    """The calibration."""
    training: SeriesTrainingConfig = field(default_factory=SeriesTrainingConfig)
    """The loop."""
