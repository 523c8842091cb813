"""Networks whose forecasts are averaged, as graph pieces; see `seqtools.nn.forecasting.ensemble`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting import filling
from seqtools.export.forecasting.covariates import Window, again
from seqtools.export.forecasting.deepar import LoweredDeepAR
from seqtools.export.forecasting.scaling import LoweredScaling, Scaled
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, array
from seqtools.plugin import resolve

FORECASTERS = {
    **dict.fromkeys(
        ("segment", "recurrent", "seq2seq"), "seqtools.export.forecasting.forecaster:LoweredForecaster"
    ),
    "smoothing": "seqtools.export.forecasting.smoothing:LoweredSmoothing",
}
"""`(context, network, name)` makes a function of a window and its scaled history."""


class Scales(NamedTuple):
    """What brings scaled values of a window back, each `[rows, 1, 1]`."""

    location: Var
    scale: Var
    unit: Var


class LoweredEnsemble:
    """The lowering of a `seqtools.nn.forecasting.ensemble.Ensemble` of networks that need no noise.

    Attributes:
        scaling: that of the first member.
    """

    def __init__(self, context: Context, ensemble: Any) -> None:
        self._context, self._members = context, list(ensemble.members)
        self._shape, self._kind = ensemble.shape, ensemble.config.kind
        self.scaling = LoweredScaling(self._members[0].scaling)

    def scaled(self, window: Window) -> Scaled:
        """The scaled history, the same for every member."""
        return self.scaling(window.history, self._standard(window) if self.scaling.scale == "none" else None)

    def _standard(self, window: Window) -> Var:
        """The spread of the training data, `[rows, 1]` or, of one target, `[1, 1]`."""
        given = self._context.weights.add("standard", array(self._members[0].standard)[:, None])
        return again(given, window.batch(self._shape.targets)) if self._shape.targets > 1 else given

    def __call__(self, window: Window, scaled: Scaled) -> Var:
        """Quantiles and, last, the mean, in scaled units, `[rows, horizon, levels + 1]`.

        The mean over members is that of raw values.
        """
        kind = resolve(FORECASTERS[self._kind], f"forecaster '{self._kind}'")
        lowered = [kind(self._context, member, f"member.{i}") for i, member in enumerate(self._members)]
        return self._average([member(window, scaled) for member in lowered], scaled)

    def draw(self, window: Window, scaled: Scaled, noise: Var) -> tuple[Var, Var]:
        """The same of members that draw paths, with the same noise; and the paths of the members in turn.

        Paths are raw, `[rows, samples, steps]`.
        """
        drawn = [
            LoweredDeepAR(self._context, member, f"member.{i}")(window, scaled, noise)
            for i, member in enumerate(self._members)
        ]
        told = [op.concat([one.quantiles, one.mean], axis=2) for one in drawn]
        count = op.squeeze(op.shape(noise, start=1, end=2))
        turn = op.mod(op.range(constant(0), count, constant(1)), constant(len(drawn)))
        samples = drawn[0].samples
        for number, one in enumerate(drawn[1:], 1):
            mine = op.unsqueeze(op.equal(turn, constant(number)), constant([1]))
            samples = op.where(mine, one.samples, samples)
        return self._average(told, scaled), samples

    def _average(self, parts: Sequence[Var], scaled: Scaled) -> Var:
        if len(parts) == 1:
            return parts[0]
        scales = beside(scaled)
        there: Callable[[Var], Var] = lambda part: self.scaling.restore(part, *scales)  # noqa: E731
        if self.scaling.transform == "none":
            # Scaling is linear: the mean of scaled values is the scaled mean.
            return _mean(parts)
        return self.scaling.scaled(_mean([there(part) for part in parts]), *scales)


def beside(scaled: Scaled) -> Scales:
    """Location, scale and unit with an axis for steps and one for levels."""
    return Scales(
        *(op.unsqueeze(part, constant([2])) for part in (scaled.location, scaled.scale, scaled.unit))
    )


def _mean(parts: Sequence[Var]) -> Var:
    return op.mul(reduce(op.add, parts), filling.number(1 / len(parts), parts[0]))
