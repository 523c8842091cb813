"""What a classifier must beat to have earned its place: two linear models, fitted on the same texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqtools.plugin import Reporter
from seqtools_sentiment.calibration import Calibration, calibrate
from seqtools_sentiment.figures import Figures, measure
from seqtools_sentiment.linear_fit import fit_linear
from seqtools_sentiment.linear_model import LinearModel
from seqtools_sentiment.probabilities import probabilities

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seqtools.plugin import FloatArray
    from seqtools_sentiment.examples import Example, Labels
    from seqtools_sentiment.recipe import LinearConfig
    from seqtools_sentiment.run_folder import SentimentRun

KINDS = {"nbsvm": "NB-SVM", "tfidf": "TF-IDF + logistic regression"}
"""The linear models by their kind."""


@dataclass(frozen=True)
class Rival:
    """A linear model with the temperature that suits it, as a network has one."""

    model: LinearModel
    calibration: Calibration

    def measure(self, examples: Sequence[Example], labels: Labels) -> Figures:
        """Its figures on some texts."""
        logits = self.calibration.logits(self.model.logits([example.text for example in examples]))
        return measure(probabilities(logits, labels.objective), labels.targets(examples), labels)


def fit_rivals(
    run: SentimentRun, config: LinearConfig, kinds: Sequence[str], weights: FloatArray | None = None
) -> dict[str, Rival]:
    """Linear models of a run's training texts by their kind, their temperature from its validation texts.

    Args:
        weights: of the classes, as the network's training has them.
    """
    train, valid, labels = run.examples("train"), run.examples("valid"), run.labels()
    targets, found = labels.targets(valid), {}
    for kind in kinds:
        model = fit_linear(train, labels, config, kind=kind, weights=weights)
        logits = model.logits([example.text for example in valid])
        found[kind] = Rival(model, calibrate(logits, targets, labels.objective))
    return found


def run_floor(run: SentimentRun, report: Reporter, *, weights: FloatArray | None = None) -> dict[str, Any]:
    """Both linear models on the validation texts that the network is judged by.

    The recipe's kind is kept in the run's linear.json, with no more features than a file may have.

    Args:
        run: its training texts are what they are fitted on.
        report: gets one line.
        weights: of the classes, as the network's training has them.

    Returns:
        JSON-safe: `systems` (name to figures) and `texts` scored.
    """
    config = run.recipe().linear
    return floor_of(run, config, fit_rivals(run, config, list(KINDS), weights), report)


def floor_of(
    run: SentimentRun, config: LinearConfig, rivals: Mapping[str, Rival], report: Reporter
) -> dict[str, Any]:
    """See `run_floor`, with the linear models fitted before."""
    valid, labels = run.examples("valid"), run.labels()
    _keep(run, config, rivals[config.kind].model)
    systems = {KINDS[kind]: rival.measure(valid, labels).summary() for kind, rival in rivals.items()}
    told = ", ".join(f"{name} {figures['accuracy']:.2%}" for name, figures in systems.items())
    report(f"floor: validation accuracy of {told}")
    return {"systems": systems, "texts": len(valid)}


def fit_run_linear(run: SentimentRun, report: Reporter, *, weights: FloatArray | None = None) -> None:
    """Fit and keep the recipe's kind alone, where no floor is asked for."""
    config = run.recipe().linear
    model = fit_linear(run.examples("train"), run.labels(), config, weights=weights)
    report(f"linear model: {KINDS[config.kind]}, {model.features:,} features")
    _keep(run, config, model)


def _keep(run: SentimentRun, config: LinearConfig, model: LinearModel) -> None:
    run.write_linear(model.kept(config.features).payload())
