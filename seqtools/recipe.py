"""The recipe of a training run: frozen dataclasses, one comment per key. No torch here.

`seqtools.config` reads them from TOML, flags and presets; a run folder stores the resolved one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

LOOP_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "training.optimizer": ("sgd", "adagrad", "rmsprop", "adam", "adamw"),
        "training.schedule": ("constant", "linear", "cosine", "onecycle", "plateau"),
        "training.clip": ("norm", "value", "none"),
        "training.precision": ("auto", "fp32", "bf16"),
    }
)
"""What holds for the loop of every task."""
LAYER_CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "network.layer_norm": ("none", "between", "cell"),
        "network.init": ("orthogonal", "uniform"),
    }
)
"""What holds for recurrent layers wherever they are."""
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType({**LAYER_CHOICES, **LOOP_CHOICES})
RATES = (0.0, 0.999)


def dropout_limits(*places: str) -> dict[str, tuple[float, float]]:
    """The limits of a network's `dropout_PLACE` keys."""
    return {f"network.dropout_{place}": RATES for place in places}


STACK_LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "network.layers": (1, 64),
        "network.width": (1, 65536),
        "network.last_width": (0, 65536),
    }
)
"""What holds for a `StackConfig`."""
TEXT_LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "tokenizer.vocab_size": (0, 10_000_000),
        "data.valid_fraction": (0.0, 0.9),
        "training.label_smoothing": RATES,
        "training.seed": (0, 2**63 - 1),
    }
)
"""What holds for every task that learns from texts."""
LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        **STACK_LIMITS,
        **TEXT_LIMITS,
        "network.embedding": (0, 65536),
        **dropout_limits("input", "hidden", "output", "embedding", "weight"),
        "training.batch_size": (1, 65536),
        "training.chunk": (1, 100_000),
        "training.half_chunk": (0.0, 1.0),
        "training.reset": (0.0, 1.0),
        "training.sample_tokens": (0, 100_000),
    }
)


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """Recurrent layers upon each other; defaults are a plain one-layer LSTM."""

    cell: str = "lstm.v1"
    """Cell by its registered name: lstm.v1, gru.v1, rnn_tanh.v1, rnn_relu.v1, or a plugin's."""
    layers: int = 1
    """Stacked layers."""
    width: int = 384
    """Hidden units of each layer."""
    last_width: int = 0
    """Hidden units of the last layer; 0 means `width` (tied embeddings want the embedding's width)."""
    learned_state: bool = False
    """Learn the initial state instead of starting from zeros."""
    layer_norm: str = "none"
    """none, between (after each layer, fused kernels stay) or cell (on gates, Ba et al. 2016)."""
    forget_bias: float = 1.0
    """Initial forget-gate bias of LSTM cells."""
    init: str = "orthogonal"
    """Recurrent weights: orthogonal (per gate) or uniform (+-1/sqrt(width), as torch does)."""
    locked: bool = True
    """One dropout mask for a whole chunk (variational, Gal & Ghahramani 2016), not one per step."""
    dropout_hidden: float = 0.0
    """Dropout between layers."""
    dropout_weight: float = 0.0
    """DropConnect on the hidden-to-hidden weights (weight drop)."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig(StackConfig):
    """A recurrent language model: embedding, stack, output layer."""

    embedding: int = 128
    """Embedding width; 0 feeds one-hot tokens straight into the cell."""
    tied: bool = False
    """Share the embedding with the output layer (a projection is added when widths differ)."""
    dropout_input: float = 0.0
    """Dropout on the cell's input (after the embedding)."""
    dropout_output: float = 0.1
    """Dropout on the last layer's output."""
    dropout_embedding: float = 0.0
    """Drop whole tokens of the embedding (Merity et al. 2017)."""
    vectors: str = ""
    """GloVe, fastText or word2vec text file that initialises the embedding; "" for none."""


