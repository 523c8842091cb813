"""Chunks for truncated back-propagation: what carried state and several processes rely on."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import DataError
from seqtools.training.chunks import Chunks

SETTINGS = st.fixed_dictionaries(
    {
        "chunk": st.integers(1, 12),
        "jitter": st.sampled_from([0.0, 1.0, 5.0]),
        "half": st.sampled_from([0.0, 0.3]),
        "reset": st.sampled_from([0.0, 0.2]),
        "seed": st.integers(0, 9),
    }
)


def stream_of(length: int) -> Any:
    """Every token tells its own place."""
    return np.arange(length, dtype=np.int32)


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 300), st.integers(1, 6), SETTINGS)
def test_chunks_go_on_where_the_last_one_ended(length: int, rows: int, options: dict[str, Any]) -> None:
    chunks = Chunks(stream_of(length), rows, **options)
    before = None
    for _ in range(60):
        chunk = chunks.next()
        assert chunk.tokens.dtype == np.int64
        assert chunk.tokens.shape == chunk.targets.shape
        assert chunk.tokens.shape[0] >= 1
        assert chunk.tokens.shape[1] == rows
        assert (chunk.targets == chunk.tokens + 1).all()  # every target follows its input
        assert (np.diff(chunk.tokens, axis=0) == 1).all()
        follows = before is not None and (chunk.tokens[0] == before[-1]).all()
        assert follows or chunk.fresh  # never a carried state of other tokens
        before = chunk.targets


@settings(max_examples=30, deadline=None)
@given(st.integers(60, 300), SETTINGS)
def test_two_processes_read_what_one_of_twice_the_rows_reads(length: int, options: dict[str, Any]) -> None:
    one = Chunks(stream_of(length), 6, **options)
    pair = [Chunks(stream_of(length), 6, mine=slice(3 * rank, 3 * rank + 3), **options) for rank in (0, 1)]
    for _ in range(40):
        whole, parts = one.next(), [chunks.next() for chunks in pair]
        assert (np.concatenate([part.tokens for part in parts], axis=1) == whole.tokens).all()
        assert (np.concatenate([part.targets for part in parts], axis=1) == whole.targets).all()
        assert all(part.fresh == whole.fresh for part in parts)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), SETTINGS)
def test_a_restored_walk_goes_on_exactly(after: int, options: dict[str, Any]) -> None:
    first = Chunks(stream_of(200), 4, **options)
    for _ in range(after):
        first.next()
    state = json.loads(json.dumps(first.state_dict()))
    second = Chunks(stream_of(200), 4, **options)
    second.load_state_dict(state)
    for _ in range(30):
        a, b = first.next(), second.next()
        assert (a.tokens == b.tokens).all()
        assert a.fresh == b.fresh


def test_every_pass_reads_nearly_all_and_cuts_elsewhere() -> None:
    chunks = Chunks(stream_of(1001), 4, chunk=20)
    seen: list[set[int]] = []
    for _ in range(60):
        chunk = chunks.next()
        if chunk.fresh:
            seen.append(set())
        seen[-1].update(chunk.tokens[0].tolist())
    assert len(seen) > 3
    assert len({min(part) for part in seen}) > 2
    chunks_seen = 60 / len(seen)
    assert abs(chunks_seen - chunks.chunks_per_epoch) < 2


def test_resets_come_about_as_often_as_asked() -> None:
    chunks = Chunks(stream_of(100_000), 1, chunk=10, reset=0.25, seed=3)
    fresh = sum(chunks.next().fresh for _ in range(2000))
    assert 430 < fresh < 570


def test_lengths_vary_as_in_awd_lstm() -> None:
    chunks = Chunks(stream_of(1_000_000), 1, chunk=70, jitter=5.0, half=0.05)
    lengths = np.array([len(chunks.next().tokens) for _ in range(3000)])
    short = lengths < 55
    assert 0.03 < short.mean() < 0.07
    assert abs(lengths[short].mean() - 35) < 2
    assert abs(lengths[~short].mean() - 70) < 1
    assert 4 < lengths[~short].std() < 6


def test_renewed_streams_are_told_the_pass_and_survive_a_resume() -> None:
    asked: list[int] = []

    def renew(number: int) -> Any:
        asked.append(number)
        return stream_of(100 + 7 * number) + 1000 * number

    options: dict[str, Any] = {"chunk": 10, "jitter": 2.0, "renew": renew}
    chunks = Chunks(stream_of(100), 2, **options)
    for _ in range(23):
        chunk = chunks.next()
        assert (chunk.tokens // 1000 == asked[-1]).all()
    assert asked == list(range(len(asked)))
    assert len(asked) > 2
    again = Chunks(stream_of(100), 2, **options)
    again.load_state_dict(chunks.state_dict())
    assert asked[-1] == asked[-2]  # the pass it was in, made again
    assert all((chunks.next().tokens == again.next().tokens).all() for _ in range(20))


@pytest.mark.parametrize("length", [0, 1, 9])
def test_too_few_tokens_for_the_rows(length: int) -> None:
    with pytest.raises(DataError, match=f"{length} tokens are too few for 8 streams"):
        Chunks(stream_of(length), 8, chunk=4)


def test_the_shortest_stream_that_works() -> None:
    chunks = Chunks(stream_of(17), 8, chunk=4)
    assert all((c.targets == c.tokens + 1).all() for c in (chunks.next() for _ in range(20)))
