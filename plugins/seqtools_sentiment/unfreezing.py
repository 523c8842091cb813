"""A pretrained network learns its new task from the top: gradual unfreezing, slower rates further down.

Both are Howard & Ruder's (2018): what lower layers know is general and should neither be forgotten at once
nor change as fast as the new output.
"""

from __future__ import annotations

from torch import nn

from seqtools.nn.classifier import Classifier


def levels(network: Classifier) -> list[dict[str, nn.Parameter]]:
    """Parameters that learn, by name, from the output down to the embedding."""
    depths = len(network.stack.between)
    found: list[dict[str, nn.Parameter]] = [{} for _ in range(depths + 2)]
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            found[_level(name, depths, network.stack.directions)][name] = parameter
    return found


def _level(name: str, depths: int, directions: int) -> int:
    part, _, rest = name.partition(".")
    if part == "embedding":
        return depths + 1
    if part != "stack":
        return 0
    kind, number, *_ = rest.split(".")
    depth = int(number) // directions if kind == "layers" else int(number)
    return depths - depth


def rates(network: Classifier, decay: float) -> dict[str, float]:
    """Each parameter's factor on the learning rate: `decay` times smaller with each level down."""
    return {name: decay**-depth for depth, level in enumerate(levels(network)) for name in level}


class Unfreezing:
    """Thaws level after level, evenly over a share of the run.

    Args:
        network: with all that shall ever learn requiring gradients.
        share: of the run, after which everything learns; 0 is at once.
    """

    def __init__(self, network: Classifier, share: float) -> None:
        self._levels = [list(level.values()) for level in levels(network)]
        self._share = share

    def __call__(self, progress: float) -> int:
        """Freeze what does not learn yet; returns how many levels do."""
        learning = self.learning(progress)
        for depth, level in enumerate(self._levels):
            for parameter in level:
                parameter.requires_grad_(depth < learning)
        return learning

    def learning(self, progress: float) -> int:
        """How many levels learn when that much of the run is done."""
        count = len(self._levels)
        if progress >= self._share:
            return count
        return min(count, 1 + int(progress / self._share * (count - 1)))
