"""Scores of one run beside the linear models', and what several runs come to: mean and standard deviation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from seqtools.plugin import Reporter
from seqtools_sentiment.calibration import calibrate
from seqtools_sentiment.examples import Example
from seqtools_sentiment.figures import measure
from seqtools_sentiment.floor import KINDS, Rival, fit_rivals, floor_of
from seqtools_sentiment.predicting import run_logits
from seqtools_sentiment.probabilities import probabilities
from seqtools_sentiment.recipe import SentimentRecipe
from seqtools_sentiment.run_folder import SentimentRun
from seqtools_sentiment.train import class_weights

NETWORK, BLEND = "network", "network + linear"
SHOWN = {"accuracy": "accuracy", "macro_f1": "macro F1", "ece": "ECE", "nll": "nats"}
_PERCENT = ("accuracy",)


class Rivals:
    """The linear models of one set of texts: fitted when first asked for, the same for every seed."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._fitted: dict[str, Rival] = {}

    def of(self, run: SentimentRun, recipe: SentimentRecipe) -> dict[str, Rival]:
        """Both kinds, fitted on the run's training texts."""
        if not self._fitted:
            labels = run.labels()
            weights = class_weights(recipe, labels.targets(run.examples("train")), labels)
            self._fitted = fit_rivals(run, recipe.linear, list(KINDS), weights)
        return self._fitted

    def keep(self, run: SentimentRun, recipe: SentimentRecipe) -> None:
        """Write the floor and the linear model into a fresh run folder, so that the run need not fit them."""
        run.write_json("floor.json", floor_of(run, recipe.linear, self.of(run, recipe), self._report))


def score(run: SentimentRun, rivals: Rivals, test: Sequence[Example]) -> dict[str, dict[str, float]]:
    """Figures on test texts by system: the network, both together, each linear model.

    Weights and temperatures come from the run's validation texts.
    """
    labels, valid, recipe = run.labels(), run.examples("valid"), run.recipe()
    fitted = rivals.of(run, recipe)
    beside = fitted[recipe.linear.kind].model.kept(recipe.linear.features)
    texts = [[example.text for example in part] for part in (valid, test)]
    network = [run_logits(run, part) for part in texts]
    linear = [beside.logits(part) for part in texts]
    wanted, objective = labels.targets(valid), labels.objective
    told = {}
    for name, other in ((NETWORK, None), (BLEND, linear)):
        fit = calibrate(network[0], wanted, objective, other[0] if other else None)
        logits = fit.logits(network[1], other[1] if other else None)
        told[name] = measure(probabilities(logits, objective), labels.targets(test), labels).summary()
    for kind, rival in fitted.items():
        told[KINDS[kind]] = rival.measure(test, labels).summary()
    return told


def summary(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Every system's figures over runs (`mean`, `sd`, `each`), and the runs; JSON-safe."""
    systems: dict[str, Any] = {}
    for name in results[0]["systems"]:
        systems[name] = {}
        for figure in results[0]["systems"][name]:
            each = [float(result["systems"][name][figure]) for result in results]
            spread = stdev(each) if len(each) > 1 else 0.0
            systems[name][figure] = {"mean": mean(each), "sd": spread, "each": each}
    return {"systems": systems, "runs": [dict(result) for result in results]}


def table(told: Mapping[str, Any]) -> str:
    """Mean and standard deviation of every system, and who wins."""
    runs, systems = len(told["runs"]), told["systems"]
    head = f"on {told['on']}, {runs} run{'s' * (runs > 1)}"
    wide = max(map(len, [head, *systems])) + 2
    lines = [head.ljust(wide) + "".join(name.rjust(16) for name in SHOWN.values())]
    for name, figures in systems.items():
        cells = (_cell(figures[figure], figure in _PERCENT, runs) for figure in SHOWN)
        lines.append(name.ljust(wide) + "".join(cell.rjust(16) for cell in cells))
    return "\n".join([*lines, verdict(systems)])


def _cell(figure: Mapping[str, float], percent: bool, runs: int) -> str:
    factor, digits = (100, 2) if percent else (1, 4)
    spread = f" ± {factor * figure['sd']:.{digits}f}" if runs > 1 else ""
    return f"{factor * figure['mean']:.{digits}f}{spread}"


def verdict(systems: Mapping[str, Any]) -> str:
    """One honest line: who is the most accurate, and by how much."""
    points = {name: 100 * figures["accuracy"]["mean"] for name, figures in systems.items()}
    floor = max((name for name in points if name in KINDS.values()), key=lambda name: points[name])
    ahead = {name: points[name] - points[floor] for name in (NETWORK, BLEND)}
    if ahead[NETWORK] > 0:
        return f"The network beats {floor} by {ahead[NETWORK]:.2f} points; with it, by {ahead[BLEND]:.2f}."
    if ahead[BLEND] > 0:
        behind, together = -ahead[NETWORK], ahead[BLEND]
        return (
            f"{floor} beats the network by {behind:.2f} points; both beat it by {together:.2f}: use --blend."
        )
    return f"{floor} wins: the network is {-ahead[NETWORK]:.2f} points behind, and adds nothing to it."