@dataclass(frozen=True, kw_only=True)
class Seq2SeqConfig:
    """An encoder, a decoder and the attention between them."""

    encoder: str = "recurrent"
    """recurrent, or transformer (pre-norm, Vaswani et al. 2017; the hybrid of Chen et al. 2018)."""
    cell: str = "lstm.v1"
    """Cell of both sides by its registered name; `decoder_cell` may name another for the decoder."""
    decoder_cell: str = ""
    """Cell of the decoder; "" is the encoder's."""
    encoder_layers: int = 1
    """Layers of the encoder."""
    encoder_width: int = 256
    """Hidden units of each encoder layer, in each direction; model width of a transformer."""
    bidirectional: bool = True
    """Read the source in both directions (Schuster & Paliwal 1997)."""
    encoder_heads: int = 4
    """transformer: heads of the self-attention."""
    encoder_feedforward: int = 1024
    """transformer: width of the feed-forward part."""
    layers: int = 2
    """Layers of the decoder."""
    width: int = 256
    """Hidden units of each decoder layer."""
    embedding: int = 256
    """Embedding width of both sides."""
    shared: bool = True
    """One embedding for source and target (needs a joint tokenizer)."""
    tied: bool = True
    """Share the target embedding with the output layer."""
    bridge: str = "last"
    """What the decoder's states start from: zero, last (ends of the encoder) or mean (of its outputs)."""
    attention: str = "general"
    """none, dot, scaled_dot, general, concat (Luong et al. 2015), additive (Bahdanau et al.) or multihead."""
    attention_heads: int = 4
    """Heads of scaled_dot and multihead."""
    attention_width: int = 0
    """Width of projected queries and keys; 0 means the decoder's."""
    attend: str = "last"
    """Who asks: the first decoder layer (its context feeds all later ones, GNMT) or the last (Luong)."""
    input_feeding: bool = False
    """Feed each step's readout into the next one (Luong et al. 2015); trains step by step."""
    coverage: bool = False
    """Let attention see where it has been (Tu et al. 2016); trains step by step."""
    deep_output: bool = False
    """Show the last token to the readout too (Pascanu et al. 2014)."""
    residual: bool = False
    """Add each layer's input to its output where widths agree."""
    layer_norm: str = "none"
    """none, between (after each layer, fused kernels stay) or cell (on gates, Ba et al. 2016)."""
    forget_bias: float = 1.0
    """Initial forget-gate bias of LSTM cells."""
    init: str = "orthogonal"
    """Recurrent weights: orthogonal (per gate) or uniform (+-1/sqrt(width), as torch does)."""
    locked: bool = True
    """One dropout mask for a whole sentence (Gal & Ghahramani 2016), not one per step."""
    dropout_source: float = 0.0
    """Drop whole source tokens (word dropout)."""
    dropout_target: float = 0.0
    """Drop whole target tokens on their way into the decoder."""
    dropout_embedding: float = 0.2
    """Dropout on embedded tokens of both sides."""
    dropout_hidden: float = 0.2
    """Dropout between layers and on the encoder's outputs."""
    dropout_output: float = 0.3
    """Dropout on the readout."""
    dropout_attention: float = 0.0
    """Dropout on attention weights."""
    dropout_weight: float = 0.0
    """DropConnect on the hidden-to-hidden weights (weight drop)."""
    vectors: str = ""
    """GloVe, fastText or word2vec text file that initialises the target embedding; "" for none."""


@dataclass(frozen=True, kw_only=True)
class ReaderConfig(StackConfig):
    """Known text read in both directions: what classifiers and taggers share."""

    width: int = 128
    """Hidden units of each layer, in each direction."""
    bidirectional: bool = True
    """Read the text in both directions (Schuster & Paliwal 1997)."""
    embedding: int = 100
    """Embedding width of a token."""
    vectors: str = ""
    """GloVe, fastText or word2vec text file that initialises the embedding; "" for none."""
    vectors_vocabulary: bool = True
    """Take every word of the vectors' file into the vocabulary, not only those of the training data."""
    freeze: bool = False
    """Leave the embedding as the vectors' file has it."""
    dropout_word: float = 0.05
    """Read a token as unknown with this probability, so that unknown words are learned."""
    dropout_embedding: float = 0.0
    """Drop whole tokens of the embedding, everywhere in a batch (Gal & Ghahramani 2016)."""
    dropout_input: float = 0.5
    """Dropout on embedded tokens."""
    dropout_output: float = 0.5
    """Dropout on what the output layer reads."""


@dataclass(frozen=True, kw_only=True)
class ClassifierConfig(ReaderConfig):
    """A text to one vector, the vector to classes."""

    neighbours: int = 5
    """Without vectors, start from the words this near to each in training texts (PPMI, SVD); 0: by chance."""
    pooling: str = "concat"
    """All steps to one vector: last, max, mean, attention, or concat (last, max and mean; Howard & Ruder)."""
    head: int = 0
    """Hidden units between pooling and classes; 0 for none."""


