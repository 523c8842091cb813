"""Stops, settings, decoders and constraints, each against its definition."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from seqtools.errors import UsageError
from seqtools_char.tokenizer import CharTokenizer
from seqtools_generate.constraints import Constraints, bias_vector
from seqtools_generate.sampling import Greedy, Sample, softmax
from seqtools_generate.settings import Settings, checked_seed
from seqtools_generate.stop import StopMatcher


def printed(text: str, stops: tuple[str, ...], cuts: tuple[int, ...]) -> tuple[str, bool]:
    """What comes out of a text that is fed in pieces."""
    matcher, out = StopMatcher(stops), ""
    for first, last in itertools.pairwise((0, *cuts, len(text))):
        out += matcher.push(text[first:last])
        if matcher.stopped:
            return out, True
    return out + matcher.flush(), False


@pytest.mark.parametrize("stops", [("aab",), ("ab", "aab"), ("b",), ("aaa", "ba"), ("abaab", "x")])
def test_a_stop_is_found_wherever_the_text_is_cut(stops: tuple[str, ...]) -> None:
    for text in map("".join, itertools.product("ab", repeat=6)):
        places = [text.find(stop) for stop in stops if stop in text]
        expected = (text[: min(places)], True) if places else (text, False)
        # Letter by letter, so that nothing but the stop's own length decides when text comes out.
        out = printed(text, stops, tuple(range(1, 6)))
        assert out[1] == expected[1] and out[0].startswith(expected[0][: len(out[0])])
        assert printed(text, stops, ()) == expected
        if len(stops) == 1:
            assert all(printed(text, stops, (cut,)) == expected for cut in range(1, 6))


def test_only_what_may_be_a_stop_is_held_back() -> None:
    matcher = StopMatcher(["ROMEO:"])
    assert (matcher.push("my RO"), matcher.held) == ("my ", "RO")
    assert (matcher.push("RO"), matcher.held) == ("RO", "RO")
    assert (matcher.push("ME"), matcher.held) == ("", "ROME")
    assert (matcher.push("O:x"), matcher.stopped) == ("", True)


def test_held_text_comes_first_even_without_stops() -> None:
    assert StopMatcher([], "RO").push("SE") == "ROSE"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", -2),
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("temperature", 1e39),
        ("top_k", -1),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", math.nan),
        ("min_p", 1.5),
        ("typical", 0.0),
        ("repetition_penalty", 0.0),
        ("repeat_last_n", 0),
        ("no_repeat_ngram", -1),
        ("stop", ("",)),
        ("logit_bias", {"a": math.nan}),
        ("logit_bias", {3: math.inf}),
        ("logit_bias", {3: 1e39}),
    ],
)
def test_a_setting_out_of_range_names_itself(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=name.replace("_", "-")):
        Settings(**{name: value})  # type: ignore[arg-type]


def test_only_what_the_graph_cannot_do_needs_the_host() -> None:
    assert not Settings(temperature=1.5, top_k=3, top_p=0.5, stop=("x",)).needs_host
    for more in ({"min_p": 0.1}, {"typical": 0.9}, {"repetition_penalty": 1.1}, {"no_repeat_ngram": 2}):
        assert Settings(**more).needs_host  # type: ignore[arg-type]
    assert Settings(logit_bias={1: 1.0}).needs_host


def test_seeds() -> None:
    assert checked_seed(2**64 - 1) == 2**64 - 1
    for wrong in (-1, 2**64):
        with pytest.raises(UsageError, match="seed"):
            checked_seed(wrong)


PROBS = np.array([[0.1, 0.4, 0.2, 0.25, 0.05]], np.float32)


def left(decoder: Sample) -> list[int]:
    """Tokens that truncation leaves of PROBS."""
    return np.flatnonzero(np.isfinite(decoder.truncated(np.log(PROBS))[0])).tolist()


def test_truncation_keeps_what_its_definition_says() -> None:
    assert left(Sample(1.0)) == [0, 1, 2, 3, 4]
    assert left(Sample(1.0, top_k=2)) == [1, 3]
    assert left(Sample(1.0, top_k=9)) == [0, 1, 2, 3, 4]
    assert left(Sample(1.0, top_p=0.6)) == [1, 3]
    assert left(Sample(1.0, top_p=0.7)) == [1, 2, 3]
    assert left(Sample(1.0, top_p=1e-6)) == [1]
    assert left(Sample(1.0, min_p=0.45)) == [1, 2, 3]
    assert left(Sample(1.0, min_p=1.0)) == [1]
    # Entropy 1.41 nats: the surprises of tokens 3 (1.39), 2 (1.61), 1 (0.92) are the closest to it.
    assert left(Sample(1.0, typical=0.2)) == [3]
    assert left(Sample(1.0, typical=0.3)) == [2, 3]
    assert left(Sample(1.0, typical=0.5)) == [1, 2, 3]
    assert left(Sample(1.0, top_k=3, min_p=0.6)) == [1, 3]


def test_ties_stay() -> None:
    scores = np.log(np.array([[0.3, 0.3, 0.3, 0.1]], np.float32))
    assert np.isfinite(Sample(1.0, top_k=1).truncated(scores)).tolist() == [[True, True, True, False]]
    assert np.isfinite(Sample(1.0, top_p=0.1).truncated(scores)).tolist() == [[True, True, True, False]]
    assert Greedy().choose(scores, np.zeros(1, np.float32)).tolist() == [0]


def test_the_inverse_cdf_is_in_vocabulary_order() -> None:
    draw = Sample(1.0).choose
    for uniform, token in ((0.0, 0), (0.0999, 0), (0.11, 1), (0.49, 1), (0.6, 2), (0.94, 3), (0.96, 4)):
        assert draw(np.log(PROBS), np.array([uniform], np.float32)).tolist() == [token]
    # Even a uniform of 1 that a careless host feeds stays on tokens of probability above 0.
    scores = np.array([[0.0, 0.0, -np.inf]], np.float32)
    assert draw(scores, np.ones(1, np.float32)).tolist() == [1]


def test_draws_follow_the_probabilities() -> None:
    rng = np.random.default_rng(0)
    tokens = Sample(1.0).choose(np.log(PROBS).repeat(40_000, 0), rng.random(40_000, dtype=np.float32))
    assert np.bincount(tokens) / 40_000 == pytest.approx(PROBS[0], abs=0.008)
    sharp = Sample(0.5).choose(np.log(PROBS).repeat(40_000, 0), rng.random(40_000, dtype=np.float32))
    assert np.bincount(sharp) / 40_000 == pytest.approx(PROBS[0] ** 2 / (PROBS**2).sum(), abs=0.008)


def test_softmax_sums_to_one() -> None:
    assert softmax(np.array([[1e4, 1e4, -np.inf]], np.float32)).tolist() == [[0.5, 0.5, 0.0]]


def constrained(history: list[int], bias: object = None, **settings: object) -> list[float]:
    constraints = Constraints(Settings(**settings), bias)  # type: ignore[arg-type]
    scores = constraints(np.log(PROBS), [np.array(history, np.int64)])
    return [round(float(value), 4) for value in scores[0] - np.log(PROBS[0])]


def test_repetition_penalty_looks_at_its_window() -> None:
    lost = [round(float(value), 4) for value in np.log(PROBS[0])]
    assert constrained([1, 1, 4], repetition_penalty=2.0) == pytest.approx(
        [0, lost[1], 0, 0, lost[4]], abs=1e-3
    )
    assert constrained([1, 1, 4], repetition_penalty=2.0, repeat_last_n=1) == pytest.approx(
        [0, 0, 0, 0, lost[4]], abs=1e-3
    )


def test_no_ngram_is_written_twice() -> None:
    banned = -math.inf
    assert constrained([1, 2, 3, 1, 2], no_repeat_ngram=3) == [0, 0, 0, banned, 0]
    assert constrained([1, 2, 1, 3, 1], no_repeat_ngram=2) == [0, 0, banned, banned, 0]
    assert constrained([1, 2], no_repeat_ngram=1) == [0, banned, banned, 0, 0]
    assert constrained([1], no_repeat_ngram=3) == [0, 0, 0, 0, 0]
    assert constrained([0, 1, 2, 3, 4], no_repeat_ngram=1) == [0, 0, 0, 0, 0]  # nothing would be left


def test_bias_by_text_and_by_id() -> None:
    tokenizer = CharTokenizer("ab")
    vector = bias_vector({"a": 1.5, 2: -math.inf, "b": 1}, tokenizer)
    assert vector is not None and vector[tokenizer.encode("a")[0]] == 1.5 and vector[2] == -math.inf
    assert bias_vector({}, tokenizer) is None
    for wrong, cause in (({"ab": 1.0}, "2 tokens"), ({99: 1.0}, "no token 99"), ({"": 1.0}, "0 tokens")):
        with pytest.raises(UsageError, match=cause):
            bias_vector(wrong, tokenizer)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="forbids every token"):
        bias_vector(dict.fromkeys(range(tokenizer.vocab_size), -math.inf), tokenizer)
