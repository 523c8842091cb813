"""The figure a language model must beat to have earned its place: a Kneser-Ney n-gram on the same data."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools.errors import DataError
from seqtools.plugin import Reporter, Tokenizer
from seqtools_generate.ngram import NGram

IntArray = NDArray[np.int64]

MAX_TOKENS = 1_500_000
"""Counted at most (about 0.3 GB at order 7); a longer corpus gives its end, next to the validation part."""

_TRIAL, _PIECE = 500_000, 200_000
_CHARACTER_ORDERS, _WORD_ORDERS = (5, 6, 7), (3, 4, 5)


def floor_for(
    train_ids: IntArray,
    valid_ids: IntArray,
    tokenizer: Tokenizer,
    report: Reporter,
    *,
    characters: int | None = None,
    max_tokens: int = MAX_TOKENS,
) -> dict[str, Any]:
    """Train an n-gram on the training ids alone and score the validation ids with it.

    The order is chosen on the end of the training part; the validation part is looked at once, at
    the end. It is scored as one stream, the first token unscored, as `protocols.carried` does.

    Args:
        train_ids, valid_ids: `[time]`, any integer type, memory-mapped or not.
        tokenizer: gives the vocabulary size, and the length of the text when `characters` is not given.
        report: gets one line.
        characters: length of the validation text, for the figures per character.
        max_tokens: training tokens counted at most.

    Returns:
        `name`, `order`, `orders_tried`, `nats_per_token`, `nats_per_character`, `bits_per_character`,
        `perplexity`, `tokens` (scored), `train_tokens` (counted), `capped`, `seconds`, `model`.

    Raises:
        DataError: there is nothing to count or nothing to score.
    """
    if len(train_ids) < 2 or len(valid_ids) < 2:
        raise DataError("n-gram floor", "it needs at least two training and two validation tokens")
    began = time.perf_counter()
    train = np.asarray(train_ids[-max_tokens:], np.int64)
    orders = _orders(tokenizer, train)
    order = choose_order(train, tokenizer.vocab_size, orders)
    nats = score(NGram.train(train, tokenizer.vocab_size, order), valid_ids)
    scored = len(valid_ids) - 1
    length = len(tokenizer.decode(valid_ids[1:])) if characters is None else characters
    per_character = nats / length if length else math.nan
    result: dict[str, Any] = {
        "name": f"{order}-gram",
        "model": "interpolated modified Kneser-Ney",
        "order": order,
        "orders_tried": list(orders),
        "nats_per_token": nats / scored,
        "nats_per_character": per_character,
        "bits_per_character": per_character / math.log(2),
        "perplexity": math.exp(nats / scored),
        "tokens": scored,
        "train_tokens": len(train),
        "capped": len(train) < len(train_ids),
        "seconds": round(time.perf_counter() - began, 2),
    }
    report(_line(result))
    return result


def score(model: NGram, ids: IntArray) -> float:
    """Summed -log p in nats of all tokens but the first, in pieces so that memory stays bounded."""
    nats, reach = 0.0, model.order - 1
    for begin in range(1, len(ids), _PIECE):
        known = min(begin, reach)
        piece = np.asarray(ids[begin - known : begin + _PIECE], np.int64)
        nats -= float(model.log_probs(piece)[known:].sum())
    return nats


def choose_order(train: IntArray, vocab: int, orders: tuple[int, ...]) -> int:
    """The order that scores the end of the training part best when trained on what comes before it."""
    held = min(len(train) // 10, 50_000)
    if held < 100:
        return orders[len(orders) // 2]
    model = NGram.train(train[-_TRIAL - held : -held], vocab, max(orders))
    return min(orders, key=lambda order: -float(model.log_probs(train[-held:], order).sum()))


def _orders(tokenizer: Tokenizer, train: IntArray) -> tuple[int, ...]:
    """Long orders for tokens of about one character, short ones for words and word pieces."""
    sample = train[:2000]
    per_token = len(tokenizer.decode(sample)) / len(sample)
    return _CHARACTER_ORDERS if per_token < 1.5 else _WORD_ORDERS


def _line(result: dict[str, Any]) -> str:
    note = f", last {result['train_tokens']:,} training tokens only" if result["capped"] else ""
    return (
        f"floor: a Kneser-Ney {result['name']} on the same data gets "
        f"{result['nats_per_character']:.4f} nats per character, perplexity {result['perplexity']:.2f} "
        f"per token ({result['seconds']:.1f} s{note})"
    )
