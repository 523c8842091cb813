"""ES-RNN (Smyl 2020): exponential smoothing inside, and a recurrent network for what it leaves.

Smyl learns level and seasons of each series; here they are smoothed over the window, by coefficients that
depend on how the window moves, so that a series which training has never seen is forecast as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor

from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.core import Inputs, Widths, pad_front
from seqtools.nn.forecasting.forecaster import Forecaster
from seqtools.nn.forecasting.heads import Told
from seqtools.nn.forecasting.recurrent import RecurrentCore
from seqtools.nn.forecasting.scaling import Scaled
from seqtools.nn.forecasting.segment import segment_steps
from seqtools.nn.forecasting.smoother import Smoothed, Smoother
from seqtools.nn.forecasting.window import Window

if TYPE_CHECKING:
    from jaxtyping import Float


class Smoothing(Forecaster):
    """A forecaster of what remains of a window after its level and its seasons; they are added at the end.

    Additive, or with `transform = "log"` multiplicative, as in the paper.

    Attributes:
        smoother: from windows to what remains of them.
        penalty: how much levels wiggled in the last call: mean square of their second differences, in units
            of the scale. Training adds it to the loss, so that seasons are not left to the level.
    """

    figures: ClassVar[int] = 1

    def __init__(self, config: ForecasterConfig, shape: ForecastShape) -> None:
        super().__init__(config, shape)
        self.smoother = Smoother(shape)
        self.penalty = torch.zeros(())

    def tell(
        self, window: Window, scaled: Scaled, values: Float[Tensor, "rows context"], *figures: Tensor
    ) -> Told:
        """See the base."""
        whole = self.smoother(values, scaled.seen)
        smoothed = Smoothed(*(part.to(scaled.values) for part in whole))
        self.penalty = _wiggle(whole.levels).to(scaled.values)
        spread = smoothed.spread
        told = super().tell(window, scaled, smoothed.residuals, *figures, spread.log())
        return told.moved(smoothed.ahead / spread, 1 / spread)


class SmoothingCore(RecurrentCore):
    """A recurrent core whose step is a segment of the window, as in Smyl's input windows.

    Attributes:
        reads: steps of a segment; dilations are counted in segments.
        pad: zeros before the window, so that segments fill it.
    """

    def __init__(self, config: ForecasterConfig, shape: ForecastShape, widths: Widths) -> None:
        reads = segment_steps(config, shape)
        super().__init__(config, shape, widths._replace(values=reads * widths.values))
        self.reads, self.pad = reads, -shape.context % reads

    def steps(self, inputs: Inputs) -> Float[Tensor, "steps rows input"]:
        """See the base; the calendar is that of a segment's last step."""
        parts = pad_front(inputs.values, self.pad)
        parts = parts.reshape(len(parts), parts.shape[1] // self.reads, -1)
        ends = inputs.phases[:, self.reads - 1 - self.pad : self.shape.context : self.reads]
        static = inputs.static[:, None].expand(-1, parts.shape[1], -1)
        return torch.cat([parts, ends, static], dim=-1).transpose(0, 1).contiguous()


def _wiggle(levels: Float[Tensor, "rows context"]) -> Float[Tensor, ""]:
    if levels.shape[1] < 3:
        return levels.new_zeros(())
    return levels.diff(n=2, dim=1).square().mean()
