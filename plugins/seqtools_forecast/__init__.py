"""The task `forecast`: tables of series in, one forecaster out. Hooks only; the code is imported on use."""

from __future__ import annotations

from seqtools.plugin import CommandSpec, TaskSpec, hookimpl


@hookimpl
def seqtools_commands() -> list[CommandSpec]:
    """`seqtools forecast`, with `inspect`, `backtest` and `detect` below it; `train forecast`."""
    return [
        CommandSpec(
            name="forecast",
            target="seqtools_forecast.command:command",
            summary="Forecast series, with intervals.",
        ),
        CommandSpec(
            name="forecast",
            parent="train",
            target="seqtools_forecast.train_command:command",
            summary="Train a forecaster on a table of series.",
        ),
        CommandSpec(
            name="forecast",
            parent="demo",
            target="seqtools_forecast.demo:command",
            summary="Train on sunspots, backtest, draw.",
        ),
    ]


@hookimpl
def seqtools_tasks() -> list[TaskSpec]:
    """How to open, evaluate and export a model file of this task, and what its recipes look like."""
    return [
        TaskSpec(
            name="forecast",
            target="seqtools_forecast.run:open_forecaster",
            evaluate="seqtools_forecast.evaluate:command",
            export="seqtools_forecast.export:export_run",
            recipe="seqtools_forecast.recipe:ForecastRecipe",
            bundled="seqtools_forecast:models/sunspots.onnx",
            summary="Forecast series.",
        )
    ]
