"""Gate order: torch stacks LSTM gates as i, f, g, o and GRU gates as r, z, n; ONNX i, o, f, g and z, r, n."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LSTM_ORDER = (0, 3, 1, 2)
GRU_ORDER = (1, 0, 2)
RNN_ORDER = (0,)


def reorder(array: NDArray[Any], order: tuple[int, ...]) -> NDArray[Any]:
    """Permute the gate blocks along the first axis, `[gates * width, …]`."""
    blocks = np.split(np.asarray(array), len(order), axis=0)
    return np.concatenate([blocks[source] for source in order], axis=0)
