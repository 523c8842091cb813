"""Losses and penalties that tasks add up to their objective; all computed in fp32."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(
    logits: Tensor, targets: Tensor, *, smoothing: float = 0.0, ignore: int = -100
) -> tuple[Tensor, Tensor]:
    """Mean objective to train on and plain nats to report.

    With smoothing e (Szegedy et al. 2016, section 7) the target is (1 - e) one-hot + e uniform:
    objective = (1 - e) nats + e mean over the vocabulary of -log p.

    Args:
        logits: `[..., vocab]`, any float type.
        targets: `[...]` int64; entries equal to `ignore` count for nothing.
        smoothing: mass e spread over the vocabulary, 0 <= e < 1.
        ignore: the target value of padding.

    Returns:
        objective: mean over the counted targets, with gradient; zero if there are none.
        nats: their plain cross-entropy summed, detached.
    """
    rows = logits.float().reshape(-1, logits.shape[-1])
    wanted = targets.reshape(-1)
    if not smoothing:
        nats = F.cross_entropy(rows, wanted, ignore_index=ignore, reduction="sum")
        return nats / counted(wanted, ignore), nats.detach()
    log_probs = F.log_softmax(rows, dim=-1)
    nats = F.nll_loss(log_probs, wanted, ignore_index=ignore, reduction="sum")
    uniform = -log_probs.mean(dim=-1).masked_fill(wanted == ignore, 0.0).sum()
    objective = (1.0 - smoothing) * nats + smoothing * uniform
    return objective / counted(wanted, ignore), nats.detach()


def counted(targets: Tensor, ignore: int = -100) -> Tensor:
    """Number of targets that are not padding, at least 1; a scalar on the device."""
    return (targets != ignore).sum().clamp(min=1)


def activation_penalty(dropped: Tensor, alpha: float) -> Tensor:
    """AR, alpha * mean(dropped ** 2): keeps activations small (Merity et al. 2017, section 4.6).

    Args:
        dropped: last layer's output after dropout, `[time, batch, width]`.
        alpha: strength (2 in AWD-LSTM).
    """
    return alpha * dropped.float().square().mean()


def slowness_penalty(raw: Tensor, beta: float) -> Tensor:
    """TAR, beta * mean((h[t+1] - h[t]) ** 2): keeps the state slow (Merity et al. 2017, section 4.6).

    Args:
        raw: last layer's output before dropout, `[time, batch, width]`; one step alone costs nothing.
        beta: strength (1 in AWD-LSTM).
    """
    if raw.shape[0] < 2:
        return raw.new_zeros(())
    return beta * raw.float().diff(dim=0).square().mean()
