"""The recipe of a translator: frozen dataclasses, one comment per key. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from seqtools.recipe import (
    LAYER_CHOICES,
    LOOP_CHOICES,
    TEXT_LIMITS,
    LoopConfig,
    Seq2SeqConfig,
    TokenizerConfig,
    dropout_limits,
)

OWN = ("none", "linear", "exponential", "inverse_sigmoid")
JUDGES = ("bleu", "chrf", "loss")

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "network.encoder": ("recurrent", "transformer"),
        "network.bridge": ("zero", "last", "mean"),
        "network.attention": (
            "none", "dot", "scaled_dot", "general", "concat", "additive", "multihead",
        ),
        "network.attend": ("first", "last"),
        **LAYER_CHOICES,
        "training.own": OWN,
        "training.judge": JUDGES,
        **LOOP_CHOICES,
    }
)  # fmt: skip
LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **TEXT_LIMITS,
        "network.layers": (1, 64),
        "network.encoder_layers": (1, 64),
        "network.width": (1, 65536),
        "network.encoder_width": (1, 65536),
        "network.encoder_heads": (1, 1024),
        "network.encoder_feedforward": (1, 1 << 20),
        "network.embedding": (1, 65536),
        "network.attention_heads": (1, 1024),
        "network.attention_width": (0, 65536),
        **dropout_limits("source", "target", "embedding", "hidden", "output", "attention", "weight"),
        "data.max_length": (2, 100_000),
        "training.batch_tokens": (1, 10_000_000),
        "training.own_most": (0.0, 1.0),
        "training.r_drop": (0.0, 100.0),
        "training.average_last": (0, 100),
        "training.valid_pairs": (0, 1_000_000),
        "training.sample_pairs": (0, 100),
    }
)


@dataclass(frozen=True, kw_only=True)
class PairTokenizerConfig(TokenizerConfig):
    """How sentences become ids."""

    kind: str = "sentencepiece"
    """sentencepiece, char, byte, word, or a plugin's."""
    vocab_size: int = 4000
    """Upper bound on the vocabulary (of each side, if they are separate); 0 is the kind's own default."""
    options: dict[str, str | int | float | bool] = field(
        default_factory=lambda: {"algorithm": "bpe", "sampling": 0.1}
    )
    """Further options of the kind; `sampling` of SentencePiece is BPE-dropout (Provilkov et al. 2020)."""
    joint: bool = True
    """One vocabulary for both sides, learned from both."""


@dataclass(frozen=True, kw_only=True)
class PairDataConfig:
    """Which pairs are read and how they are split."""

    valid_source: str = ""
    """Source file to validate on (or one with both sides); "" holds out `valid_fraction`."""
    valid_target: str = ""
    """Target file to validate on."""
    valid_fraction: float = 0.05
    """Share of the source sentences kept for validation, chosen by their hash."""
    source_field: str = "source"
    """Field of JSONL records that holds the source."""
    target_field: str = "target"
    """Field of JSONL records that holds the target."""
    max_length: int = 200
    """Pairs with a side of more tokens are left out of training, and counted."""
    source_language: str = ""
    """Code of the source language (`en`), for the card and for tokenised scores."""
    target_language: str = ""
    """Code of the target language (`de`)."""
    licence: str = ""
    """Licence of the pairs, for the card of the model."""


@dataclass(frozen=True, kw_only=True)
class PairTrainingConfig(LoopConfig):
    """The loop over sentence pairs: its batches, its own choices, its judges."""

    lr: float = 2e-3
    """Peak learning rate."""
    beta2: float = 0.98
    """Adam's decay of the gradient's square; RMSprop's alpha."""
    warmup: int = 200
    """Steps of linear warm-up."""
    label_smoothing: float = 0.1
    """Mass spread over the vocabulary in the training loss."""
    batch_tokens: int = 3000
    """Tokens of a batch, both sides and padding counted; pairs of like length go together."""
    own: str = "none"
    """Scheduled sampling (Bengio et al. 2015): none, linear, exponential or inverse_sigmoid; step by step."""
    own_most: float = 0.25
    """Scheduled sampling: probability, at the end, of feeding the network's own choice."""
    r_drop: float = 0.0
    """Weight of the divergence between two passes with other dropout (Liang et al. 2021); 0 is off."""
    average_last: int = 0
    """At the end also try the mean of the weights of this many last evaluations; 0 is off."""
    judge: str = "bleu"
    """What picks the best weights and stops early: bleu, chrf or loss."""
    valid_pairs: int = 1000
    """Validation pairs translated at an evaluation; 0 for none (judge must be loss)."""
    sample_pairs: int = 2
    """Translations with attention shown at evaluations; 0 shows none."""


@dataclass(frozen=True, kw_only=True)
class TranslateRecipe:
    """Everything that decides what a run computes."""

    task: str = "translate"
    """Which task plugin the recipe is for."""
    network: Seq2SeqConfig = field(default_factory=Seq2SeqConfig)
    """The network."""
    tokenizer: PairTokenizerConfig = field(default_factory=PairTokenizerConfig)
    """The tokenizer."""
    data: PairDataConfig = field(default_factory=PairDataConfig)
    """The data."""
    training: PairTrainingConfig = field(default_factory=PairTrainingConfig)
    """The loop."""
