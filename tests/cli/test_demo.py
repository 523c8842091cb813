"""`seqtools demo`: one command from a text to a file that writes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from seqtools.model_file import ModelFile

Cli = Callable[..., Result]


def test_the_demo_trains_exports_checks_and_writes(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_cli("demo", "--time", "4s")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("ROMEO:")
    assert len(done.stdout) > 300
    model = ModelFile.open(tmp_path / "seqtools-demo" / "model.onnx")
    assert (model.task, model.form) == ("generate", "text")
    told = model.card["metrics"]
    assert told["validation"]["valid_loss"] > told["floor"]["nats_per_token"] > 1
    for said in ("network: lstm.v1", "floor:", "0 unequal", "What to try next"):
        assert said in done.stderr


def test_the_translation_demo_trains_exports_checks_and_translates(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_cli("demo", "translate", "--time", "6s")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "¿Dónde está mi libro?"
    assert len(lines) >= 6
    model = ModelFile.open(tmp_path / "seqtools-demo-translate" / "model.onnx")
    assert (model.task, model.form) == ("translate", "ids")
    assert "tatoeba.org" in model.card["licence"]
    for said in ("network: lstm.v1", "dictionary", "What to try next"):
        assert said in done.stderr


def test_the_sentiment_demo_trains_exports_checks_labels_and_explains(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run_cli("demo", "sentiment", "--time", "4s")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5 and all(line.startswith(("pro", "con")) for line in lines)
    assert "screen(" in lines[-1]
    model = ModelFile.open(tmp_path / "seqtools-demo-sentiment" / "model.onnx")
    assert (model.task, model.form) == ("sentiment", "text")
    assert "Bing Liu" in model.card["licence"]
    for said in ("network: lstm.v1", "NB-SVM", "calibration", "What to try next"):
        assert said in done.stderr


def test_the_tagging_demo_trains_exports_checks_and_labels(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqtools_tag import demo

    some = gzip.decompress(demo.SAMPLE.read_bytes()).decode().split("\n\n")[:200]
    (tmp_path / "few.conll").write_text("\n\n".join(some) + "\n")
    monkeypatch.setattr(demo, "SAMPLE", tmp_path / "few.conll")
    monkeypatch.chdir(tmp_path)
    done = run_cli("demo", "tag", "--time", "2s")
    assert done.exit_code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and lines[0].startswith("They/") and "./" in lines[0]
    model = ModelFile.open(tmp_path / "seqtools-demo-tag" / "model.onnx")
    assert (model.task, model.form) == ("tag", "text")
    assert "CC BY-SA" in model.card["licence"]
    for said in ("network: lstm.v1", "averaged perceptron", "0 unequal", "What to try next"):
        assert said in done.stderr


def test_the_forecast_demo_trains_backtests_forecasts_and_draws(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqtools_forecast import demo

    monkeypatch.setitem(demo.SETTINGS, "training.steps", 12)
    monkeypatch.setitem(demo.SETTINGS, "data.test_windows", 5)
    monkeypatch.chdir(tmp_path)
    done = run_cli("demo", "forecast", "--time", "4s")
    assert done.exit_code == 0, done.stderr
    assert "3 windows of 1 series, 11 steps ahead" in done.stdout
    lines = done.stdout.splitlines()[-12:]
    assert lines[0].split() == ["year", "mean", "80", "%", "95", "%"]
    assert [line.split()[0] for line in lines[1:]] == [str(year) for year in range(2009, 2020)]
    folder = tmp_path / "seqtools-demo-forecast"
    model = ModelFile.open(folder / "model.onnx")
    assert (model.task, model.form) == ("forecast", "array")
    assert "SIDC" in model.card["licence"]
    assert (folder / "forecast.svg").read_text().count("<title>history</title>") == 1
    for said in ("network: segment", "scores on 5 test windows", "dotted: 95 %", "What to try next"):
        assert said in done.stderr
