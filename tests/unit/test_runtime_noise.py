"""Philox against its authors' answers, and the layout of the uniforms."""

from __future__ import annotations

import numpy as np
import pytest

from seqtools.runtime.noise import philox, uniforms

# Random123 1.14, tests/kat_vectors: "philox4x32 10", counter, key, answer.
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]


def words(told: str) -> list[int]:
    return [int(word, 16) for word in told.split()]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_published_answers(counter: str, key: str, answer: str) -> None:
    a, b, c, d = (np.array([word], np.uint32) for word in words(counter))
    first, second = words(key)
    assert [int(word[0]) for word in philox((a, b, c, d), (first, second))] == words(answer)


def test_a_uniform_is_the_top_of_the_first_word() -> None:
    assert uniforms(0, [0], 0, 1)[0, 0] == np.float32(0x6627E8D5 >> 8) * np.float32(2**-24)
    # position low, high, sample low, high; key = seed low, high
    seed, sample = 0x299F31D0A4093822, 0x0370734413198A2E
    drawn = uniforms(seed, [sample], 0x85A308D3243F6A88, 1)
    assert drawn[0, 0] == np.float32(0xD16CFE09 >> 8) * np.float32(2**-24)


def test_noise_depends_on_seed_sample_and_position_only() -> None:
    whole = uniforms(7, [0, 1, 2, 3], 0, 50)
    assert whole.shape == (50, 4) and whole.dtype == np.float32
    assert np.array_equal(uniforms(7, [2], 20, 30), whole[20:, 2:3])
    assert len(np.unique(whole)) == whole.size
    assert not np.isin(uniforms(8, [0, 1, 2, 3], 0, 50), whole).any()


def test_noise_is_uniform() -> None:
    drawn = uniforms(2**64 - 1, range(100), 2**40, 200).astype(np.float64)
    assert drawn.min() >= 0 and drawn.max() < 1
    counts, _ = np.histogram(drawn, bins=20, range=(0, 1))
    assert ((counts - 1000) ** 2 / 1000).sum() < 43.8  # chi-square, 19 degrees, 0.1 %


def test_no_steps_is_no_noise() -> None:
    assert uniforms(1, [0, 1], 5, 0).shape == (0, 2)
