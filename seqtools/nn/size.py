"""How large a network is."""

from __future__ import annotations

from torch import nn


def count_parameters(network: nn.Module) -> int:
    """How many numbers its parameters hold; shared ones count once."""
    return sum(parameter.numel() for parameter in network.parameters())
