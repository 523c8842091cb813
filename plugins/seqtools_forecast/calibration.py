"""What validation windows settle beside the weights: offsets of quantiles, and the say of a simple method.

Everything is in the network's scaled units, and the file computes the same (see `Calibration.apply`). The
offsets come from `conformal`, expert and weight from `blending`, and windows differ by `restlessness`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seqtools.errors import DataError
from seqtools_forecast import experts
from seqtools_forecast.restlessness import Restlessness

if TYPE_CHECKING:
    from seqtools.forecaster import ForecastShape
    from seqtools.plugin import FloatArray


@dataclass(frozen=True)
class Calibration:
    """How a forecast follows from the network's and a simple method's.

    Attributes:
        offsets: added to the quantiles at the end, float32 `[horizon, targets, levels]`.
        restlessness: how much the distance from the median and the offsets grow with that of the window.
        expert: the simple method by its name (see `experts`); "" for none.
        expert_offsets: its quantiles around its forecast, float32 `[horizon, targets, levels]`.
        mean_offsets: added to the mean at the end, float32 `[horizon, targets]`.
        weight: of the network; the expert has the rest.
        coverage: share of values inside each interval by its percentage (`80`), measured on windows that the
            offsets were not made of.
        figures: what else was measured, JSON-safe.
    """

    offsets: FloatArray
    restlessness: Restlessness
    expert: str
    expert_offsets: FloatArray
    mean_offsets: FloatArray
    weight: float = 1.0
    coverage: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def none(cls, shape: ForecastShape) -> Calibration:
        """The network as it is."""
        nothing = np.zeros((shape.horizon, shape.targets, len(shape.levels)), np.float32)
        return cls(nothing, Restlessness.none(shape), "", nothing, nothing[..., 0])

    def expert_matrix(self, shape: ForecastShape) -> FloatArray | None:
        """The expert as a map of the filled window, float32 `[horizon, context]`; None without one."""
        return experts.cached(self.expert, shape.horizon, shape.context) if self.expert else None

    def apply(
        self, quantiles: FloatArray, mean: FloatArray, filled: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Quantiles and mean as they are told, in scaled units; levels may still cross.

        Args:
            quantiles: of the network, `[batch, horizon, targets, levels]`.
            mean: `[batch, horizon, targets]`.
            filled: the scaled window without gaps, `[batch, context, targets]`.
        """
        if self.expert:
            point = expert_forecast(self.expert, quantiles.shape[1], filled)
            share = np.float32(self.weight)
            quantiles = share * quantiles + (1 - share) * (point[..., None] + self.expert_offsets)
            mean = share * mean + (1 - share) * point
        told = self.restlessness.widened(quantiles, self.offsets, filled)
        return told, mean + self.mean_offsets

    def payload(self) -> dict[str, Any]:
        """JSON-safe dictionary that says everything."""
        return {
            "offsets": self.offsets.tolist(),
            "exponent": self.restlessness.exponent,
            "usual": self.restlessness.usual.tolist(),
            "expert": self.expert,
            "expert_offsets": self.expert_offsets.tolist() if self.expert else [],
            "mean_offsets": self.mean_offsets.tolist(),
            "weight": self.weight,
            "coverage": dict(self.coverage),
            "figures": dict(self.figures),
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any], shape: ForecastShape) -> Calibration:
        """Rebuild from `payload()`; an empty one changes nothing.

        Raises:
            DataError: it is damaged, or of another shape.
        """
        nothing = cls.none(shape)
        if not payload:
            return nothing
        try:
            found = cls(
                np.array(payload["offsets"], np.float32),
                # Runs that were begun before there was such a thing have none.
                replace(
                    nothing.restlessness,
                    exponent=float(payload.get("exponent", 0)),
                    usual=np.array(payload.get("usual", nothing.restlessness.usual), np.float32),
                ),
                str(payload["expert"]),
                np.array(payload["expert_offsets"], np.float32)
                if payload["expert"]
                else nothing.expert_offsets,
                np.array(payload["mean_offsets"], np.float32),
                float(payload["weight"]),
                {str(name): float(share) for name, share in payload["coverage"].items()},
                dict(payload["figures"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _damaged(repr(error)) from error
        same = found.offsets.shape == found.expert_offsets.shape == nothing.offsets.shape
        same &= found.restlessness.usual.shape == nothing.restlessness.usual.shape
        if not (same and found.mean_offsets.shape == nothing.mean_offsets.shape):
            raise _damaged("its offsets are of another shape")
        return found


def _damaged(cause: str) -> DataError:
    return DataError("calibration of the forecaster", cause, "Train again, or export a whole run folder")


def expert_forecast(name: str, horizon: int, filled: FloatArray) -> FloatArray:
    """What a simple method says, `[batch, horizon, targets]`, of `filled [batch, context, targets]`."""
    told: FloatArray = np.matmul(experts.cached(name, horizon, filled.shape[1]), filled)
    return told
