"""Open a `forecast` file and forecast series with it. numpy and onnxruntime only."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError, ModelFileError, UsageError
from seqtools.model_file import ModelFile
from seqtools.runtime.session import Session
from seqtools.wording import counted
from seqtools_forecast.about import about
from seqtools_forecast.feeding import feeds
from seqtools_forecast.forecasts import Forecasts
from seqtools_forecast.matching import match
from seqtools_forecast.noise import noise
from seqtools_forecast.readable import require_readable
from seqtools_forecast.replaying import adapted, check_adapt, last_steps
from seqtools_forecast.store import SeriesStore
from seqtools_forecast.taking import taken

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import IntArray

BATCH_SIZE = 64
SAMPLES = 100
_OUTPUTS = ("quantiles", "mean")
_REMAKE = "Export it again with: seqtools export RUN -o FILE"


def open_forecaster(
    model: ModelFile, *, device: str = "cpu", threads: int = 1, deadline: float | None = None
) -> Forecaster:
    """The runtime of the task `forecast`; see `seqtools.load`."""
    return Forecaster(model, device=device, threads=threads, deadline=deadline)


class Forecaster:
    """A model that tells what comes next.

    A series gets the same forecast alone and among others, up to rounding.

    Args:
        model: a file of this task.
        device, threads, deadline: see `seqtools.load`.

    Attributes:
        file, session: of the model.
        about: columns, frequency, shape and what was measured.
        shape: horizon, window and widths.

    Raises:
        ModelFileError: the file lacks an input or an output of its task, or does not say what it is for.
    """

    def __init__(
        self, model: ModelFile, *, device: str = "cpu", threads: int = 1, deadline: float | None = None
    ) -> None:
        self.file, self.about = model, about(model)
        self.shape = self.about.shape
        self.session = Session(
            model.data, subject=str(model.path), device=device, threads=threads, deadline=deadline
        )
        self._logarithms = model.card.get("network", {}).get("transform") == "log"
        missing = {"history"} - set(self.session.inputs) or set(_OUTPUTS) - set(self.session.outputs)
        if missing:
            raise ModelFileError(str(model.path), f"it lacks '{min(missing)}'", _REMAKE)

    @property
    def draws(self) -> bool:
        """Whether the model draws sample paths, step by step, and may go beyond its horizon."""
        return "noise" in self.session.inputs

    def predict(
        self,
        series: Any,
        *,
        horizon: int | None = None,
        samples: int | None = None,
        seed: int = 0,
        adapt: int | str = 0,
        batch_size: int = BATCH_SIZE,
    ) -> Forecasts:
        """Forecast what comes after the end of each series.

            found = seqtools.load("model.onnx").predict(frame)
            pandas.DataFrame(found.table((80, 95)))  # unique_id, ds, mean, lo-95, lo-80, hi-80, hi-95
            low, high = found.interval(80)  # each [series, horizon, targets]

        Args:
            series: a data frame (of pandas, polars or what else has columns) with those the model was trained
                on, or `unique_id, ds, y` and the like; an index of stamps is the time. Or one array `[time]`,
                several in a list or a matrix (of a model with several targets: each `[time, targets]`), NaN
                where a value is missing. Or a `SeriesStore`.
            horizon: steps ahead, at most the model's own unless it draws paths; None for the model's own.
            samples: sample paths, of a model that draws them.
            seed: of the paths.
            adapt: let intervals follow how those of the last so many steps of each series would have held,
                which should be steps that the model was not trained on; "new" for all of those.
            batch_size: series that are read at once.

        Raises:
            UsageError: a value is out of range.
            DataError: the series are not of the kind the model was trained on.
        """
        asked = {
            "horizon": horizon, "samples": samples, "seed": seed, "adapt": adapt, "batch_size": batch_size,
        }  # fmt: skip
        if isinstance(series, SeriesStore):
            return self._whole(series, **asked)
        with tempfile.TemporaryDirectory(prefix="seqtools-") as folder:
            return self._whole(taken(series, self.about, Path(folder)), **asked)

    def _whole(self, store: SeriesStore, **asked: Any) -> Forecasts:
        parts = list(self.stream(store, **asked))
        if not parts:
            raise DataError("series", "there is none", "Give at least one")
        if len(parts) == 1:
            return parts[0]
        first = parts[0]
        drawn = [part.samples for part in parts if part.samples is not None]
        wide = [part.widths for part in parts if part.widths is not None]
        return Forecasts(
            [name for part in parts for name in part.names],
            np.concatenate([part.first for part in parts]),
            np.concatenate([part.mean for part in parts]),
            np.concatenate([part.quantiles for part in parts]),
            first.levels,
            first.targets,
            first.frequency,
            first.id_name,
            first.time_name,
            np.concatenate(drawn) if drawn else None,
            np.concatenate(wide) if wide else None,
        )

    def stream(
        self,
        store: SeriesStore,
        *,
        horizon: int | None = None,
        samples: int | None = None,
        seed: int = 0,
        adapt: int | str = 0,
        batch_size: int = BATCH_SIZE,
        only: Collection[str] = (),
    ) -> Iterator[Forecasts]:
        """Forecast the end of each series, some series at a time; arguments as for `predict`.

        Args:
            only: names of the series that are wanted; empty for all.
        """
        self.check(store)
        steps = self.horizon(horizon)
        self.check_samples(samples)
        check_adapt(adapt, paths=samples is not None)
        followed = last_steps(self.about, store, adapt)
        if batch_size < 1:
            raise UsageError("batch-size", f"{batch_size} is out of range", "Use 1 or more")
        wanted = np.arange(len(store))
        if only:
            wanted = wanted[np.isin(np.array(store.names, object), list(only))]
        store.require_ahead(steps, wanted.tolist())
        for begin in range(0, len(wanted), batch_size):
            which = wanted[begin : begin + batch_size]
            origin = store.lengths[which]
            mean, quantiles, paths = self.at(store, which, origin, steps=steps, samples=samples, seed=seed)
            widths = None
            if adapt:
                quantiles, widths = adapted(self, store, which, followed[which], quantiles)
            yield Forecasts(
                [store.names[index] for index in which],
                store.starts[which] + origin,
                mean,
                quantiles,
                self.shape.levels,
                store.targets,
                store.frequency,
                store.id_name or "unique_id",
                store.time_name or "ds",
                paths if samples else None,
                widths,
            )

    def at(
        self,
        store: SeriesStore,
        series: IntArray,
        origin: IntArray,
        *,
        steps: int = 0,
        samples: int | None = None,
        seed: int = 0,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]:
        """Forecast from any step of any series on, with nothing seen of what comes after it.

        Args:
            store: the series, which `check` has seen.
            series: which of them, `[rows]`.
            origin: the first step to forecast of each, `[rows]`.
            steps: ahead; 0 for the model's horizon.
            samples, seed: of paths.

        Returns:
            Mean `[rows, horizon, targets]`, quantiles `[rows, horizon, targets, levels]`, and the paths of a
            model that draws them, `[rows, samples, horizon, targets]`.

        Raises:
            DataError: a series has no value in its window, or one that the model cannot read.
        """
        steps = steps or self.shape.horizon
        given = feeds(store, series, origin, self.shape, steps=steps if self.draws else 0)
        require_readable(store, series, given["history"], logarithms=self._logarithms)
        names = list(_OUTPUTS)
        if self.draws:
            given["noise"] = noise(seed, series, samples or SAMPLES, steps, self.shape.targets)
            names.append("samples")
        quantiles, mean, *paths = self.session.run(names, {name: given[name] for name in self.session.inputs})
        if self.shape.targets == 1:
            quantiles, mean, paths = quantiles[:, :, None], mean[:, :, None], [x[..., None] for x in paths]
        return (
            mean[:, :steps].astype(np.float64),
            quantiles[:, :steps].astype(np.float64),
            paths[0].astype(np.float64) if paths else None,
        )

    def horizon(self, wanted: int | None) -> int:
        """Steps ahead to tell.

        Raises:
            UsageError: none, no whole number of them, or more than the model can.
        """
        if wanted is None:
            return self.shape.horizon
        if not isinstance(wanted, (int, np.integer)):
            raise UsageError("horizon", f"{wanted!r} is no number of steps", "Use 1, 2, 3 and so on")
        if wanted < 1:
            raise UsageError("horizon", f"{wanted} is out of range", "Use 1 or more")
        if wanted > self.shape.horizon and not self.draws:
            most = counted(self.shape.horizon, "step")
            cause = f"{wanted:,} is more than the {most} that the model was trained for"
            cure = f"Ask for {self.shape.horizon} or fewer, or train with --horizon {wanted}"
            raise UsageError("horizon", cause, cure)
        return wanted

    def check(self, store: SeriesStore) -> None:
        """Refuse series of another kind than the model's; see `seqtools_forecast.matching`."""
        match(self.about, store, dated="position" in self.session.inputs)

    def check_samples(self, wanted: int | None) -> None:
        """Refuse sample paths of a model that draws none.

        Raises:
            UsageError: they are wanted of such a model, or fewer than one.
        """
        if wanted is not None and not self.draws:
            cause = "the model tells quantiles and draws no paths"
            raise UsageError("samples", cause, "Leave it out, or train with --kind deepar")
        if wanted is not None and wanted < 1:
            raise UsageError("samples", f"{wanted} is out of range", "Use 1 or more")