@dataclass(frozen=True, kw_only=True)
class TaggerConfig(ReaderConfig):
    """A label for each word."""

    characters: str = "cnn"
    """Spelling of a word: cnn (Ma & Hovy 2016), lstm (Lample et al. 2016) or none."""
    character_embedding: int = 25
    """Embedding width of a character."""
    character_width: int = 50
    """Filters of the cnn; hidden units of the lstm, both directions together."""
    character_kernel: int = 3
    """Characters that a filter of the cnn sees."""
    shape: int = 8
    """Embedding width of a word's shape (lower, Title, UPPER, digits, ...); 0 for none."""
    dropout_word: float = 0.0
    """Read a word as unknown with this probability."""
    dropout_input: float = 0.4
    """Dropout on a word's vectors."""
    dropout_rare: float = 0.5
    """Read a word seen once, without a vector, as unknown with this probability (Lample et al. 2016)."""
    crf: bool = True
    """Choose the labels of a sentence together (linear-chain CRF, Lafferty et al. 2001)."""


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """How text becomes ids."""

    kind: str = "char"
    """char, byte, word, sentencepiece, or a plugin's."""
    vocab_size: int = 0
    """Upper bound on the vocabulary; 0 is the kind's own default."""
    options: dict[str, str | int | float | bool] = field(default_factory=dict)
    """Further options of the kind (`algorithm = "bpe"`, `sampling = 0.1`, `min_count = 2`, …)."""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What is read and how it is split."""

    per_line: bool = False
    """One text a line (names, titles), with start and end tokens."""
    valid: str = ""
    """File to validate on; "" takes the last `valid_fraction` of the corpus."""
    valid_fraction: float = 0.1
    """Share of the corpus, at its end, kept for validation (every text's own end is not touched)."""
    text_field: str = "text"
    """Field of JSONL records that holds the text."""
    licence: str = ""
    """Licence of the texts, for the card of the model."""


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """The loop, the same for every task: optimiser, schedule, averages, bookkeeping."""

    optimizer: str = "adamw"
    """sgd, adagrad, rmsprop, adam or adamw."""
    lr: float = 4e-3
    """Peak learning rate."""
    momentum: float = 0.0
    """SGD momentum, RMSprop momentum."""
    beta1: float = 0.9
    """Adam's decay of the gradient's mean."""
    beta2: float = 0.999
    """Adam's decay of the gradient's square; RMSprop's alpha."""
    weight_decay: float = 0.01
    """Weight decay (decoupled in adamw, L2 elsewhere)."""
    schedule: str = "linear"
    """constant, linear, cosine, onecycle or plateau."""
    warmup: int = 100
    """Steps of linear warm-up."""
    plateau_factor: float = 0.25
    """plateau: multiply the rate by this when validation does not improve."""
    plateau_patience: int = 1
    """plateau: evaluations without improvement before that."""
    epochs: float = 10.0
    """Passes over the training stream; ignored when `steps` or `max_time` is given."""
    steps: int = 0
    """Optimiser steps; 0 leaves it to `epochs`."""
    max_time: str = ""
    """Wall-clock budget (`90s`, `3m`, `1h`); the schedule fits itself into it."""
    clip: str = "norm"
    """Gradient clipping: norm, value or none."""
    clip_at: float = 1.0
    """Clipping threshold."""
    label_smoothing: float = 0.0
    """Mass spread over the vocabulary in the training loss."""
    ema: float = 0.0
    """Decay of the exponential moving average of weights that is evaluated and kept; 0 is off."""
    accumulate: int = 1
    """Chunks whose gradients are added before a step."""
    evaluate_every: int = 0
    """Steps between evaluations; 0 means ten times a run."""
    checkpoint_every: int = 200
    """Steps between checkpoints."""
    log_every: int = 10
    """Steps between lines of metrics.jsonl."""
    patience: int = 0
    """Stop after this many evaluations without improvement; 0 is off."""
    precision: str = "auto"
    """auto (bf16 on CUDA, fp32 elsewhere), fp32 or bf16."""
    device: str = "auto"
    """auto, cpu or cuda."""
    threads: int = 1
    """CPU threads for torch."""
    seed: int = 1
    """Seed of everything random."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(LoopConfig):
    """The loop over a token stream: its chunks, its penalties, its samples."""

    batch_size: int = 16
    """Parallel streams in a batch."""
    chunk: int = 48
    """Time steps of one truncated back-propagation (TBPTT)."""
    chunk_jitter: float = 5.0
    """Standard deviation of the random chunk length; 0 makes every chunk `chunk` long."""
    half_chunk: float = 0.05
    """Probability that a chunk is half as long (AWD-LSTM)."""
    reset: float = 0.01
    """Probability, per chunk, that the carried state starts afresh."""
    ar: float = 0.0
    """Activation regularisation (L2 on the dropped output, Merity et al. 2017)."""
    tar: float = 0.0
    """Temporal activation regularisation (L2 on the difference of neighbouring outputs)."""
    sample_prompt: str = ""
    """Prompt of the samples shown at evaluations."""
    sample_tokens: int = 200
    """Length of those samples; 0 shows none."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides what a run computes."""

    task: str = "generate"
    """Which task plugin the recipe is for."""
    network: NetworkConfig = NetworkConfig()
    """The network."""
    tokenizer: TokenizerConfig = TokenizerConfig()
    """The tokenizer."""
    data: DataConfig = DataConfig()
    """The data."""
    training: TrainingConfig = TrainingConfig()
    """The loop."""
