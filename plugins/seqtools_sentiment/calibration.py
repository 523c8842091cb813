"""How the network and the linear model are weighed against each other, and how sure they may be together.

Both are fitted on validation texts by their negative log-likelihood: the accuracy of a few hundred texts
moves by chance, likelihood is smooth. The temperature (Guo et al. 2017) is folded into the two weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.tokens import payload_error
from seqtools.wording import counted
from seqtools_sentiment.figures import Figures, measure
from seqtools_sentiment.linear_model import LinearModel
from seqtools_sentiment.probabilities import probabilities

if TYPE_CHECKING:
    from seqtools.plugin import FloatArray, Reporter
    from seqtools_sentiment.run_folder import SentimentRun

MIXES = 41
"""Steps from the network alone to the linear model alone that are tried."""
_SPAN = (-6.0, 6.0)  # of the temperature's logarithm
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Calibration:
    """`network_weight * network + linear_weight * linear` are logits whose probabilities can be trusted."""

    network_weight: float = 1.0
    linear_weight: float = 0.0

    def logits(self, network: FloatArray, linear: FloatArray | None = None) -> FloatArray:
        """Weighed logits `[texts, outputs]` of both models' logits."""
        weighed = np.float32(self.network_weight) * network
        return weighed if linear is None else weighed + np.float32(self.linear_weight) * linear

    def payload(self) -> dict[str, Any]:
        """JSON-safe dictionary that says everything."""
        return asdict(self)

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Calibration:
        """Rebuild from `payload()`, or from one with more in it; an empty one changes no logit.

        Raises:
            DataError: it is damaged.
        """
        if not payload:
            return cls()
        try:
            return cls(float(payload["network_weight"]), float(payload["linear_weight"]))
        except (KeyError, TypeError, ValueError) as error:
            raise payload_error("calibration of the", error) from error


def calibrate(
    network: FloatArray, targets: FloatArray, objective: str, linear: FloatArray | None = None
) -> Calibration:
    """The weights with the least negative log-likelihood on validation texts.

    Args:
        network: its logits, `[texts, outputs]`.
        targets: `[texts, classes]`.
        objective: softmax, ordinal or sigmoid.
        linear: the linear model's logits; None leaves it out.
    """
    if not len(network):
        return Calibration()
    targets = _softened(targets, objective)
    sizes = [max(float(np.sqrt(np.mean(np.square(z)))), 1e-6) for z in (network, linear) if z is not None]
    mixes = np.linspace(0, 1, MIXES if linear is not None else 1)
    best, chosen = np.inf, Calibration()
    for mix in mixes.tolist():
        weights = [(1 - mix) / sizes[0], mix / sizes[1] if linear is not None else 0.0]
        mixed = Calibration(*weights).logits(network, linear)

        def loss(log_scale: float, mixed: FloatArray = mixed) -> float:
            return _nll(mixed * np.float32(np.exp(log_scale)), targets, objective)

        log_scale = _least(loss, *_SPAN)
        if loss(log_scale) < best:
            best, scale = loss(log_scale), float(np.exp(log_scale))
            chosen = Calibration(*(weight * scale for weight in weights))
    return chosen


def calibrate_run(run: SentimentRun, network_logits: FloatArray, report: Reporter) -> Calibration:
    """Weigh a run's network, and its linear model where the recipe blends it in, and keep the weights.

    calibration.json also says what they change: figures of the network `before`, and of all `after`.

    Args:
        network_logits: of the run's validation texts, `[texts, outputs]`.
        report: gets one line.
    """
    valid, labels = run.examples("valid"), run.labels()
    targets, linear = labels.targets(valid), None
    if run.recipe().linear.blend:
        linear = LinearModel.from_payload(run.linear()).logits([example.text for example in valid])
    found = calibrate(network_logits, targets, labels.objective, linear)
    before, after = (
        measure(probabilities(logits, labels.objective), targets, labels)
        for logits in (network_logits, found.logits(network_logits, linear))
    )
    told = {"texts": len(valid), "before": before.summary(), "after": after.summary()}
    run.write_calibration({**found.payload(), **told})
    changes = [f"ECE {before.ece:.3f} to {after.ece:.3f}", f"nats {before.nll:.3f} to {after.nll:.3f}"]
    if linear is not None:
        changes.append(f"blended accuracy {after.accuracy:.2%}, the network's {before.accuracy:.2%}")
    report(f"calibration on {counted(len(valid), 'validation text')}: {'; '.join(changes)}")
    return found


def _softened(targets: FloatArray, objective: str) -> FloatArray:
    """As if one more text of each answer had been wrong (Platt 1999): all right is no proof of certainty."""
    answers = 2 if objective == "sigmoid" else targets.shape[1]
    share = np.float32(answers / (len(targets) + answers))
    return (1 - share) * targets + share / answers


def _nll(logits: FloatArray, targets: FloatArray, objective: str) -> float:
    return Figures((), objective, probabilities(logits, objective), targets).nll


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is least, by golden sections."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > 1e-3:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return (low + high) / 2
