"""Network or simple method: which of these does best on validation windows, and how much each has to say.

The quantiles of a simple method come from its errors on training windows, so that on validation windows it
has no advantage over the network; where those are few, training windows help to choose, and not one is chosen
but the mean of several, which is safer: on single series of the M1 competition it errs by a seventh less.
The less sure the network's gain is, the more the simple method counts: the best weight is shrunk by the gain
over its standard error where that is below one. And where few windows say little, both have a say, the simple
methods more of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqtools_forecast import experts
from seqtools_forecast.calibration import expert_forecast
from seqtools_forecast.conformal import offsets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray

    Losses = NDArray[np.float64]

    Judge = Callable[[FloatArray], Losses]
    """Scaled quantiles `[windows, horizon, targets, levels]` to the loss of each window, `[windows]`."""

WEIGHTS = tuple(tenth / 10 for tenth in range(11))
"""Weights of the network that are tried."""
FINALISTS = 3
"""Simple methods that are judged by their quantiles, too, and the means of so many and of `MANY` of them."""
MANY = 8
FEW = 10.0
"""So few independent windows do not decide alone."""
PRIOR = 3.0
"""What is believed without them counts as so many."""
BELIEVED = 0.25
"""The network's weight that is believed: where there is little to learn from, as in M1, hardly one wins."""
BEARABLE = 1.5
"""Half of each is not thought of where it costs more than this times the best."""
LEAST = 0.05
"""A smaller weight is none: the file need not hold a network that says nothing."""


@dataclass(frozen=True)
class Blend:
    """What was found.

    Attributes:
        expert: name of the best simple method, or of a mean of them.
        expert_offsets: its quantiles around its forecast, `[horizon, targets, levels]`.
        weight: of the network.
        losses: of `network`, of `expert` and of the `blend` of both, the mean over windows.
    """

    expert: str
    expert_offsets: FloatArray
    weight: float
    losses: dict[str, float]

    @property
    def told(self) -> str:
        """In words: who has the say."""
        own, other = self.losses["network"], self.losses["expert"]
        name = experts.spoken(self.expert)
        beside = f"network {own:.4f}, best simple method ({name}) {other:.4f}"
        if self.weight == 0:
            return f"{beside}: the network does not win; the file falls back on '{name}'"
        if self.weight == 1:
            return f"{beside}: the network speaks alone"
        share, both = f"{self.weight:.0%}", self.losses["blend"]
        return f"{beside}: blended, {share} network, {both:.4f}"


@dataclass(frozen=True)
class Fitting:
    """What simple methods get their quantiles from: training windows, scaled and filled.

    Attributes:
        filled: `[windows, context, targets]`.
        target: `[windows, horizon, targets]`, NaN where missing.
        levels: of the quantiles.
        judge: the loss of quantiles on these windows.
        independent: how many windows without an overlap they are drawn from.
    """

    filled: FloatArray
    target: FloatArray
    levels: Sequence[float]
    judge: Judge
    independent: float = float("inf")

    def spread(self, name: str) -> FloatArray:
        """Quantiles of a method's errors, float32 `[horizon, targets, levels]`.

        What they are off by on the whole is believed, and mended, as far as windows are many.
        """
        told = expert_forecast(name, self.target.shape[1], self.filled)
        around = np.broadcast_to(told[..., None], (*told.shape, len(self.levels)))
        found = offsets(around, self.target, self.levels, "conformal")
        middle = found[..., [list(self.levels).index(0.5)]]
        doubted: FloatArray = middle * np.float32(1 / (1 + self.independent / FEW))
        return found - doubted


def blend(
    network: FloatArray, filled: FloatArray, judge: Judge, fitting: Fitting, seasons: Sequence[int],
    independent: float = float("inf"),
) -> Blend:  # fmt: skip
    """Weigh a network against the best simple method on validation windows.

    Args:
        network: its quantiles, `[windows, horizon, targets, levels]`.
        filled: the windows, `[windows, context, targets]`.
        judge: the loss of quantiles on the same windows.
        fitting: training windows.
        seasons: in steps.
        independent: how many windows without an overlap these are worth.
    """
    horizon, context = network.shape[1], filled.shape[1]

    def said(name: str, around: FloatArray | float, windows: FloatArray = filled) -> FloatArray:
        point = expert_forecast(name, horizon, windows)[..., None]
        told: FloatArray = np.broadcast_to(point + around, (*point.shape[:-1], levels)).astype(np.float32)
        return told

    own, levels, worth = judge(network), network.shape[-1], min(float(len(filled)), independent)
    # Quantiles are costly, so that only those whose forecasts are the nearest get some.
    near = {
        name: worth * float(judge(said(name, 0.0)).mean())
        + PRIOR * float(fitting.judge(said(name, 0.0, fitting.filled)).mean())
        for name in experts.names(context, seasons)
    }
    order = sorted(near, key=lambda name: near[name])
    means = [experts.together(order[:count]) for count in (FINALISTS, MANY)]
    spreads = {name: fitting.spread(name) for name in [*order[:FINALISTS], *means]}
    losses = {name: float(judge(said(name, around)).mean()) for name, around in spreads.items()}
    best = min(losses, key=lambda name: losses[name]) if worth > FEW else means[-1]
    other = said(best, spreads[best])
    alone = judge(other)
    tried = {weight: judge(_mix(network, other, weight)) for weight in WEIGHTS if 0 < weight < 1}
    tried |= {0.0: alone, 1.0: own}
    weight = min(tried, key=lambda weight: (float(tried[weight].mean()), weight))
    least = float(tried[weight].mean())
    weight *= certainty(alone - tried[weight], independent)
    if float(tried[0.5].mean()) < BEARABLE * least:
        weight = (worth * weight + PRIOR * BELIEVED) / (worth + PRIOR) if worth <= FEW else weight
    weight = 0.0 if weight < LEAST else round(weight, 3)
    both = float(judge(_mix(network, other, weight)).mean())
    found = {"network": float(own.mean()), "expert": losses[best], "blend": both}
    return Blend(best, spreads[best], weight, found)


def _mix(network: FloatArray, expert: FloatArray, weight: float) -> FloatArray:
    share = np.float32(weight)
    mixed: FloatArray = share * network + (1 - share) * expert
    return mixed


def certainty(gains: Losses, independent: float = float("inf")) -> float:
    """How sure a gain is: its mean over its standard error, from 0 to 1.

    Args:
        gains: of each window.
        independent: how many windows without an overlap these are worth.
    """
    gain, count = float(gains.mean()), max(1.0, min(len(gains), independent))
    if gain <= 0:
        return 0.0
    if len(gains) == 1:
        return 0.5
    error = float(gains.std(ddof=1)) / count**0.5
    return 1.0 if error <= gain else gain / error
