"""The Kneser-Ney floor against its definition, as a distribution, and against known figures."""

from __future__ import annotations

import gzip
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from seqtools.errors import DataError
from seqtools_generate import floor, protocols
from seqtools_generate.ngram import NGram, discounts

IntArray = NDArray[np.int64]


class Pieces:
    """As much of a tokenizer as the floor needs: a list of pieces."""

    def __init__(self, pieces: Iterable[str], joint: str = "") -> None:
        self.pieces, self.joint = sorted(set(pieces)), joint
        self.vocab_size = len(self.pieces)
        self._ids = {piece: index for index, piece in enumerate(self.pieces)}

    def encode(self, pieces: Iterable[str]) -> IntArray:
        return np.array([self._ids[piece] for piece in pieces], np.int64)

    def decode(self, ids: IntArray) -> str:
        return self.joint.join(self.pieces[index] for index in ids)


def by_definition(train: Sequence[int], vocab: int, history: tuple[int, ...], token: int, top: bool) -> float:
    """p(token | history) with dictionaries and loops, as the formula is written."""
    order = len(history) + 1
    grams = [tuple(train[i : i + order]) for i in range(len(train) - order + 1)]
    counts = Counter(grams)
    if not top:  # how many different tokens come before
        longer = {tuple(train[i : i + order + 1]) for i in range(len(train) - order)}
        counts = Counter(gram[1:] for gram in longer)
    table = discounts(np.array(list(counts.values()), np.int64))
    below = by_definition(train, vocab, history[1:], token, False) if history else 1 / vocab
    follow = {gram[-1]: count for gram, count in counts.items() if gram[:-1] == history}
    if not follow:
        return below
    cut = {word: float(table[min(count, 3)]) for word, count in follow.items()}
    return float(follow.get(token, 0) - cut.get(token, 0) + sum(cut.values()) * below) / sum(follow.values())


def lumpy(length: int, vocab: int, seed: int) -> IntArray:
    """A random text in which a token often follows from the one three before."""
    rng = np.random.default_rng(seed)
    ids = rng.geometric(0.3, length) % vocab
    again = np.flatnonzero(rng.random(length) < 0.5)
    for at in again[again > 2]:
        ids[at] = (ids[at - 3] + 1) % vocab
    return np.asarray(ids, np.int64)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_agrees_with_the_definition(order: int) -> None:
    train, valid = lumpy(300, 7, 1), lumpy(40, 7, 2)
    model = NGram.train(train, 8, order)
    told = model.log_probs(valid)
    for at in range(order - 1, len(valid)):
        history = tuple(valid[at - order + 1 : at].tolist())
        expected = by_definition(train.tolist(), 8, history, int(valid[at]), True)
        assert told[at] == pytest.approx(math.log(expected), abs=1e-12)


def test_is_a_distribution_after_every_context() -> None:
    train = lumpy(500, 9, 3)
    model = NGram.train(train, 10, 4)
    for context in ([], [3], [9], [1, 9], train[-3:].tolist(), train[:5].tolist(), [9, 9, 9]):
        mass = sum(math.exp(model.log_probs(np.array([*context, token]))[-1]) for token in range(10))
        assert mass == pytest.approx(1.0, abs=1e-12)


def test_a_higher_order_model_scores_any_lower_order() -> None:
    train, valid = lumpy(400, 9, 4), lumpy(100, 9, 5)
    high = NGram.train(train, 9, 5)
    for order in (1, 2, 3, 4):
        np.testing.assert_array_equal(
            high.log_probs(valid, order), NGram.train(train, 9, order).log_probs(valid)
        )


def test_large_vocabularies_do_not_overflow() -> None:
    """Names of grams are ranks, not powers: 5 tokens of a vocabulary of 2**31 would need 155 bits."""
    ids = lumpy(200, 9, 6)
    wide = NGram.train(ids, 1 << 31, 5).log_probs(ids)
    close = NGram.train(ids, 1 << 30, 5).log_probs(ids)
    np.testing.assert_allclose(wide, close, atol=1e-6)


def test_tiny_texts_do_not_break() -> None:
    one = NGram.train(np.array([2]), 4, 6)
    assert np.isfinite(one.log_probs(np.array([0, 1, 2, 3]))).all()
    assert one.log_probs(np.array([], np.int64)).shape == (0,)


def test_discounts_follow_the_formula() -> None:
    counts = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4] + [9] * 5)
    y = 8 / (8 + 2 * 4)
    assert discounts(counts).tolist() == pytest.approx(
        [0, 1 - 2 * y * 4 / 8, 2 - 3 * y * 2 / 4, 3 - 4 * y / 2]
    )
    assert discounts(np.array([5, 6])).tolist() == [0.0, 0.5, 0.5, 0.5]


