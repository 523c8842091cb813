"""What torch says of a file's inputs: what the file must say, too."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from seqtools.nn.forecasting.window import Forecast, Window, make_window
from seqtools_forecast.parts import Parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Feeds = Mapping[str, Any]


@torch.no_grad()
def reference(parts: Parts, feeds: Feeds, *, precise: bool = False) -> tuple[Array, Array]:
    """Quantiles `[batch, horizon(, targets), levels]` and means in raw units, calibrated.

    Args:
        feeds: the file's inputs.
        precise: in float64, as far as the network lets that be.
    """
    network, kind = parts.network, torch.float32
    if precise:
        network, kind = copy.deepcopy(network).double(), torch.float64
    window = window_of(parts, feeds, kind)
    noise = (torch.from_numpy(feeds["noise"]).to(kind),) if parts.draws else ()
    forecast: Forecast = network(window, *noise)
    given = (part.numpy() for part in (forecast.quantiles, forecast.mean, forecast.filled))
    quantiles, mean = parts.calibration.apply(*given)
    raw, middle = (
        network.restore(torch.from_numpy(part).to(kind), forecast).numpy().astype(np.float64)
        for part in (quantiles, mean)
    )
    raw = np.sort(raw, axis=-1)
    if parts.shape.non_negative:
        raw, middle = np.maximum(raw, 0), np.maximum(middle, 0)
    return (raw[:, :, 0], middle[:, :, 0]) if parts.shape.targets == 1 else (raw, middle)


def window_of(parts: Parts, feeds: Feeds, kind: torch.dtype = torch.float32) -> Window:
    """The file's inputs as the network takes them."""
    history = torch.from_numpy(feeds["history"]).to(kind)
    names = [name for name in ("past", "future", "numbers") if getattr(parts.shape, name)]
    given = {name: torch.from_numpy(feeds[name]).to(kind) for name in names}
    if parts.dated:
        given["position"] = torch.from_numpy(feeds["position"])
    if parts.shape.categories:
        known = list(parts.about.categories.values())
        ids = [
            [_id(values, row) for values, row in zip(known, rows, strict=True)]
            for rows in feeds["categories"]
        ]
        given["categories"] = torch.tensor(ids)
    return make_window(history if parts.shape.targets > 1 else history[..., None], **given)


def _id(values: tuple[str, ...], value: str) -> int:
    return values.index(value) + 1 if value in values else 0
