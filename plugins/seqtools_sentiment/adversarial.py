"""Adversarial and virtual adversarial training on embeddings (Miyato et al. 2017).

An adversary may move a text's vectors by a given length in the direction that hurts most, to first order:
that of the gradient. The network must say the same there. Virtual: the same as it says without the move,
whatever the label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from seqtools.nn.classifier import Classifier
from seqtools_sentiment.objectives import Objective

if TYPE_CHECKING:
    from jaxtyping import Float, Int

_PROBE = 1e-2
"""Length of the first, random move of virtual training, as a share of the whole one."""


def adversarial_loss(
    network: Classifier, objective: Objective, x: Float[Tensor, "time batch width"],
    lengths: Int[Tensor, " batch"], targets: Float[Tensor, "batch classes"], loss: Float[Tensor, ""],
    share: float,
) -> Float[Tensor, ""]:  # fmt: skip
    """The loss where embedded texts are moved against their labels.

    Args:
        x: what `network.embed` gave, part of the graph of `loss`.
        loss: of the texts as they are.
        share: length of the moves, as a share of the text's own.
    """
    (gradient,) = torch.autograd.grad(loss, x, retain_graph=True)
    moves = _scaled(gradient, share * _norm(x * _inside(x, lengths)))
    return objective.loss(network.classify(x + moves, lengths), targets)


def virtual_loss(
    network: Classifier, objective: Objective, x: Float[Tensor, "time batch width"],
    lengths: Int[Tensor, " batch"], share: float,
) -> Float[Tensor, ""]:  # fmt: skip
    """How far from its own answer the network can be moved; arguments as above.

    The same dropout masks are drawn in all passes: their noise would drown the small first move.
    """
    masks = _generator(x)
    with torch.no_grad():
        known = network.classify(x, lengths)
    inside = _inside(x, lengths)
    length = share * _norm(x * inside)
    probe = _scaled(torch.randn_like(x) * inside, _PROBE * length).requires_grad_()
    drawn = _generator(x)
    _restore(x, masks)
    apart = objective.divergence(known, network.classify(x.detach() + probe, lengths))
    (gradient,) = torch.autograd.grad(apart, probe)
    _restore(x, masks)
    loss = objective.divergence(known, network.classify(x + _scaled(gradient, length), lengths))
    _restore(x, drawn)
    return loss


def _inside(x: Tensor, lengths: Tensor) -> Tensor:
    return (torch.arange(len(x), device=x.device)[:, None] < lengths)[:, :, None]


def _norm(x: Tensor) -> Tensor:
    """Of each text, over time and width together."""
    return x.detach().float().square().sum(dim=(0, 2), keepdim=True).sqrt()


def _scaled(direction: Tensor, length: Tensor) -> Tensor:
    """Each text's direction at that length; no gradient passes."""
    return direction.detach() * (length / _norm(direction).clamp(min=1e-30))


def _generator(x: Tensor) -> Tensor:
    return torch.cuda.get_rng_state(x.device) if x.is_cuda else torch.get_rng_state()


def _restore(x: Tensor, state: Tensor) -> None:
    if x.is_cuda:
        torch.cuda.set_rng_state(state, x.device)
    else:
        torch.set_rng_state(state)
