"""Training of forecasters: the task's side of the loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from seqtools.forecaster import ForecastShape
from seqtools.nn.forecasting.ensemble import Ensemble
from seqtools.nn.forecasting.heads import no_likelihood
from seqtools.nn.forecasting.window import Window
from seqtools.training.experiment import Loss
from seqtools.training.world import World
from seqtools_forecast.judging import Judge
from seqtools_forecast.objectives import Objective
from seqtools_forecast.predicting import predict
from seqtools_forecast.recipe import ForecastRecipe
from seqtools_forecast.sampling import WindowSampler
from seqtools_forecast.splits import Splits, WindowList
from seqtools_forecast.store import SeriesStore
from seqtools_forecast.windows import WindowSource, to_device

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNKNOWN = 0.02
"""Share of categories that training hides, so that it knows what to make of unknown ones."""
_JUDGED_CELLS = 3_000_000
"""Quantiles that an evaluation during training looks at, at most."""
_JUDGED_WINDOWS = {"deepar": 100}


class ForecastExperiment:
    """A forecaster and its windows (see `seqtools.training.experiment`).

    Args:
        network: on the world's device.
        store: the series.
        splits: what is trained on and what is judged by; without windows held out, training windows judge.
        recipe: network and training sections are used.
        shape: of the forecaster.
        units: the usual change of the series over `unit` steps, `[series, targets]`.
        naive2: errors that `training.weights = "owa"` measures by.
        world: this process draws its share of the windows.

    Raises:
        ConfigError: the head has no likelihood to train by.
    """

    judged_by = "valid_loss"
    higher_is_better = False
    unit = "windows"

    def __init__(
        self, network: Ensemble, store: SeriesStore, splits: Splits, recipe: ForecastRecipe,
        shape: ForecastShape, *, units: NDArray[np.float64], unit: int, naive2: tuple[float, float],
        world: World,
    ) -> None:  # fmt: skip
        self.network: nn.Module = network
        self.model, self.recipe, self.shape, self.device = network, recipe, shape, world.device
        config = recipe.training
        if config.loss == "likelihood" and recipe.network.head == "quantile":
            raise no_likelihood()  # before the folder becomes a run, which no other recipe could go on with
        self.source = WindowSource(store, shape.horizon, shape.context)
        self.sampler = WindowSampler(
            splits,
            batch_size=config.batch_size * len(network.members),
            seed=config.seed,
            evenly=config.sampling,
            same_phase=config.same_phase,
            season=shape.seasons[0] if shape.seasons else 1,
            rank=world.rank,
            size=world.size,
        )
        self.steps_per_epoch = self.sampler.steps_per_epoch
        self.progress = 0.0
        self.units = torch.from_numpy(units.astype(np.float32))
        self.objective = Objective(
            shape.levels,
            recipe.network.transform,
            config.weights,
            config.mean_weight,
            config.mean_error == "squared",
            naive2,
        )
        self.judge = Judge(self.source, judged(splits, recipe, shape), shape, units, unit)
        for member in network.forecasters():
            member.noise = config.noise

    def loss(self) -> Loss:
        """The next batch's loss: each member's own windows, the mean over members."""
        windows, ends = self.sampler.next()
        window, raw = self.source.gather(windows, ends)
        window, raw = to_device(self._hidden(window), self.device), raw.to(self.device)
        units = self.units[torch.from_numpy(windows.series)].to(self.device)
        members = self.model.forecasters()
        each = len(raw) // len(members)
        total = torch.zeros((), device=self.device)
        for place, member in enumerate(members):
            rows = slice(place * each, (place + 1) * each)
            mine = Window(*(part[rows] for part in window))
            total = total + self._loss(member, mine, raw[rows], units[rows])
        total = total / len(members)
        return Loss(total, total.detach() * len(raw), len(raw))

    def _loss(self, member: Any, window: Window, raw: Tensor, units: Tensor) -> Tensor:
        config = self.recipe.training
        if self.recipe.network.kind == "deepar":
            nats, observed = member.loss(window, raw)
            mean: Tensor = nats.sum() / observed.sum().clamp(min=1)
            return mean
        forecast = member(window)
        if config.loss == "likelihood":
            there = ~raw.isnan()
            target = member.scaled(torch.where(there, raw, 1.0), forecast)
            density = member.log_prob(forecast, torch.where(there, target, 0.0))
            loss: Tensor = -(density * there).sum() / there.sum().clamp(min=1)
        else:
            loss = self.objective.loss(member, forecast, raw, units)
        if config.wiggle and self.recipe.network.kind == "smoothing":
            loss = loss + config.wiggle * member.penalty
        return loss

    def _hidden(self, window: Window) -> Window:
        """Some steps and categories not shown, so that gaps and unknown ones are borne."""
        share = self.recipe.training.missing
        if share:
            gone = torch.rand(window.history.shape) < share
            window = window._replace(history=window.history.masked_fill(gone, torch.nan))
        if window.categories.shape[1]:
            unknown = torch.rand(window.categories.shape) < _UNKNOWN
            window = window._replace(categories=window.categories.masked_fill(unknown, 0))
        return window

    def evaluate(self) -> dict[str, float]:
        """Scaled quantile loss over that of the seasonal naive, MASE, coverage of the 80 % interval."""
        told = predict(self.network, self.source, self.judge.windows, self.shape, self.device)
        return self.judge.figures(told)

    def sample(self) -> str:
        """Nothing: figures say it all."""
        return ""

    def state_dict(self) -> dict[str, Any]:
        """Position in the draws."""
        return {"sampler": self.sampler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        self.sampler.load_state_dict(state["sampler"])


def judged(splits: Splits, recipe: ForecastRecipe, shape: ForecastShape) -> WindowList:
    """Windows that evaluations during training look at; the last training windows where none is held out."""
    cells = shape.horizon * shape.targets * len(shape.levels)
    most = min(_JUDGED_WINDOWS.get(recipe.network.kind, 1000), max(1, _JUDGED_CELLS // cells))
    return (splits.valid if len(splits.valid) else last_windows(splits)).thinned(most)


def last_windows(splits: Splits) -> WindowList:
    """The latest window of each series that is trained on."""
    there = np.flatnonzero(splits.windows())
    return WindowList(there, splits.last()[there])
