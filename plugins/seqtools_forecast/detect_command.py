"""`seqtools forecast detect`: values that the model did not expect."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from seqtools.errors import UsageError
from seqtools.output import note
from seqtools.run_options import run_options
from seqtools.wording import counted
from seqtools_forecast.column_options import TableRequest, column_options

if TYPE_CHECKING:
    from seqtools_forecast.run import Forecaster
    from seqtools_forecast.store import SeriesStore


@dataclass(frozen=True, kw_only=True)
class _Asked(TableRequest):
    """The options, as click gives them."""

    output: str | None
    form: str | None
    share: float
    stride: int
    adapt: bool
    all_values: bool


@click.command("detect")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option("-m", "--model", metavar="MODEL", help="Model file, made by `seqtools train forecast`.")
@click.option("-o", "--output", metavar="FILE", help="Write there; - is stdout.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "jsonl", "parquet"]),
    help="Of the output.  [default: by the ending of -o, else csv]",
)  # fmt: skip
@click.option(
    "--share", type=float, default=0.001, show_default=True, metavar="P",
    help="How rare a value so far off must be, if the model is right, to be called an anomaly: 0.001 is one "
    "in a thousand.",
)  # fmt: skip
@click.option(
    "--stride", type=int, default=1, show_default=True, metavar="N",
    help="Forecast anew after N steps; each forecast judges the N values after it.",
)  # fmt: skip
@click.option(
    "--adapt", is_flag=True,
    help="Expect as much as came of late: where a series has become restless, fewer values are odd.",
)  # fmt: skip
@click.option("--all", "all_values", is_flag=True, help="Write every value that was judged.")
@column_options
@run_options
def command(**options: Any) -> None:
    """Judge each value of the series in FILE... by a forecast from what came before it.

    A row comes out for each anomaly: the value, what was expected, and a score, which is how many standard
    deviations of a normal distribution the value lies from the median. The first values of each series, as
    many as the model reads or half of them all where that is less, are not judged.

    \b
    seqtools forecast detect -m runs/load/model.onnx load.csv
    seqtools forecast detect -m runs/load/model.onnx load.csv --share 0.01 --all -o judged.csv
    """
    asked = _Asked(**options)
    try:
        _detect(asked)
    except BrokenPipeError as error:
        raise click.exceptions.Exit(0) from error


def _detect(asked: _Asked) -> None:
    from seqtools_forecast.detection import shown
    from seqtools_forecast.program import open_model, read
    from seqtools_forecast.tables_out import kind_of, write_rows

    if not asked.files:
        raise UsageError("FILE", "there is no table to read", "Name one, or - for stdin")
    kind = kind_of(asked.output, asked.form or "")
    if not 0 < asked.share < 1:
        raise UsageError("--share", f"{asked.share:g} is out of range", "Use more than 0 and less than 1")
    model = open_model(asked.model, device=asked.device, threads=asked.threads, deadline=asked.deadline)
    if shown(model.shape.levels) <= 0:
        cause = "it tells no interval, so nothing says which values are odd"
        raise UsageError("model", cause, "Train with levels on both sides of 0.5: data.levels")
    if not 1 <= asked.stride <= model.shape.horizon:
        cause = f"{asked.stride} is out of range"
        raise UsageError("--stride", cause, f"Use 1 to {model.shape.horizon}, the model's horizon")
    with tempfile.TemporaryDirectory(prefix="seqtools-") as folder:
        store = read(asked, model.about, Path(folder))
        model.check(store)
        found = _Rows(asked, model, store)
        write_rows(asked.output, kind, found.columns, found.batches())
        are = "is an anomaly" if found.count == 1 else "are anomalies"
        judged = counted(found.judged, "value")
        note(f"{found.count:,} of {judged} {are} (share {asked.share:g} expected)")


class _Rows:
    """The table of what was judged."""

    def __init__(self, asked: _Asked, model: Forecaster, store: SeriesStore) -> None:
        self._asked, self._model, self._store = asked, model, store
        self._several = len(store.targets) > 1
        self.count = self.judged = 0

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        from seqtools_forecast.detection import shown

        store = self._store
        front = [store.id_name or "unique_id", store.time_name or "ds", *(["target"] * self._several)]
        share = shown(self._model.shape.levels)
        return [*front, "y", "mean", f"lo-{share:g}", f"hi-{share:g}", "score", "anomaly"]

    def batches(self) -> Iterator[list[Any]]:
        """Columns of rows, some at a time."""
        from seqtools_forecast.detection import judge, threshold
        from seqtools_forecast.forecasts import tidy

        asked, limit = self._asked, threshold(self._asked.share)
        for index, name in enumerate(self._store.names):
            begin = int(self._store.starts[index])
            found = judge(self._model, self._store, index, stride=asked.stride, adapt=asked.adapt)
            for group in found:
                for target, judged in zip(self._store.targets, group, strict=True):
                    odd = np.abs(judged.score) > limit
                    self.judged += int(np.isfinite(judged.value).sum())
                    self.count += int(odd.sum())
                    kept = np.flatnonzero(np.isfinite(judged.value) & (odd | asked.all_values))
                    if not len(kept):
                        continue
                    told = (judged.mean, judged.low, judged.high, judged.score)
                    yield [
                        [name] * len(kept),
                        self._store.frequency.text(begin + judged.steps[kept]),
                        *([[target] * len(kept)] if self._several else []),
                        judged.value[kept],
                        *(tidy(column[kept]) for column in told),
                        odd[kept].astype(np.int64),
                    ]
