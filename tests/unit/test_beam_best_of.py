"""Which hypotheses are given back, and in which order."""

from __future__ import annotations

from seqtools_beam.hypotheses import Hypothesis, best_of


def told(tokens: list[int], score: float) -> Hypothesis:
    return Hypothesis(
        tokens=tokens, score=score, raw_score=score, log_probs=[], attention=None, finished=True
    )


def test_of_two_spellings_the_better_keeps_its_place() -> None:
    found = [told([1, 2], -1.0), told([3], -2.0), told([2, 1], -3.0), told([4], -4.0)]
    best = best_of(found, 2, key=lambda tokens: tuple(sorted(tokens)))
    assert [one.tokens for one in best] == [[1, 2], [3]]


def test_equal_tokens_are_given_back_once() -> None:
    found = [told([1], -1.0), told([1], -1.5), told([2], -1.2)]
    assert [(one.tokens, one.score) for one in best_of(found, 3)] == [([1], -1.0), ([2], -1.2)]
