"""What a task hands to the training loop: a network and where its next loss comes from.

The loop knows nothing of tokens, pairs or series; a task knows nothing of optimisers, schedules,
checkpoints or processes. This protocol is the whole border between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor, nn


@dataclass(frozen=True)
class Loss:
    """The outcome of one batch.

    Attributes:
        objective: scalar to back-propagate, float32, a mean over targets; regularisers included.
        nats: scalar, plain cross-entropy summed over the batch's targets, detached. Stays on the device:
            the loop reads it only at the logging interval.
        count: number of targets behind `nats`.
        rate: factor on this step's learning rate (AWD-LSTM scales it with the chunk's length).
        tokens: tokens read for it, for the speed; 0 where `count` tells them.
    """

    objective: Tensor
    nats: Tensor
    count: int
    rate: float = 1.0
    tokens: int = 0


class Experiment(Protocol):
    """A task's side of training. The loop is its only caller.

    Bit-exact resume asks three things of it: everything random comes from torch's, numpy's or
    Python's global generator (the loop keeps those) or from one that `state_dict` tells; `evaluate`
    and `sample` leave the training state (carried states, data position) as it was; and what
    `load_state_dict` gets back continues exactly.

    What `Loss.tokens` counts may be told by an attribute `unit`, for the progress line; it is "tokens" else.

    With several processes every rank has its own experiment, holding its slice of the batch; `evaluate`
    and `sample` are called on rank 0 only.
    """

    network: nn.Module
    """In training mode on `world.device`; the loop switches to eval mode around `evaluate` and `sample`."""

    judged_by: str
    """The figure of `evaluate` that picks the best weights and stops early."""

    higher_is_better: bool
    """Whether that is its largest value."""

    steps_per_epoch: int
    """Calls of `loss` that make one pass over the training data (the mean, if lengths are random)."""

    progress: float
    """Share of the run that is done, 0 to 1; the loop tells it before each step, whatever limits the run."""

    def loss(self) -> Loss:
        """Draw the next batch and compute its loss; called under autocast on CUDA."""

    def evaluate(self) -> dict[str, float]:
        """Figures on validation data for the network as it is now, `valid_loss` among them.

        Called without gradients, in eval mode and fp32, with the averaged weights in place if there are any.
        """

    def sample(self) -> str:
        """Some text to show beside an evaluation, "" for none; called like `evaluate`."""

    def state_dict(self) -> dict[str, Any]:
        """Data position, carried states, own generators: nested dicts (string keys) and lists of tensors,
        numpy arrays and JSON values. The network's weights are not part of it.
        """

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` told; tensors and arrays arrive as CPU tensors, tuples as lists."""
