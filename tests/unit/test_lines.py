"""Chunks of per-line corpora: texts begin fresh, long ones are carried on, nothing is skipped."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

import torch

from seqtools.training.lines import Lines
from seqtools_generate.train import restarted

BOS, EOS = 1, 2
LENGTHS = st.lists(st.integers(0, 30), min_size=6, max_size=40)
SETTINGS = st.fixed_dictionaries(
    {
        "chunk": st.integers(1, 12),
        "jitter": st.sampled_from([0.0, 3.0]),
        "half": st.sampled_from([0.0, 0.3]),
        "reset": st.sampled_from([0.0, 0.2]),
        "seed": st.integers(0, 9),
    }
)


def stream_of(lengths: list[int]) -> Any:
    """Texts of these lengths, whose tokens count from 10 on without ever repeating."""
    ids: list[int] = []
    for length in lengths:
        ids += [BOS, *range(10 + len(ids), 10 + len(ids) + length), EOS]
    return np.array(ids, np.int32)


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.integers(1, 3), SETTINGS)
def test_rows_begin_with_a_text_or_go_on_in_one(
    lengths: list[int], rows: int, options: dict[str, Any]
) -> None:
    stream = stream_of(lengths)
    lines = Lines(stream, rows, start=BOS, **options)
    follows = {(int(a), int(b)) for a, b in pairwise([*stream, stream[0]])}
    before: Any = None
    for _ in range(50):
        chunk = lines.next()
        assert chunk.restart is not None
        assert all(pair in follows for pair in zip(chunk.tokens.flat, chunk.targets.flat, strict=True))
        for row in range(rows):
            if not chunk.restart[row]:  # a carried state is that of the token before
                assert before is not None
                assert not (before[:, row] == BOS).any()
                assert chunk.tokens[0, row] == before[-1, row]
            elif before is not None and (before[:, row] == BOS).any() and not chunk.fresh:
                assert chunk.tokens[0, row] == BOS
        before = chunk.targets


@settings(max_examples=20, deadline=None)
@given(LENGTHS, st.integers(2, 12))
def test_a_pass_reads_every_token(lengths: list[int], chunk: int) -> None:
    stream = stream_of(lengths)
    lines = Lines(stream, 3, start=BOS, chunk=chunk)
    seen, piece = set[int](), lines.next()
    while lines.state_dict()["pass"] == 0:
        seen.update(piece.targets.flat)
        piece = lines.next()
    missing = {int(token) for token in stream if token >= 10} - seen
    assert len(missing) <= 3  # what is left when the ring is cut into three equal pieces


def test_short_texts_are_mostly_seen_fresh() -> None:
    lines = Lines(stream_of([4] * 400), 4, start=BOS, chunk=12)
    lines.next(), lines.next()  # the first chunk of a pass begins anywhere
    chunks = [lines.next() for _ in range(20)]
    assert all((chunk.tokens[0] == BOS).all() and chunk.fresh for chunk in chunks)


def test_the_number_of_chunks_in_a_pass_is_about_right() -> None:
    for lengths in ([4] * 900, [25] * 200, [300] * 20):
        lines = Lines(stream_of(lengths), 2, start=BOS, chunk=20)
        told, count = lines.chunks_per_epoch, 0
        lines.next()
        while lines.state_dict()["pass"] == 0:
            lines.next()
            count += 1
        assert 0.6 < told / count < 1.6, lengths


@settings(max_examples=25, deadline=None)
@given(LENGTHS, SETTINGS)
def test_two_processes_read_what_one_of_twice_the_rows_reads(
    lengths: list[int], options: dict[str, Any]
) -> None:
    stream = stream_of(lengths)
    one = Lines(stream, 4, start=BOS, **options)
    pair = [Lines(stream, 4, start=BOS, mine=slice(2 * rank, 2 * rank + 2), **options) for rank in (0, 1)]
    for _ in range(30):
        whole, parts = one.next(), [lines.next() for lines in pair]
        assert (np.concatenate([part.tokens for part in parts], axis=1) == whole.tokens).all()
        assert (np.concatenate([part.restart for part in parts]) == whole.restart).all()  # type: ignore[arg-type]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 30), LENGTHS, SETTINGS)
def test_a_restored_walk_goes_on_exactly(after: int, lengths: list[int], options: dict[str, Any]) -> None:
    stream = stream_of(lengths)
    first = Lines(stream, 3, start=BOS, **options)
    for _ in range(after):
        first.next()
    second = Lines(stream, 3, start=BOS, **options)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    for _ in range(20):
        a, b = first.next(), second.next()
        assert (a.tokens == b.tokens).all()
        assert (a.restart == b.restart).all()  # type: ignore[union-attr]


def test_only_marked_rows_start_afresh() -> None:
    old = ((torch.ones(3, 2), torch.ones(3, 2)),)
    new = ((torch.zeros(3, 2), torch.zeros(3, 2)),)
    mixed = restarted(old, new, torch.tensor([True, False, True]))
    assert [part[:, 0].tolist() for part in mixed[0]] == [[0, 1, 0], [0, 1, 0]]
