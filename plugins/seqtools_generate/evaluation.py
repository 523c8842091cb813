"""Figures of a model file on a text, under both protocols, with the n-gram floor beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools import loader
from seqtools.metrics import MetricInput
from seqtools.output import warn
from seqtools.plugin import Reporter, Tokenizer
from seqtools_generate import protocols
from seqtools_generate.floor import floor_for
from seqtools_generate.sample import Sample

IntArray = NDArray[np.int64]
Runner = Callable[[list[str], dict[str, Any]], list[Any]]
"""`(output names, feeds) -> outputs`, as an onnxruntime session runs."""

_LOGITS_AT_ONCE = 4_000_000


@dataclass
class Evaluation:
    """All figures; a column is a protocol (or the floor) and its metrics."""

    tokens: int
    characters: int
    words: int
    unknown: int
    columns: dict[str, dict[str, float]] = field(default_factory=dict)
    floor: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """JSON-safe figures; what does not exist (no words, say) is null."""
        return {key: _finite(value) for key, value in asdict(self).items()}


def metrics_of(sample: Sample, nats: float) -> dict[str, float]:
    """Every registered metric for summed nats of the predicted tokens."""
    given = MetricInput(nats=nats, tokens=sample.scored, characters=sample.characters, words=sample.words)
    figures: dict[str, float] = {}
    for name, provided in loader.registry().metrics.items():
        try:
            figures[name] = float(provided.load()(given))
        except Exception as error:
            warn(f"metric '{name}' of {provided.origin} failed and is left out: {error}")
    return figures


def evaluate(
    score: protocols.Score,
    tokenizer: Tokenizer,
    sample: Sample,
    *,
    which: tuple[str, ...] = ("carried", "windows"),
    window: int = protocols.WINDOW,
    floor: bool = True,
    report: Reporter,
    progress: protocols.Progress,
) -> Evaluation:
    """Score a sample with a model and, where there is text to learn from, with an n-gram."""
    result = Evaluation(sample.scored, sample.characters, sample.words, sample.unknown)
    vocab = tokenizer.vocab_size
    if "carried" in which:
        chunk = min(max(_LOGITS_AT_ONCE // vocab, 32), 2048)
        done = protocols.carried(score, sample.ids, chunk=chunk, progress=progress)
        result.columns["carried"] = metrics_of(sample, done.nats)
    if "windows" in which:
        batch = min(max(2 * _LOGITS_AT_ONCE // (vocab * window), 1), 64)
        done = protocols.windows(score, sample.ids, window=window, batch=batch, progress=progress)
        result.columns["windows"] = metrics_of(sample, done.nats)
    if floor and sample.train:
        train_ids = sample.train_ids(tokenizer)
        told = floor_for(train_ids, sample.ids, tokenizer, report, characters=sample.characters)
        result.floor = told
        result.columns["floor"] = metrics_of(sample, told["nats_per_token"] * told["tokens"])
    return result


def file_score(run: Runner, state_width: int, form: str) -> protocols.Score:
    """The scoring function of a model file: one run with `steps` 0 for each call.

    Args:
        run: an open session's run.
        state_width: columns of the input `state`.
        form: `text` or `ids`; the first has an input `text`, which stays empty.
    """

    def score(tokens: IntArray, state: Any | None) -> tuple[Any, Any]:
        batch, time = tokens.shape
        feeds: dict[str, Any] = {
            "tokens": np.ascontiguousarray(tokens, np.int64),
            "lengths": np.full(batch, time, np.int64),
            "state": np.zeros((batch, state_width), np.float32) if state is None else state,
            "steps": np.array(0, np.int64),
            "temperature": np.array(0, np.float32),
            "top_k": np.array(0, np.int64),
            "top_p": np.array(1, np.float32),
            "uniforms": np.zeros((0, batch), np.float32),
        }
        if form == "text":
            feeds["text"] = np.full(batch, "", object)
        log_probs, after = run(["log_probs", "next_state"], feeds)
        return log_probs, after

    return score


def verdict(result: Evaluation) -> str:
    """One honest sentence on whether the model beats the n-gram."""
    if result.floor is None:
        return "There is no n-gram to compare with; --train FILE gives it a text to learn from."
    name, bar = result.floor["name"], result.columns["floor"]["nats_per_character"]
    gains = {
        words: bar - result.columns[key]["nats_per_character"]
        for key, words in (("carried", "with carried state"), ("windows", "in windows"))
        if key in result.columns
    }
    parts = [
        f"{'ahead' if gain > 0 else 'behind'} by {abs(gain):.4f} {words}" for words, gain in gains.items()
    ]
    unit = "nats per character"
    if all(gain > 0 for gain in gains.values()):
        return f"The model beats the {name}: it is {', '.join(parts)} ({unit})."
    if all(gain <= 0 for gain in gains.values()):
        behind = ", ".join(parts)
        return (
            f"The {name} wins: the model is {behind} ({unit}), so it has not earned its place on this text."
        )
    return f"Against the {name} the model is {', '.join(parts)} ({unit}); the n-gram carries its context too."


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return value