def test_floor_never_learns_from_what_it_scores() -> None:
    pieces = Pieces("abcdefgh")
    train, valid = lumpy(4000, 8, 7), lumpy(1000, 8, 8)
    said: list[str] = []
    result = floor.floor_for(train, valid, pieces, said.append)  # type: ignore[arg-type]
    again = NGram.train(train, 8, result["order"]).log_probs(valid)[1:]
    assert result["nats_per_token"] == pytest.approx(-again.mean())
    assert result["perplexity"] == pytest.approx(math.exp(-again.mean()))
    assert result["bits_per_character"] == pytest.approx(result["nats_per_character"] / math.log(2))
    assert result["tokens"] == 999 and not result["capped"] and result["orders_tried"] == [5, 6, 7]
    assert len(said) == 1 and result["name"] in said[0]


def test_floor_says_when_it_used_only_a_part() -> None:
    said: list[str] = []
    pieces = Pieces(["one ", "two ", "three "])
    result = floor.floor_for(lumpy(3000, 3, 1), lumpy(50, 3, 2), pieces, said.append, max_tokens=500)  # type: ignore[arg-type]
    assert result["capped"] and result["train_tokens"] == 500 and result["orders_tried"] == [3, 4, 5]
    assert "last 500 training tokens only" in said[0]


def test_floor_needs_data() -> None:
    with pytest.raises(DataError, match="at least two"):
        floor.floor_for(np.array([1]), np.array([1, 2]), Pieces("ab"), print)  # type: ignore[arg-type]


# The protocols, over a model whose answer depends on everything since the state was fresh.


def count_score(tokens: IntArray, state: Any) -> tuple[Any, Any]:
    """-log p of a token is how many tokens came before it, plus a hundredth of the token itself."""
    before = np.zeros((len(tokens), 1), np.float32) if state is None else state
    seen = before + np.arange(tokens.shape[1], dtype=np.float32)
    return -(seen + tokens / np.float32(100)), before + tokens.shape[1]


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
def test_carried_reads_one_stream(chunk: int) -> None:
    tokens = lumpy(20, 9, 1)
    scored = protocols.carried(count_score, tokens, chunk=chunk)
    assert scored.tokens == 19
    assert scored.nats == pytest.approx(sum(range(1, 20)) + tokens[1:].sum() / 100, rel=1e-6)


@pytest.mark.parametrize("length", [2, 8, 9, 10, 24, 25, 26])
@pytest.mark.parametrize("batch", [1, 2, 64])
def test_windows_score_each_token_once_from_a_fresh_state(length: int, batch: int) -> None:
    tokens = lumpy(length, 9, 2)
    scored = protocols.windows(count_score, tokens, window=8, batch=batch)
    expected = sum(1 + at % 8 for at in range(length - 1)) + tokens[1:].sum() / 100
    assert scored.tokens == length - 1
    assert scored.nats == pytest.approx(expected, rel=1e-6)


def test_protocols_on_nothing() -> None:
    for tokens in (np.zeros(0, np.int64), np.zeros(1, np.int64)):
        assert protocols.carried(count_score, tokens) == protocols.Scored(0.0, 0)
        assert protocols.windows(count_score, tokens) == protocols.Scored(0.0, 0)


@pytest.mark.data
def test_tinyshakespeare(shared_data: Callable[[str], Path]) -> None:
    """First 90 % / last 10 %: no weaker than the 1.533 that a plain Kneser-Ney 6-gram is known to get."""
    text = (shared_data("tinyshakespeare") / "input.txt").read_text()
    pieces = Pieces(text)
    ids = pieces.encode(text)
    cut = int(len(ids) * 0.9)
    model = NGram.train(ids[:cut], pieces.vocab_size, 7)
    nats = {order: -model.log_probs(ids[cut:], order)[1:].mean() for order in (5, 6, 7)}
    assert nats == pytest.approx({5: 1.5612, 6: 1.5226, 7: 1.5165}, abs=5e-4)
    assert nats[6] < 1.533


@pytest.mark.data
def test_penn_treebank(shared_data: Callable[[str], Path]) -> None:
    """The 5-gram of the literature gets a test perplexity of 141.2 (Mikolov et al. 2011, KN5)."""
    folder = shared_data("ptb")
    with gzip.open(folder / "ptb.train.txt.gz", "rt") as stream:
        train = stream.read().replace("\n", " <eos> ").split()
    test = (folder / "ptb.test.txt").read_text().replace("\n", " <eos> ").split()
    words = Pieces(train, " ")
    model = NGram.train(words.encode(train), words.vocab_size, 5)
    perplexity = math.exp(floor.score(model, words.encode(test)) / (len(test) - 1))
    assert perplexity == pytest.approx(141.2, abs=0.5)
