"""A forecaster's run folder: besides what every run has, the series, what they settled, the calibration.

recipe.toml resolved.toml shape.json     what was asked for, what was chosen, what the data settled
data/                                    the series
calibration.json floor.json              what validation windows settled; scores beside simple methods
refit/ fold-1/ …                         further trainings: over everything, without a block of time
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools import config
from seqtools.errors import UsageError
from seqtools.forecaster import ForecastShape
from seqtools.training.files import write_text
from seqtools.training.run_folder import RunFolder
from seqtools_forecast.calibration import Calibration
from seqtools_forecast.recipe import ForecastRecipe
from seqtools_forecast.splits import Held, Splits, split
from seqtools_forecast.store import SeriesStore

if TYPE_CHECKING:
    from seqtools.nn.forecasting.ensemble import Ensemble

PREPARED = ("resolved.toml", "shape.json", "run.json", "floor.json", "calibration.json")
"""What is written beside data/ before a folder is a run."""
READING = "reading.tmp"
"""Lies in data/ until the folder is a run: what is there then was left by a killed start."""


class ForecastRun(RunFolder):
    """Reads and writes the run folder of a forecaster."""

    @property
    def data(self) -> Path:
        """Where the series lie."""
        return self.path / "data"

    @property
    def refit(self) -> Path:
        """Where the second training lies."""
        return self.path / "refit"

    def fold(self, number: int) -> Path:
        """Where the training without the block of this number lies, the oldest is 0."""
        return self.path / f"fold-{number + 1}"

    def recipe(self) -> ForecastRecipe:
        """The recipe as it was asked for.

        Raises:
            UsageError: the run is one of another task.
        """
        recipe = super().recipe()
        if not isinstance(recipe, ForecastRecipe):
            cause = f"its run is one of '{recipe.task}'"
            raise UsageError(str(self.path), cause, f"Use: seqtools train {recipe.task} --resume")
        return recipe

    def resolved(self) -> ForecastRecipe:
        """The recipe with all that it left open chosen."""
        return config.build(config.read_layer(self.path / "resolved.toml"), kind=ForecastRecipe)

    def write_resolved(self, recipe: ForecastRecipe) -> None:
        """Store that."""
        write_text(self.path / "resolved.toml", config.dump(recipe))

    def store(self) -> SeriesStore:
        """The series."""
        return SeriesStore.open(self.data)

    def about(self) -> dict[str, Any]:
        """shape.json: `shape`, `held`, `unit`, `naive2`; of the series frequency, columns, categories."""
        return self._json("shape.json")

    def shape(self) -> ForecastShape:
        """What the data settled."""
        return ForecastShape.from_payload(self.about()["shape"])

    def unit(self) -> int:
        """The lag whose steps errors are measured in."""
        return int(self.about()["unit"])

    def splits(self) -> Splits:
        """Which windows are held out."""
        shape = self.shape()
        return split(self.store().lengths, shape.horizon, shape.context, Held(**self.about()["held"]))

    def until(self) -> int | None:
        """Position behind the last step that the network of the file knows; None if series differ in it."""
        store, splits = self.store(), self.splits()
        known = store.lengths if self.info().get("refit") else splits.before_test()
        ends = np.unique(store.starts + known)
        return int(ends[0]) if len(ends) == 1 else None

    def calibration(self) -> Calibration:
        """What validation windows settled; one that changes nothing before they did."""
        return Calibration.from_payload(self.optional("calibration.json"), self.shape())

    def write_calibration(self, calibration: Calibration) -> None:
        """Store that."""
        self.write_json("calibration.json", calibration.payload())

    def forecaster(self, *, chosen: bool = False) -> Ensemble:
        """The network in eval mode on the CPU: that of the second training once it is done.

        Args:
            chosen: rather the one that validation windows chose, which never saw any held out.

        Raises:
            DataError: the run has no weights yet.
        """
        return self._network(self.refit if self.info().get("refit") and not chosen else self.path)

    def without(self, number: int) -> Ensemble:
        """The network that never saw the block of this number, in eval mode on the CPU."""
        return self._network(self.fold(number))

    def _network(self, folder: Path) -> Ensemble:
        """The best weights of a training."""
        from seqtools.nn.forecasting.ensemble import build

        weights = self.best_weights(folder)
        network = build(self.resolved().network, self.shape())
        network.load_state_dict(weights)
        return network.eval()
