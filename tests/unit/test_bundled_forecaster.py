"""The forecaster that comes along: small, attributed, better than the cycle before on years unseen."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

import seqtools
from seqtools import loader
from seqtools.bundled import bundled_model
from seqtools.model_file import ModelFile

PATH = bundled_model(loader.task("forecast"))
SAMPLE = PATH.parent.parent / "samples" / "yearly-sunspots.csv"


def years() -> np.ndarray:
    return np.loadtxt(SAMPLE, delimiter=",", skiprows=1)[:, 1]


def test_it_is_small_and_says_where_it_comes_from() -> None:
    model = ModelFile.open(PATH, expect_task="forecast")
    assert len(model.data) < 150_000
    assert model.card["licence"].startswith("public domain; SIDC")
    assert (model.card["horizon"], model.card["seasons"], model.card["frequency"]) == (11, [11], "YS")
    assert "train forecast yearly-sunspots.csv" in model.card["made"]["command"]
    floor = model.card["metrics"]["floor"]
    assert floor["part"] == "test" and floor["windows"] == 33
    best = min(value for name, value in floor["relative"].items() if name not in ("file", "network"))
    assert floor["relative"]["file"] < 0.93 * best
    calibration = model.card["calibration"]
    assert 0.8 <= calibration["coverage"]["80"] <= 0.86
    assert calibration["windows"] > 100 and calibration["restlessness"] in (0, 0.5)


def test_it_forecasts_cycles() -> None:
    forecaster = seqtools.load(PATH)
    values = years()
    ends = [len(values) - 11 * cycles for cycles in (1, 2, 3)]
    found = forecaster.predict([values[:end] for end in ends])
    assert found.mean.shape == (3, 11, 1) and found.quantiles.min() >= 0
    came = np.stack([values[end : end + 11] for end in ends])
    before = np.stack([values[end - 11 : end] for end in ends])
    error = np.abs(found.quantile(0.5)[..., 0] - came).mean()
    assert error < 0.95 * np.abs(before - came).mean()
    low, high = found.interval(80)
    inside = (came >= low[..., 0]) & (came <= high[..., 0])
    assert inside.mean() >= 0.75


def test_sizes_do_not_matter() -> None:
    forecaster = seqtools.load(PATH)
    values = years()
    found = forecaster.predict(values[:-11])
    again = forecaster.predict([values[:-11], 1e6 * values[:-11]])
    np.testing.assert_allclose(again.mean[0], found.mean[0], rtol=1e-4)
    np.testing.assert_allclose(again.mean[1], 1e6 * found.mean[0], rtol=1e-4, atol=1)


def test_the_command_needs_no_model(run_cli: object) -> None:
    done = run_cli("forecast", SAMPLE)  # type: ignore[operator]
    assert done.exit_code == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert list(rows[0]) == ["unique_id", "YEAR", "mean", "lo-95", "lo-80", "hi-80", "hi-95"]
    assert [row["YEAR"] for row in rows] == [str(year) for year in range(2009, 2020)]
    means = [float(row["mean"]) for row in rows]
    assert 1 <= int(np.argmax(means)) <= 5 and min(means[8:]) < 30 < max(means)


def test_it_knows_years_alone(run_cli: object, tmp_path: Path) -> None:
    (tmp_path / "days.csv").write_text(
        "ds,y\n" + "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 20))
    )
    done = run_cli("forecast", tmp_path / "days.csv")  # type: ignore[operator]
    assert done.exit_code == 1 and "the model was trained on steps of YS" in done.stderr


def test_the_checks_inside_pass(run_cli: object) -> None:
    done = run_cli("info", PATH, "--check")  # type: ignore[operator]
    assert done.exit_code == 0, done.stderr
