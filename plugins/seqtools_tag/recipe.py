"""The recipe of a tagger: frozen dataclasses, one comment per key. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from seqtools.recipe import (
    LAYER_CHOICES,
    LOOP_CHOICES,
    STACK_LIMITS,
    TEXT_LIMITS,
    LoopConfig,
    TaggerConfig,
    TokenizerConfig,
    dropout_limits,
)

SCHEMES = ("auto", "plain", "bio", "bioes")

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "network.characters": ("cnn", "lstm", "none"),
        **LAYER_CHOICES,
        "tokenizer.kind": ("word",),
        "data.scheme": SCHEMES,
        "training.judge": ("auto", "accuracy", "f1", "loss"),
        **LOOP_CHOICES,
    }
)
LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **STACK_LIMITS,
        **TEXT_LIMITS,
        "network.embedding": (1, 65536),
        "network.character_embedding": (1, 4096),
        "network.character_width": (1, 4096),
        "network.character_kernel": (1, 99),
        "network.shape": (0, 4096),
        **dropout_limits("word", "rare", "embedding", "input", "hidden", "output", "weight"),
        "training.batch_size": (1, 65536),
    }
)


@dataclass(frozen=True, kw_only=True)
class WordsConfig(TokenizerConfig):
    """How words are looked up; the spelling reads them as they are."""

    kind: str = "word"
    """word: a tagger labels words."""
    vocab_size: int = 100_000
    """Upper bound on the vocabulary of the training data; 0 is the tokenizer's own default."""
    options: dict[str, str | int | float | bool] = field(
        default_factory=lambda: {"lowercase": True, "normalize": "nfd", "digits": True, "min_count": 1}
    )
    """Options of the word tokenizer: lowercase, normalize, digits (every digit is 0), min_count."""


@dataclass(frozen=True, kw_only=True)
class TaggedDataConfig:
    """Which sentences are read and what their labels are."""

    column: str = ""
    """Column of the label: its number (-1 is the last) or a CoNLL-U name (upos, xpos, …); "" finds it."""
    word_column: str = ""
    """Column of the word, named likewise; "" is the form in CoNLL-U and the first column elsewhere."""
    scheme: str = "auto"
    """plain labels, or spans as bio or bioes; auto looks. Spans are trained as BIOES in any case."""
    valid: str = ""
    """File to validate on; "" holds out `valid_fraction`."""
    valid_fraction: float = 0.1
    """Share of the sentences kept for validation."""
    licence: str = ""
    """Licence of the sentences, for the card of the model."""


@dataclass(frozen=True, kw_only=True)
class SentenceTrainingConfig(LoopConfig):
    """The loop over sentences: its batches, its judge."""

    lr: float = 3e-3
    """Peak learning rate."""
    batch_size: int = 20
    """Sentences in a batch; sentences of like length go together."""
    warmup: int = 20
    """Steps of linear warm-up."""
    weight_decay: float = 0.0
    """Weight decay (decoupled in adamw, L2 elsewhere)."""
    ema: float = 0.99
    """Decay of the exponential moving average of weights that is evaluated and kept; 0 is off."""
    judge: str = "auto"
    """What picks the best weights: f1 (of spans), accuracy or loss; auto is f1 where there are spans."""


@dataclass(frozen=True, kw_only=True)
class TagRecipe:
    """Everything that decides what a run computes."""

    task: str = "tag"
    """Which task plugin the recipe is for."""
    network: TaggerConfig = field(default_factory=TaggerConfig)
    """The network."""
    tokenizer: WordsConfig = field(default_factory=WordsConfig)
    """How words are looked up."""
    data: TaggedDataConfig = field(default_factory=TaggedDataConfig)
    """The data."""
    training: SentenceTrainingConfig = field(default_factory=SentenceTrainingConfig)
    """The loop."""
