"""Attention: which source positions matter for the next target token.

A query meets a key for each source position; the scores, softened to weights, mix the values into a context.
Keys and values depend on the source alone and are computed once a sentence.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError
from seqtools.recipe import Seq2SeqConfig

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

KINDS = ("none", "dot", "scaled_dot", "general", "concat", "additive", "multihead")

# What a padded position scores: its weight is exactly zero in float32, and stays finite everywhere.
MASKED = -1e9


class Attention(nn.Module):
    """Base: scores by head, softmax over the source, a weighted mean of the values.

    Args:
        config: kind, heads, width, coverage, dropout.
        query_width, memory_width: values of a query and of an encoder output.

    Attributes:
        heads: how many sets of weights there are.
        width: values of a context.
    """

    heads = 1

    def __init__(self, config: Seq2SeqConfig, query_width: int, memory_width: int) -> None:
        super().__init__()
        self.config, self.query_width, self.memory_width = config, query_width, memory_width
        self.width = memory_width
        self.inner = config.attention_width or query_width

    def keys(self, memory: Float[Tensor, "batch source memory"]) -> Float[Tensor, "batch source key"]:
        """What queries are compared with."""
        return memory

    def values(self, memory: Float[Tensor, "batch source memory"]) -> Float[Tensor, "batch source width"]:
        """What contexts are made of."""
        return memory

    def scores(
        self,
        query: Float[Tensor, "batch time query"],
        keys: Float[Tensor, "batch source key"],
        coverage: Float[Tensor, "batch source"] | None,
    ) -> Float[Tensor, "batch heads time source"]:
        """How well each query fits each key."""
        raise NotImplementedError

    def forward(
        self,
        query: Float[Tensor, "batch time query"],
        keys: Float[Tensor, "batch source key"],
        values: Float[Tensor, "batch source width"],
        mask: Bool[Tensor, "batch source"],
        coverage: Float[Tensor, "batch source"] | None = None,
    ) -> tuple[Float[Tensor, "batch time width"], Float[Tensor, "batch time source"]]:
        """Contexts, and the weights they were made with (the mean over heads).

        Args:
            query: from the decoder.
            keys, values: from `keys` and `values`.
            mask: true where the source has a token.
            coverage: summed weights of all steps before, where the network has coverage.
        """
        scores = self.scores(query, keys, coverage)
        weights = scores.masked_fill(~mask[:, None, None, :], MASKED).softmax(dim=-1)
        used = nn.functional.dropout(weights, self.config.dropout_attention, self.training)
        parts = _split(values, self.heads).transpose(1, 2)
        context = (used @ parts).transpose(1, 2).flatten(2)
        return context, weights.mean(dim=1)


class Dot(Attention):
    """`q . m` (Luong et al. 2015); queries and encoder outputs must be equally wide."""

    def __init__(self, config: Seq2SeqConfig, query_width: int, memory_width: int) -> None:
        super().__init__(config, query_width, memory_width)
        if query_width != memory_width:
            raise ConfigError(
                "network.attention",
                f"'dot' compares a decoder of {query_width} with encoder outputs of {memory_width}",
                "Make them equal, or use general",
            )
        self.spread = _CoverageScore(config.coverage, 1)

    def scores(self, query: Tensor, keys: Tensor, coverage: Tensor | None) -> Tensor:
        """See the base."""
        scores: Tensor = self.spread((query @ keys.transpose(1, 2)).unsqueeze(1), coverage)
        return scores


class General(Attention):
    """`q . W m` (Luong et al. 2015)."""

    def __init__(self, config: Seq2SeqConfig, query_width: int, memory_width: int) -> None:
        super().__init__(config, query_width, memory_width)
        self.key = nn.Linear(memory_width, query_width, bias=False)
        self.spread = _CoverageScore(config.coverage, 1)

    def keys(self, memory: Tensor) -> Tensor:
        """`W m`."""
        keys: Tensor = self.key(memory)
        return keys

    def scores(self, query: Tensor, keys: Tensor, coverage: Tensor | None) -> Tensor:
        """See the base."""
        scores: Tensor = self.spread((query @ keys.transpose(1, 2)).unsqueeze(1), coverage)
        return scores


class ScaledDot(Attention):
    """Heads of `Q q . K m / sqrt(head width)`, each mixing its own part of `V m` (Vaswani et al. 2017)."""

    def __init__(self, config: Seq2SeqConfig, query_width: int, memory_width: int) -> None:
        super().__init__(config, query_width, memory_width)
        self.heads, self.width = _heads(config, self.inner), self.inner
        self.query = nn.Linear(query_width, self.inner, bias=False)
        self.key = nn.Linear(memory_width, self.inner, bias=False)
        self.value = nn.Linear(memory_width, self.inner, bias=False)
        self.spread = _CoverageScore(config.coverage, self.heads)

    def keys(self, memory: Tensor) -> Tensor:
        """`K m`, the heads side by side."""
        keys: Tensor = self.key(memory)
        return keys

    def values(self, memory: Tensor) -> Tensor:
        """`V m`, the heads side by side."""
        values: Tensor = self.value(memory)
        return values

    def scores(self, query: Tensor, keys: Tensor, coverage: Tensor | None) -> Tensor:
        """See the base."""
        asked = _split(self.query(query), self.heads).transpose(1, 2)
        given = _split(keys, self.heads).transpose(1, 2)
        scores = asked @ given.transpose(2, 3) / math.sqrt(self.inner // self.heads)
        spread: Tensor = self.spread(scores, coverage)
        return spread


class Additive(Attention):
    """`v . tanh(W q + U m)` (Bahdanau et al. 2015)."""

    biased = True

    def __init__(self, config: Seq2SeqConfig, query_width: int, memory_width: int) -> None:
        super().__init__(config, query_width, memory_width)
        self.query = nn.Linear(query_width, self.inner, bias=False)
        self.key = nn.Linear(memory_width, self.inner, bias=self.biased)
        self.score = nn.Parameter(torch.empty(self.inner).uniform_(-1, 1).div_(math.sqrt(self.inner)))
        self.spread: nn.Parameter | None = nn.Parameter(torch.zeros(self.inner)) if config.coverage else None

    def keys(self, memory: Tensor) -> Tensor:
        """`U m`, with the bias where the kind has one."""
        keys: Tensor = self.key(memory)
        return keys

    def scores(self, query: Tensor, keys: Tensor, coverage: Tensor | None) -> Tensor:
        """See the base; coverage joins inside the tanh (Tu et al. 2016)."""
        if self.spread is not None and coverage is not None:
            keys = keys + coverage[:, :, None] * self.spread
        hidden = torch.tanh(self.query(query)[:, :, None, :] + keys[:, None, :, :])
        scored = _split(hidden * self.score, self.heads).sum(dim=-1)
        ordered: Tensor = scored.permute(0, 3, 1, 2)
        return ordered


class Concat(Additive):
    """`v . tanh(W [q; m])` (Luong et al. 2015): one matrix without bias, here in its two halves."""

    biased = False


class MultiHead(Additive):
    """Additive attention in several heads, each mixing its own part of `V m` (RNMT+, Chen et al. 2018)."""

    def __init__(self, config: Seq2SeqConfig, query_width: int, memory_width: int) -> None:
        super().__init__(config, query_width, memory_width)
        self.heads, self.width = _heads(config, self.inner), self.inner
        self.value = nn.Linear(memory_width, self.inner, bias=False)

    def values(self, memory: Tensor) -> Tensor:
        """`V m`, the heads side by side."""
        values: Tensor = self.value(memory)
        return values


class NoAttention(nn.Module):
    """The plain context vector: every step sees the same summary of the source (Cho et al. 2014).

    For the decoder it looks like attention with a single position.
    """

    heads = 1

    def __init__(self, summary_width: int) -> None:
        super().__init__()
        self.width = summary_width


class _CoverageScore(nn.Module):
    """Adds a learned multiple of the coverage to the scores of each head; nothing without coverage."""

    def __init__(self, used: bool, heads: int) -> None:
        super().__init__()
        self.weight: nn.Parameter | None = nn.Parameter(torch.zeros(heads)) if used else None

    def forward(self, scores: Tensor, coverage: Tensor | None) -> Tensor:
        """`scores [batch, heads, time, source]` and `coverage [batch, source]`."""
        if self.weight is None or coverage is None:
            return scores
        return scores + self.weight[None, :, None, None] * coverage[:, None, None, :]


def _split(x: Tensor, heads: int) -> Tensor:
    """`[…, width]` -> `[…, heads, width / heads]`."""
    return x.reshape(*x.shape[:-1], heads, x.shape[-1] // heads)


def _heads(config: Seq2SeqConfig, inner: int) -> int:
    if inner % config.attention_heads:
        raise ConfigError(
            "network.attention_heads",
            f"{inner} values cannot be shared by {config.attention_heads} heads",
            "Choose a divisor of the attention width",
        )
    return config.attention_heads


_CLASSES: dict[str, type[Attention]] = {
    "dot": Dot,
    "scaled_dot": ScaledDot,
    "general": General,
    "concat": Concat,
    "additive": Additive,
    "multihead": MultiHead,
}


def make_attention(
    config: Seq2SeqConfig, query_width: int, memory_width: int, summary_width: int
) -> Attention | NoAttention:
    """The attention that a configuration names.

    Raises:
        ConfigError: an unknown kind, or widths that do not fit it.
    """
    if config.attention == "none":
        return NoAttention(summary_width)
    if config.attention not in _CLASSES:
        raise ConfigError(
            "network.attention", f"'{config.attention}' is not known", f"Use {', '.join(KINDS)}"
        )
    return _CLASSES[config.attention](config, query_width, memory_width)
