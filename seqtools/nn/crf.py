"""The linear-chain conditional random field (Lafferty et al. 2001): labels of a sentence chosen together.

A path of labels scores the sum of its emissions, of the moves between neighbours, and of its first and last
label. Its probability is exp(score) over the sum of exp(score) of all paths, which the forward algorithm
finds in time linear in the length.

Sums over labels are taken as a product of exponentials, rescaled at each step: one small matrix product in
place of a logsumexp over a cube. What is less than exp(-69) of a step's largest value counts as that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

ILLEGAL = -1e4
"""Score of a move that may not be: as good as minus infinity, and no sum of such ever overflows."""

_SMALLEST = 1e-30


class Decoded(NamedTuple):
    """The best paths."""

    labels: Int[Tensor, "time batch"]
    """of each step; past a row's length they mean nothing"""
    probabilities: Float[Tensor, "time batch"]
    """of each of them, whatever the other labels are; past a row's length they mean nothing"""


class CRF(nn.Module):
    """Moves between labels, learned; some of them may be forbidden.

    Args:
        labels: how many there are.

    Attributes:
        transitions: score of each move `[from, to]`, without what is forbidden.
        start, end: score of each label as the first and as the last.
    """

    def __init__(self, labels: int) -> None:
        super().__init__()
        self.labels = labels
        self.transitions = nn.Parameter(torch.zeros(labels, labels))
        self.start = nn.Parameter(torch.zeros(labels))
        self.end = nn.Parameter(torch.zeros(labels))
        self.banned_moves: Tensor
        self.banned_start: Tensor
        self.banned_end: Tensor
        self.register_buffer("banned_moves", torch.zeros(labels, labels))
        self.register_buffer("banned_start", torch.zeros(labels))
        self.register_buffer("banned_end", torch.zeros(labels))

    def forbid(
        self,
        moves: Bool[Tensor, "labels labels"],
        start: Bool[Tensor, " labels"],
        end: Bool[Tensor, " labels"],
    ) -> None:
        """Forbid the moves, first labels and last labels that are true; kept with the weights."""
        for banned, which in (
            (self.banned_moves, moves),
            (self.banned_start, start),
            (self.banned_end, end),
        ):
            banned.copy_(torch.where(which, ILLEGAL, 0.0))

    def matrix(self) -> Float[Tensor, "labels labels"]:
        """Scores of moves as they are used: forbidden ones are lowered by `ILLEGAL`."""
        return self.transitions + self.banned_moves

    def starts(self) -> Float[Tensor, " labels"]:
        """Scores of first labels as they are used."""
        return self.start + self.banned_start

    def ends(self) -> Float[Tensor, " labels"]:
        """Scores of last labels as they are used."""
        return self.end + self.banned_end

    def log_likelihood(
        self,
        emissions: Float[Tensor, "time batch labels"],
        labels: Int[Tensor, "time batch"],
        lengths: Int[Tensor, " batch"],
    ) -> Float[Tensor, " batch"]:
        """Log probability of each row's labels, nats.

        Args:
            emissions: float32.
            labels: int64, valid labels everywhere; past a row's length any of them.
            lengths: at least 1.
        """
        return self.score(emissions, labels, lengths) - self.log_partition(emissions, lengths)

    def score(self, emissions: Tensor, labels: Tensor, lengths: Tensor) -> Float[Tensor, " batch"]:
        """Score of each row's path; arguments as for `log_likelihood`."""
        inside = _inside(lengths, len(emissions))
        said = emissions.gather(2, labels[:, :, None]).squeeze(2)
        moved = self.matrix()[labels[:-1], labels[1:]]
        last = labels.gather(0, (lengths - 1)[None]).squeeze(0)
        total = (said * inside).sum(dim=0) + (moved * inside[1:]).sum(dim=0)
        return total + self.starts()[labels[0]] + self.ends()[last]

    def log_partition(self, emissions: Tensor, lengths: Tensor) -> Float[Tensor, " batch"]:
        """Log of the sum of exp(score) over all paths of a row."""
        return torch.logsumexp(self._forward(emissions, lengths)[-1] + self.ends(), dim=1)

    def _forward(self, emissions: Tensor, lengths: Tensor) -> list[Tensor]:
        """Log sums over the paths that end at each step in each label; past a row's length they stay."""
        moves = self.matrix().exp()
        sums = [self.starts() + emissions[0]]
        shortest = int(lengths.min())
        for time, emitted in enumerate(emissions.unbind(0)[1:], 1):
            new = _through(sums[-1], moves) + emitted
            sums.append(new if time < shortest else torch.where((time < lengths)[:, None], new, sums[-1]))
        return sums

    def _backward(self, emissions: Tensor, lengths: Tensor) -> list[Tensor]:
        """Log sums over the ways on from each label at each step to the row's end."""
        moves = self.matrix().T.exp()
        ends = self.ends().expand(emissions.shape[1], -1)
        sums = [ends]
        for time in range(len(emissions) - 2, -1, -1):
            new = _through(sums[-1] + emissions[time + 1], moves)
            sums.append(torch.where((time + 1 < lengths)[:, None], new, ends))
        return sums[::-1]

    def marginals(
        self, emissions: Float[Tensor, "time batch labels"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "time batch labels"]:
        """Probability of each label at each step, whatever the others are (forward-backward).

        Past a row's length they mean nothing.
        """
        there = torch.stack(self._forward(emissions, lengths))
        back = torch.stack(self._backward(emissions, lengths))
        return torch.softmax(there + back, dim=2)

    def viterbi(
        self, emissions: Float[Tensor, "time batch labels"], lengths: Int[Tensor, " batch"]
    ) -> Int[Tensor, "time batch"]:
        """The best path of each row (Viterbi 1967); past its length the last label is repeated."""
        moves = self.matrix()
        best = self.starts() + emissions[0]
        stay = torch.arange(self.labels, device=best.device).expand_as(best)
        came = []
        for time, emitted in enumerate(emissions.unbind(0)[1:], 1):
            top, origin = (best[:, :, None] + moves).max(dim=1)
            on = (time < lengths)[:, None]
            best = torch.where(on, top + emitted, best)
            came.append(torch.where(on, origin, stay))
        path = [(best + self.ends()).argmax(dim=1)]
        for origin in reversed(came):
            path.append(origin.gather(1, path[-1][:, None]).squeeze(1))
        return torch.stack(path[::-1])

    def decode(self, emissions: Tensor, lengths: Tensor) -> Decoded:
        """Best labels and the probability of each."""
        labels = self.viterbi(emissions, lengths)
        shares = self.marginals(emissions, lengths).gather(2, labels[:, :, None]).squeeze(2)
        return Decoded(labels, shares)

    def extra_repr(self) -> str:
        """For `print(network)`."""
        return f"labels={self.labels}"


def _through(sums: Tensor, moves: Tensor) -> Tensor:
    """log(exp(sums) @ moves), `[batch, labels]`, for moves that are exponentials already."""
    top = sums.detach().amax(dim=1, keepdim=True)
    return ((sums - top).exp() @ moves).clamp(min=_SMALLEST).log() + top


def _inside(lengths: Tensor, time: int) -> Tensor:
    """1 at each row's own steps, else 0; `[time, batch]`."""
    return (torch.arange(time, device=lengths.device)[:, None] < lengths).float()
