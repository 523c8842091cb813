"""Recurrent layers whose state lies several steps back (Chang et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from seqtools.nn.layer import RecurrentLayer
from seqtools.nn.stack import RecurrentStack

if TYPE_CHECKING:
    from jaxtyping import Float


def read_dilated(
    stack: RecurrentStack, x: Float[Tensor, "time rows input"], dilations: tuple[int, ...]
) -> Float[Tensor, "time rows width"]:
    """Outputs of a stack's top layer, each layer with a dilation of its own."""
    for depth, (layer, norm) in enumerate(zip(stack.layers, stack.between, strict=True)):
        assert isinstance(layer, RecurrentLayer)
        x = norm(_run(layer, x, dilations[depth]))
        if depth < len(dilations) - 1:
            x = stack.dropout(x)
    return x


def _run(layer: RecurrentLayer, x: Tensor, dilation: int) -> Tensor:
    """Every `dilation`-th step is a sequence of its own: they are folded into the rows, and run at once."""
    time, rows = x.shape[:2]
    pad = -time % dilation
    if pad:
        x = nn.functional.pad(x, (0, 0, 0, 0, pad, 0))
    folded = x.view(-1, dilation * rows, x.shape[2])
    y: Tensor = layer(folded, layer.start(dilation * rows))[0]
    return y.reshape(pad + time, rows, -1)[pad:]
