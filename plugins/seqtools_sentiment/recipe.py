"""The recipe of a classifier: frozen dataclasses, one comment per key. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from seqtools.recipe import (
    LAYER_CHOICES,
    LOOP_CHOICES,
    STACK_LIMITS,
    TEXT_LIMITS,
    ClassifierConfig,
    LoopConfig,
    TokenizerConfig,
    dropout_limits,
)

OBJECTIVES = ("auto", "softmax", "ordinal", "sigmoid")
JUDGES = ("accuracy", "macro_f1", "loss")

CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "network.pooling": ("last", "max", "mean", "attention", "concat"),
        **LAYER_CHOICES,
        "data.objective": OBJECTIVES,
        "linear.kind": ("nbsvm", "tfidf"),
        "training.class_weights": ("none", "balanced"),
        "training.judge": JUDGES,
        **LOOP_CHOICES,
    }
)
LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **STACK_LIMITS,
        **TEXT_LIMITS,
        "network.embedding": (1, 65536),
        "network.head": (0, 65536),
        "network.neighbours": (0, 100),
        **dropout_limits("word", "embedding", "input", "hidden", "output", "weight"),
        "data.max_length": (1, 1_000_000),
        "linear.ngrams": (1, 5),
        "linear.min_count": (1, 1_000_000),
        "linear.c": (1e-6, 1e6),
        "linear.features": (1, 100_000_000),
        "training.batch_size": (1, 65536),
        "training.entropy": (0.0, 100.0),
        "training.adversarial": (0.0, 100.0),
        "training.virtual": (0.0, 100.0),
        "training.perturbation": (0.0, 10.0),
        "training.unfreeze": (0.0, 1.0),
        "training.rate_decay": (1.0, 1000.0),
    }
)


@dataclass(frozen=True, kw_only=True)
class TextTokenizerConfig(TokenizerConfig):
    """How texts become ids."""

    kind: str = "word"
    """word, char, byte, sentencepiece, or a plugin's."""
    vocab_size: int = 30_000
    """Upper bound on the vocabulary; 0 is the kind's own default."""
    options: dict[str, str | int | float | bool] = field(
        default_factory=lambda: {"lowercase": True, "normalize": "nfd", "newlines": False, "min_count": 2}
    )
    """Further options of the kind (word: lowercase, normalize, newlines, min_count, stemmer, stop_words)."""


@dataclass(frozen=True, kw_only=True)
class LabelledDataConfig:
    """Which texts are read, what their labels are, how they are split."""

    text: str = ""
    """Column or field that holds the text; "" finds it."""
    label: str = ""
    """Column or field that holds the label; several names with commas are one column of 0 to 1 each."""
    objective: str = "auto"
    """softmax (one class), ordinal (ordered ones), sigmoid (any number of labels), auto (by the labels)."""
    encoding: str = "utf-8"
    """Encoding of the files: utf-8, latin-1, windows-1252, …."""
    order: str = ""
    """Labels from lowest to highest, with commas; "" knows numbers, stars and words like negative."""
    valid: str = ""
    """File to validate on (several with commas); "" holds out `valid_fraction`, each class alike."""
    valid_fraction: float = 0.1
    """Share of the texts kept for validation."""
    max_length: int = 512
    """Tokens read of a text; the rest is left out."""
    licence: str = ""
    """Licence of the texts, for the card of the model."""


@dataclass(frozen=True, kw_only=True)
class LinearConfig:
    """The linear model that stands beside the network, and may join it."""

    kind: str = "nbsvm"
    """nbsvm (log-count ratios, Wang & Manning 2012) or tfidf; both are scored, this one may be blended in."""
    blend: bool = False
    """Put the linear model into the file too, weighed against the network on validation texts."""
    ngrams: int = 2
    """Longest run of words that is a feature."""
    min_count: int = 1
    """Texts that a feature occurs in at least."""
    c: float = 1.0
    """Inverse strength of regularisation; tfidf takes ten times as much, as its texts have length one."""
    features: int = 200_000
    """Most features kept in a file, the heaviest."""


@dataclass(frozen=True, kw_only=True)
class TextTrainingConfig(LoopConfig):
    """The loop over labelled texts: its batches, its objectives, its judge."""

    lr: float = 2e-3
    """Peak learning rate."""
    batch_size: int = 32
    """Texts in a batch; texts of like length go together."""
    warmup: int = 20
    """Steps of linear warm-up."""
    weight_decay: float = 0.0
    """Weight decay (decoupled in adamw, L2 elsewhere)."""
    ema: float = 0.99
    """Decay of the exponential moving average of weights that is evaluated and kept; 0 is off."""
    class_weights: str = "none"
    """balanced makes rare classes count as much as frequent ones."""
    entropy: float = 0.0
    """Weight of entropy minimisation (Grandvalet & Bengio 2004)."""
    adversarial: float = 0.0
    """Weight of the loss on adversarially moved embeddings (Miyato et al. 2017)."""
    virtual: float = 0.0
    """Weight of virtual adversarial training, which needs no labels (Miyato et al. 2017)."""
    perturbation: float = 0.02
    """Length of those moves, as a share of the embedded text's own."""
    unfreeze: float = 0.0
    """Share of the run in which layers thaw one after the other, from the top (Howard & Ruder 2018)."""
    rate_decay: float = 1.0
    """Each layer learns this many times slower than the one above (2.6 in ULMFiT)."""
    judge: str = "accuracy"
    """What picks the best weights and stops early: accuracy, macro_f1 or loss."""


@dataclass(frozen=True, kw_only=True)
class SentimentRecipe:
    """Everything that decides what a run computes."""

    task: str = "sentiment"
    """Which task plugin the recipe is for."""
    network: ClassifierConfig = field(default_factory=ClassifierConfig)
    """The network."""
    tokenizer: TextTokenizerConfig = field(default_factory=TextTokenizerConfig)
    """The tokenizer."""
    data: LabelledDataConfig = field(default_factory=LabelledDataConfig)
    """The data."""
    linear: LinearConfig = field(default_factory=LinearConfig)
    """The linear model."""
    training: TextTrainingConfig = field(default_factory=TextTrainingConfig)
    """The loop."""
