"""What training minimises: the distance from logits to target shares, for all three kinds of labels.

A row of labels is a row of choices, each with its own shares: one choice among all classes (softmax,
ordinal), or for every label a choice between no and yes (sigmoid). Whatever is said of one choice - cross-
entropy, entropy, divergence - holds for all kinds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from jaxtyping import Float


class Objective:
    """A kind of labels.

    Args:
        kind: softmax, ordinal or sigmoid.
        weights: how much each class counts, `[classes]`; of sigmoid, each label's presence. None: 1.
        smoothing: mass of the training targets that is spread over the ways of a choice.
    """

    def __init__(self, kind: str, weights: Float[Tensor, " classes"] | None = None, smoothing: float = 0.0):
        self.kind, self.smoothing = kind, smoothing
        self._weights: Tensor | None = None
        if weights is not None:
            absent = torch.ones_like(weights)
            self._weights = torch.stack([absent, weights], -1) if kind == "sigmoid" else weights[None]

    def log_shares(self, logits: Float[Tensor, "batch outputs"]) -> Float[Tensor, "batch choices ways"]:
        """Log-probabilities of the ways of each choice."""
        logits = logits.float()
        if self.kind == "softmax":
            return logits.log_softmax(dim=-1)[:, None]
        if self.kind == "sigmoid":
            return torch.stack([F.logsigmoid(-logits), F.logsigmoid(logits)], dim=-1)
        # Higher than class k, and not higher than k + 1: s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)).
        above, below = F.logsigmoid(logits), F.logsigmoid(-logits)
        gaps = (logits[:, 1:] - logits[:, :-1]).clamp(max=-1e-6)
        middle = above[:, :-1] + below[:, 1:] + torch.log(-torch.expm1(gaps))
        return torch.cat([below[:, :1], middle, above[:, -1:]], dim=-1)[:, None]

    def shares(self, targets: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch choices ways"]:
        """Targets as shares of the ways."""
        return torch.stack([1 - targets, targets], dim=-1) if self.kind == "sigmoid" else targets[:, None]

    def nats(
        self, logits: Float[Tensor, "batch outputs"], targets: Float[Tensor, "batch classes"]
    ) -> Float[Tensor, " batch"]:
        """Plain cross-entropy of each row, the mean over its choices."""
        return -(self.shares(targets) * self.log_shares(logits)).sum(dim=-1).mean(dim=-1)

    def loss(
        self, logits: Float[Tensor, "batch outputs"], targets: Float[Tensor, "batch classes"]
    ) -> Float[Tensor, ""]:
        """Mean cross-entropy with class weights and smoothing."""
        shares, told = self.shares(targets), self.log_shares(logits)
        wanted = shares if not self.smoothing else torch.lerp(
            shares, torch.full_like(shares, 1 / shares.shape[-1]), self.smoothing
        )  # fmt: skip
        each = -(wanted * told).sum(dim=-1)
        if self._weights is None:
            return each.mean()
        weights = (shares * self._weights).sum(dim=-1)
        return (weights * each).sum() / weights.sum()

    def entropy(self, logits: Float[Tensor, "batch outputs"]) -> Float[Tensor, ""]:
        """How undecided the network is; to minimise it moves borders to where no texts are."""
        told = self.log_shares(logits)
        return -(told.exp() * told).sum(dim=-1).mean()

    def divergence(
        self, known: Float[Tensor, "batch outputs"], moved: Float[Tensor, "batch outputs"]
    ) -> Float[Tensor, ""]:
        """Mean Kullback-Leibler divergence from what is `known`, which gets no gradient, to `moved`."""
        one, other = self.log_shares(known.detach()), self.log_shares(moved)
        return (one.exp() * (one - other)).sum(dim=-1).mean()


def balanced(targets: Float[Tensor, "texts classes"], kind: str) -> Float[Tensor, " classes"]:
    """Weights under which every class counts as much as every other, and the mean row counts 1.

    Of sigmoid: under which each label's presence counts as much as its absence.
    """
    shares = targets.mean(dim=0).clamp(min=1 / len(targets))
    if kind == "sigmoid":
        return (1 - shares).clamp(min=1 / len(targets)) / shares
    return 1 / (shares * len(shares))


def prior_logits(shares: Float[Tensor, " classes"], kind: str) -> Float[Tensor, " outputs"]:
    """The logits that say just these shares: what is known of a text without tokens."""
    shares = shares.clamp(1e-6, 1 - 1e-6)
    if kind == "softmax":
        return shares.log()
    if kind == "sigmoid":
        return shares.logit()
    return shares.flip(0).cumsum(dim=0).flip(0)[1:].clamp(1e-6, 1 - 1e-6).logit()
