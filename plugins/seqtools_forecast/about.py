"""What a forecast file says of itself: columns, frequency, shape, what was measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from seqtools.errors import ModelFileError
from seqtools.forecaster import ForecastShape
from seqtools.model_file import ModelFile
from seqtools_forecast.frequency import Frequency
from seqtools_forecast.known import Known

KEY = "seqtools.forecast"
_REMAKE = "Export it again with: seqtools export RUN -o FILE"


@dataclass(frozen=True)
class About:
    """What a host must know to feed the file, and to say what comes out.

    Attributes:
        shape: horizon, window, levels and widths.
        frequency: of the series it was trained on.
        targets, past, future, numbers: names of the columns.
        categories: of each static category the values it knows.
        kind: of the network.
        coverage: measured on validation windows, by the interval's percentage.
        until: position behind the last step that it was trained or calibrated on, see `Frequency`; None where
            series ended at different ones.
    """

    shape: ForecastShape
    frequency: Frequency
    targets: tuple[str, ...] = ("y",)
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kind: str = ""
    coverage: Mapping[str, float] = field(default_factory=dict)
    until: int | None = None

    def known(self) -> Known:
        """What counts when tables are read for the model."""
        return Known(self.frequency, self.targets, frozenset(self.categories))

    def payload(self) -> dict[str, Any]:
        """JSON-safe."""
        return {
            "shape": self.shape.payload(),
            "frequency": self.frequency.payload(),
            "targets": list(self.targets),
            "past": list(self.past),
            "future": list(self.future),
            "numbers": list(self.numbers),
            "categories": {name: list(values) for name, values in self.categories.items()},
            "kind": self.kind,
            "coverage": dict(self.coverage),
            "until": self.until,
        }

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> About:
        """Rebuild from `payload`."""
        told = dict(payload)
        told["shape"] = ForecastShape.from_payload(told["shape"])
        told["frequency"] = Frequency.from_payload(told["frequency"])
        for name in ("targets", "past", "future", "numbers"):
            told[name] = tuple(told[name])
        told["categories"] = {name: tuple(values) for name, values in told["categories"].items()}
        return cls(**told)


def about(model: ModelFile) -> About:
    """What the metadata of a file says.

    Raises:
        ModelFileError: it does not say it.
    """
    try:
        return About.from_payload(json.loads(model.metadata[KEY]))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        cause = "its metadata does not say which series it is for"
        raise ModelFileError(str(model.path), cause, _REMAKE) from error
