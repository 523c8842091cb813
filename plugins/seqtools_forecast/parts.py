"""What a forecast file is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.ensemble import Ensemble
from seqtools_forecast.about import About
from seqtools_forecast.calibration import Calibration

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Parts:
    """What a file is made of.

    Attributes:
        network: in eval mode on the CPU.
        about: columns, frequency, shape.
        calibration: offsets of quantiles, and the simple method beside the network.
        card: from `make_card`, or anything alike with `profile` and `form`.
        feeds: some windows of real series as the file's inputs, for the check; there may be none.
    """

    network: Ensemble
    about: About
    calibration: Calibration
    card: dict[str, Any]
    feeds: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def shape(self) -> ForecastShape:
        """What the data settled."""
        return self.network.shape

    @property
    def config(self) -> ForecasterConfig:
        """The network's."""
        return self.network.config

    @property
    def draws(self) -> bool:
        """Whether the network draws paths, and needs noise for it."""
        return self.config.kind == "deepar"

    @property
    def dated(self) -> bool:
        """Whether the file asks where in the calendar the forecast begins."""
        return bool(self.config.calendar and self.shape.periods)
