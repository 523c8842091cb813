"""What a forecaster is made of: its configuration, and the shape that the data give it. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from seqtools.recipe import RATES, StackConfig

KINDS = ("auto", "segment", "recurrent", "seq2seq", "deepar", "smoothing")

FORECASTER_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "network.kind": KINDS,
        "network.layer_norm": ("none", "between", "cell"),
        "network.init": ("orthogonal", "uniform"),
        "network.head": ("quantile", "normal", "student", "negbin"),
        "network.location": ("zero", "last", "mean", "median", "season", "seasons"),
        "network.scale": ("none", "mean_abs", "std", "robust", "difference", "step"),
        "network.transform": ("none", "log", "asinh"),
        "network.residual": ("none", "seasonal", "level", "both"),
        "network.attention": ("dot", "scaled_dot", "general", "concat", "additive"),
    }
)
FORECASTER_LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "network.layers": (1, 64),
        "network.width": (1, 65536),
        "network.last_width": (0, 65536),
        "network.segment": (0, 10_000),
        "network.lags": (0, 64),
        "network.embedding": (1, 1024),
        "network.members": (1, 5),
        "network.linear_members": (0, 5),
        "network.linear_rank": (0, 100_000),
        "network.samples": (1, 10_000),
        "network.dropout_input": RATES,
        "network.dropout_hidden": RATES,
        "network.dropout_output": RATES,
        "network.dropout_weight": RATES,
    }
)


@dataclass(frozen=True, kw_only=True)
class ForecasterConfig(StackConfig):
    """From a window of a series to quantiles of the steps that follow."""

    kind: str = "auto"
    """segment (SegRNN, Lin et al. 2023), recurrent (a step at a time, direct head), seq2seq (attention),
    deepar (Salinas et al. 2020), smoothing (ES-RNN, Smyl 2020), or auto (by frequency and length)."""
    cell: str = "gru.v1"
    """Cell by its registered name: lstm.v1, gru.v1, rnn_tanh.v1, rnn_relu.v1, or a plugin's."""
    width: int = 128
    """Hidden units of each layer."""
    segment: int = 0
    """segment, smoothing: steps read at once; 0 chooses by season and window."""
    dilations: str = ""
    """recurrent, smoothing: how many steps back each layer's state lies, `1,4,24` (Chang et al. 2017)."""
    attention: str = "general"
    """seq2seq: how the decoder looks at the window."""
    lags: int = 3
    """deepar: seasons back that are shown to each step, beside the last steps."""
    head: str = "quantile"
    """quantile (non-crossing), normal, student or negbin (deepar; negbin is for counts)."""
    location: str = "last"
    """What is subtracted from a window: zero, last (value), mean or median of what is observed, season or
    seasons (mean of the last main, or longest, season)."""
    scale: str = "std"
    """What it is divided by: none (spread of the training data), mean_abs, std, robust (interquartile range),
    difference or step (mean absolute change since the season, or the step, before)."""
    normalise: bool = False
    """Show the network the scaled window over its spread, and that spread; it tells in units of `scale`."""
    observed: bool = True
    """Show the network which steps were observed."""
    affine: bool = False
    """Learn a gain and a shift after scaling, undone at the end (RevIN, Kim et al. 2022)."""
    transform: str = "none"
    """Taken of the values before scaling: none, log (of values above zero) or asinh."""
    residual: str = "seasonal"
    """Forecast the difference from a learned mix of the last seasons (seasonal), of the last value, recent
    means and past seasons' changes (level), of both, or from the location (none). deepar: all but none are a
    mix of the values it is shown; smoothing: of what its level and seasons leave."""
    deep: bool = False
    """Add a hidden layer (ReLU) before the output layer."""
    linear: bool = False
    """Add a learned linear map from window to horizon beside the network (NLinear, Zeng et al. 2023)."""
    linear_rank: int = 0
    """Values between window and horizon in that map, which then is two thin matrices: a smaller file; 0 for
    one whole matrix."""
    calendar: bool = False
    """Show the network where in the day, week and year each step lies."""
    mixing: bool = False
    """Several targets: show each the windows of all; else they share weights and know their own name."""
    embedding: int = 8
    """Embedding width of a target's name and of each static category."""
    members: int = 1
    """Networks in the file, whose forecasts are averaged."""
    linear_members: int = 0
    """How many of them have that linear map: the mean with networks that lack it errs less than either; 0 for
    all."""
    samples: int = 100
    """deepar: sample paths behind the quantiles."""
    dropout_input: float = 0.0
    """Dropout on the cell's input."""
    dropout_output: float = 0.1
    """Dropout on what the output layer reads."""


@dataclass(frozen=True, kw_only=True)
class ForecastShape:
    """What the data settle.

    Attributes:
        horizon: steps ahead.
        context: steps of history that a window holds.
        seasons: lengths of the seasons in steps, the main one first; empty for none.
        levels: quantiles told, ascending, within (0, 1); 0.5 among them.
        periods: calendar periods in steps, each a ratio `(steps, per)`, so that a year of days is exact.
        targets: series told at once; 1 for a univariate model.
        past: past covariates.
        future: covariates known ahead.
        numbers: static numbers.
        categories: values that each static category may have, unknown ones (id 0) included.
        non_negative: nothing below zero is told.
    """

    horizon: int
    context: int
    seasons: tuple[int, ...] = ()
    levels: tuple[float, ...] = (0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
    periods: tuple[tuple[int, int], ...] = ()
    targets: int = 1
    past: int = 0
    future: int = 0
    numbers: int = 0
    categories: tuple[int, ...] = ()
    non_negative: bool = False

    def payload(self) -> dict[str, Any]:
        """JSON-safe."""
        return asdict(self)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> ForecastShape:
        """Rebuild from `payload`."""
        told = dict(payload)
        for name in ("seasons", "levels", "categories"):
            told[name] = tuple(told[name])
        told["periods"] = tuple((int(steps), int(per)) for steps, per in told["periods"])
        return cls(**told)
