"""Several runs that differ in their seed alone: how much of a figure is luck."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from seqtools.errors import UsageError
from seqtools.plugin import Reporter
from seqtools.training.run_folder import RunFolder
from seqtools_tag.prepare import digest
from seqtools_tag.recipe import TagRecipe
from seqtools_tag.run_folder import TagRun
from seqtools_tag.testing import compare, judged, network_figures, run_floor, test_sentences
from seqtools_tag.train_run import train_tag


def study(
    files: Sequence[Path], output: Path, recipe: TagRecipe, *, seeds: int, test: Path | None = None,
    floor: bool = True, export: bool = True, report: Reporter,
) -> dict[str, Any]:  # fmt: skip
    """Train with several seeds, the recipe's and those after it, in OUTPUT/seed-N; what is done stays.

    The test decides nothing: the file is made of the run that is best on the validation sentences.

    Args:
        files: the sentences.
        seeds: how many runs.
        test: sentences that all runs are scored on at the end, or None.
        floor: score the simple methods, once.
        export: write OUTPUT/model.onnx.

    Returns:
        What OUTPUT/study.json says: `seeds`, `valid` and `test` (figures of each run), `mean`, `sd`, `floor`.

    Raises:
        UsageError: several processes were started, or OUTPUT is a run itself.
        DataError, TrainingError, ExportError: see those.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError("--seeds", "several processes train one run together", "Start it without torchrun")
    if RunFolder(output).exists:
        raise UsageError(str(output), "it holds one run, not runs of several seeds", "Choose another -o")
    runs = []
    for seed in range(recipe.training.seed, recipe.training.seed + seeds):
        report(f"seed {seed}:")
        run, own = (
            TagRun(output / f"seed-{seed}"),
            replace(recipe, training=replace(recipe.training, seed=seed)),
        )
        train_tag(files, run.path, own, floor=False, export=False, report=report)
        runs.append(run)
    told = _figures(runs, test)
    beside = run_floor(runs[0], report, test) if floor else {}
    told |= {"floor": beside}
    for part, systems, where in (("valid", "systems", "validation"), ("test", "test", f"test ({test})")):
        if part in told:
            report(_line(where, told["mean"][part], told["sd"][part], beside.get(systems, {})))
    best = _best(runs)
    RunFolder(output).write_json("study.json", {**told, "best": best.path.name})
    if floor:
        best.write_json("floor.json", beside)
    if export:
        from seqtools_tag.export import export_run

        export_run(best.path, output / "model.onnx", report=report)
        report(f"Try it ({best.path.name}): seqtools tag -m {shlex.quote(str(output / 'model.onnx'))}")
    return told


def _figures(runs: Sequence[TagRun], test: Path | None) -> dict[str, Any]:
    """Figures of each run, their mean and standard deviation."""
    gold = {"valid": runs[0].sentences("valid")}
    if test is not None:
        gold["test"] = test_sentences(runs[0], test)
    told: dict[str, Any] = {"seeds": [run.recipe().training.seed for run in runs]}
    for part, sentences in gold.items():
        told[part] = [network_figures(run, sentences).summary() for run in runs]
    if test is not None:
        told["test_file"], told["test_sha256"] = test.name, digest([test])
    told["mean"] = {part: _over(told[part], mean) for part in gold}
    told["sd"] = {part: _over(told[part], _spread) for part in gold}
    return told


def _over(figures: Sequence[Mapping[str, float]], summary: Any) -> dict[str, float]:
    return {name: float(summary([one[name] for one in figures])) for name in figures[0]}


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0


def _line(where: str, means: Mapping[str, float], spreads: Mapping[str, float], floor: Any) -> str:
    by = judged(means)
    name = "F1" if by == "f1" else "accuracy"
    own = f"mean ± sd over the seeds: {name} {100 * means[by]:.2f} ± {100 * spreads[by]:.2f}"
    return f"{compare(where, means, floor)} ({own})"


def _best(runs: Sequence[TagRun]) -> TagRun:
    """The run that is best on the validation sentences; the first of equals."""
    by = judged(runs[0].info()["best"])
    return max(runs, key=lambda run: float(run.info()["best"][by]))
