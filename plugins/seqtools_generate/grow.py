"""A network for a larger vocabulary that knows all it knew."""

from __future__ import annotations

import torch

from seqtools.errors import DataError
from seqtools.nn.language_model import LanguageModel
from seqtools.training.run_folder import RunFolder


@torch.no_grad()
def grown(network: LanguageModel, parent: RunFolder) -> LanguageModel:
    """Copy the parent's best weights into `network`, whose vocabulary has the same ids and perhaps more.

    What belongs to new ids (embedding rows, one-hot columns, output rows and biases) keeps its fresh start.

    Raises:
        DataError: the parent has another structure.
    """
    old = parent.network().state_dict()
    new = network.state_dict()
    if old.keys() != new.keys():
        raise DataError(
            str(parent.path),
            "its network has another structure",
            "Keep cell, layers, embedding and tied as they were",
        )
    for name, value in old.items():
        target = new[name]
        if target.dim() != value.dim() or any(a < b for a, b in zip(target.shape, value.shape, strict=True)):
            raise DataError(str(parent.path), f"its {name} does not fit", "Keep its widths")
        target[tuple(slice(size) for size in value.shape)] = value
    network.load_state_dict(new)
    return network
