"""How every task ends a run: its best figures are noted, and its file is made."""

from __future__ import annotations

import shlex
from typing import Any

from seqtools import loader
from seqtools.plugin import Reporter, resolve
from seqtools.training.loop import TrainingResult
from seqtools.training.run_folder import RunFolder


def note_best(run: RunFolder, result: TrainingResult, **further: Any) -> dict[str, Any]:
    """Write the best evaluation's figures into run.json, and give them back.

    Args:
        further: figures that follow from them.
    """
    best = {**result.best, **further, "steps": result.steps, "stopped": result.stopped}
    run.write_json("run.json", {**run.info(), "best": best})
    return best


def make_file(run: RunFolder, report: Reporter, example: str = "") -> None:
    """Let the task's exporter write model.onnx; say how to try it.

    Args:
        example: what to give its command after the model.

    Raises:
        ExportError: see the exporter.
    """
    task, model = loader.task(run.recipe().task), run.path / "model.onnx"
    resolve(task.export, f"task '{task.name}'")(run.path, model, report=report)
    command = f"seqtools {task.name} -m {shlex.quote(str(model))}"
    report(f"Try it: {command} {example}".rstrip())
