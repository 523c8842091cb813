"""Tokens that the training text never shows: specials, half-bytes, bytes, words kept from another corpus.

Their output rows get only the tiny gradient of being improbable. Adam divides a gradient by its size, so
these rows drift at full speed, and now and then one of them fires: 19 of them beside 65 characters cost a
short run 0.03 nats. So they stand still, at a logit that is low and finite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqtools.nn.language_model import LanguageModel
from seqtools.training.token_stream import forget

LOW = -10.0
"""Logit of a token that was never seen, where those of seen tokens start near 0."""
_BLOCK = 1 << 22


def absent_tokens(stream: NDArray[Any], vocab_size: int) -> Tensor:
    """Ids `[absent]` that do not occur in a stream."""
    seen = np.zeros(vocab_size, np.bool_)
    for begin in range(0, len(stream), _BLOCK):
        seen[np.unique(stream[begin : begin + _BLOCK])] = True
        forget(stream)
    return torch.from_numpy(np.flatnonzero(~seen))


def hold_still(network: LanguageModel, absent: Tensor, *, known: int = 0) -> None:
    """Keep the output rows of absent tokens as they are; those never trained before are set to LOW.

    Args:
        network: on its device, before training.
        absent: ids that the training text lacks.
        known: ids below this come from an earlier run and keep what they learned there.
    """
    absent = absent.to(network.head.bias.device)
    if not len(absent):
        return
    fresh = absent[absent >= known]
    with torch.no_grad():
        network.head.weight[fresh] = 0.0
        network.head.bias[fresh] = LOW

    def stop(parameter: Tensor) -> None:
        if parameter.grad is not None:
            parameter.grad.index_fill_(0, absent, 0.0)

    for parameter in (network.head.weight, network.head.bias):
        parameter.register_post_accumulate_grad_hook(stop)  # type: ignore[no-untyped-call]
