"""The search itself: against exhaustive search, against a plain one, alone and in batches."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import UsageError
from seqtools_beam.select import best, top

toy: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("toy_beam.py"))))
EOS: int = toy.EOS
seeds = st.integers(0, 10_000)


def pairs(found: list[Any]) -> list[tuple[float, list[int]]]:
    return [(one.score, one.tokens) for one in found]


@settings(max_examples=30, deadline=None)
@given(seed=seeds, vocab=st.integers(3, 5), longest=st.integers(1, 3), alpha=st.sampled_from([0.0, 0.6, 1.0]))
def test_a_beam_that_holds_everything_is_exhaustive(
    seed: int, vocab: int, longest: int, alpha: float
) -> None:
    model, size = toy.TableModel(vocab, seed), vocab**longest
    (found,) = toy.search(model, 1, longest, beam_size=size, n_best=size, alpha=alpha)
    truth = toy.exhaustive(model, 0, longest, alpha)
    assert len(found) == len(truth)
    assert [one.score for one in found] == [score for score, _ in truth]
    assert found[0].tokens == truth[0][1]
    assert sorted(one.tokens for one in found) == sorted(tokens for _, tokens in truth)


@settings(max_examples=40, deadline=None)
@given(
    seed=seeds,
    size=st.integers(1, 6),
    longest=st.integers(0, 7),
    shortest=st.integers(0, 4),
    alpha=st.sampled_from([0.0, 0.7, 1.0]),
)
def test_any_beam_is_what_the_plain_one_finds(
    seed: int, size: int, longest: int, shortest: int, alpha: float
) -> None:
    model = toy.TableModel(6, seed)
    lengths = {"min_lengths": [shortest] * 3}
    found = toy.search(model, 3, longest, lengths, beam_size=size, n_best=size, alpha=alpha)
    for name in range(3):
        assert pairs(found[name]) == toy.plain(model, name, size, longest, alpha, shortest)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, longest=st.integers(0, 9))
def test_a_beam_of_one_is_greedy(seed: int, longest: int) -> None:
    model = toy.TableModel(7, seed)
    for name, (found,) in enumerate(toy.search(model, 4, longest, beam_size=1)):
        assert found.tokens == toy.greedy(model, name, longest)


def test_of_equal_candidates_the_first_wins() -> None:
    class Flat(toy.TableModel):
        def _rows(self, state: Any) -> Any:
            return np.full((len(state), 4), -np.log(4), np.float32)

    (found,) = toy.search(Flat(4), 1, 2, beam_size=3, n_best=3, alpha=0.0)
    assert [one.tokens for one in found] == [[], [0, 0], [0, 1]]


@settings(max_examples=20, deadline=None)
@given(
    seed=seeds, order=st.permutations(range(5)), lengths=st.lists(st.integers(0, 6), min_size=5, max_size=5)
)
def test_neighbours_and_their_order_change_nothing(seed: int, order: list[int], lengths: list[int]) -> None:
    alone = [
        toy.search(toy.TableModel(6, seed, [name]), 1, [lengths[name]], beam_size=3, n_best=3)[0]
        for name in range(5)
    ]
    model = toy.TableModel(6, seed, order)
    together = toy.search(model, 5, [lengths[name] for name in order], beam_size=3, n_best=3)
    assert together == [alone[name] for name in order]


def test_what_is_done_leaves_the_batch() -> None:
    model = toy.TableModel(6, 3)
    widths = []
    step = model.step
    model.step = lambda tokens, state: (widths.append(len(tokens)), step(tokens, state))[1]
    toy.search(model, 3, [2, 5, 0], {"eos": -1}, beam_size=4)
    assert widths == [8, 4, 4, 4]


def test_a_finished_hypothesis_keeps_its_sum_and_its_length() -> None:
    model = toy.TableModel(5, 11)
    (found,) = toy.search(model, 1, 9, beam_size=4, n_best=4)
    for one in found:
        text = [*one.tokens, EOS] if one.finished else one.tokens
        assert EOS not in one.tokens
        assert one.raw_score == float(toy.summed(model, 0, text))
        assert len(one.log_probs) == len(text)
        np.testing.assert_allclose(sum(one.log_probs), one.raw_score, rtol=1e-6)


def test_without_an_end_token_every_text_has_its_whole_length() -> None:
    model = toy.TableModel(5, 1)
    (found,) = toy.search(model, 1, 4, {"eos": -1}, beam_size=3, n_best=3)
    assert [len(one.tokens) for one in found] == [4, 4, 4]
    assert not any(one.finished for one in found)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, size=st.integers(1, 4), prefix=st.lists(st.sampled_from([0, 1, 3, 4, 5]), max_size=4))
def test_a_prefix_is_fed_but_neither_counted_nor_repeated(seed: int, size: int, prefix: list[int]) -> None:
    model = toy.TableModel(6, seed)
    prefixes = {"prefixes": [[], prefix, [3]]}
    found = toy.search(model, 3, 4, prefixes, beam_size=size, n_best=size)
    for name, begun in enumerate(prefixes["prefixes"]):
        assert pairs(found[name]) == toy.plain(model, name, size, 4, prefix=begun)


def test_ratios_follow_the_source() -> None:
    options = toy.Search.Options(max_length_ratio=1.5, min_length_ratio=0.5, max_length=10, min_length=2)
    most, least = options.lengths(np.array([0, 1, 4, 100]))
    assert most.tolist() == [1, 2, 6, 10]
    assert least.tolist() == [1, 2, 2, 10]
    given = {"max_lengths": None, "source_lengths": [2, 4]}
    found = toy.search(
        toy.TableModel(9, 1), 2, 0, given, beam_size=2, max_length_ratio=1.0, min_length_ratio=1.0
    )
    assert [len(one[0].tokens) for one in found] == [2, 4]


def test_a_key_keeps_the_better_of_two_alike() -> None:
    model = toy.TableModel(5, 2)
    same = {"key": lambda tokens: len(tokens)}
    (kept,) = toy.search(model, 1, 3, same, beam_size=20, n_best=20)
    (whole,) = toy.search(model, 1, 3, beam_size=20, n_best=20)
    lengths = [len(one.tokens) for one in kept]
    assert sorted(lengths) == sorted(set(lengths))
    for one in kept:
        assert one.score == max(other.score for other in whole if len(other.tokens) == len(one.tokens))


def test_attention_belongs_to_the_token_it_predicted() -> None:
    model = toy.LookingModel(6, 4)
    prefixes = {"prefixes": [[], [1, 3]], "attention": True}
    found = toy.search(model, 2, 4, prefixes, beam_size=3, n_best=3)
    for name, begun in enumerate(prefixes["prefixes"]):
        for one in found[name]:
            text = [*one.tokens, EOS] if one.finished else one.tokens
            looks = [model.look(name, (*begun, *text[:at])) for at in range(len(text))]
            np.testing.assert_array_equal(one.attention, np.reshape(looks, (len(text), toy.SOURCE)))


@settings(max_examples=20, deadline=None)
@given(seed=seeds, prune=st.floats(0.05, 3.0))
def test_pruning_drops_only_what_is_far_below_the_best(seed: int, prune: float) -> None:
    model = toy.TableModel(6, seed)
    (pruned,) = toy.search(model, 1, 5, beam_size=4, n_best=4, prune=prune)
    sums = [one.raw_score for one in pruned]
    assert max(sums) - min(sums) <= prune
    assert toy.search(model, 1, 5, beam_size=4, n_best=4, prune=1e6) == toy.search(
        model, 1, 5, beam_size=4, n_best=4
    )


def test_an_empty_batch_has_no_hypotheses() -> None:
    assert toy.search(toy.TableModel(5), 0) == []


@settings(max_examples=60, deadline=None)
@given(
    seed=seeds,
    width=st.integers(1, 4),
    vocab=st.integers(1, 700),
    size=st.integers(1, 30),
    coarse=st.booleans(),
)
def test_the_best_candidates_are_those_of_a_full_sort(
    seed: int, width: int, vocab: int, size: int, coarse: bool
) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(3 * width, vocab)).astype(np.float32)
    if coarse:  # ties everywhere
        scores = scores.round()
    scores[rng.random(scores.shape) < 0.3] = -np.inf
    sums = rng.normal(size=3 * width).round(1).astype(np.float32)
    found = best(scores, sums, width, size)
    totals = (scores + sums[:, None]).reshape(3, -1)
    rows, tokens = (np.broadcast_to(axis.reshape(1, -1), totals.shape) for axis in np.indices((width, vocab)))
    order = np.lexsort((tokens, -scores.reshape(3, -1), rows, -totals))[:, :size]
    truth = np.take_along_axis(totals, order, axis=1)
    assert found.scores.shape == (3, size)
    np.testing.assert_array_equal(found.scores[:, : truth.shape[1]], truth)
    assert (found.scores[:, truth.shape[1] :] == -np.inf).all()
    alive = truth > -np.inf
    flat = (found.parents - np.arange(3)[:, None] * width) * vocab + found.tokens
    np.testing.assert_array_equal(flat[:, : truth.shape[1]][alive], order[alive])


@pytest.mark.parametrize("count", [1, 4, 24, 25, 60])
def test_ties_go_to_the_first_place_however_many_are_asked_for(count: int) -> None:
    values = np.random.default_rng(count).integers(0, 5, (3, 90)).astype(np.float32)
    places, found = top(values, count)
    np.testing.assert_array_equal(places, np.argsort(-values, axis=1, kind="stable")[:, :count])
    np.testing.assert_array_equal(found, np.take_along_axis(values, places, axis=1))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"beam_size": 0}, "beam-size"),
        ({"beam_size": 2, "n_best": 3}, "n-best"),
        ({"length_penalty": "powr"}, "Did you mean 'power'"),
        ({"min_length": 5, "max_length": 4}, "min-length"),
        ({"beam_size": 5, "groups": 2}, "does not split"),
        ({"beam_size": 4, "groups": 2, "patience": 1.0}, "go together"),
        ({"top_k": 4}, "nothing is sampled"),
        ({"alpha": float("nan")}, "alpha"),
        ({"prune": float("inf")}, "prune"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        toy.Search.Options(**options)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"max_lengths": [3]}, "max_lengths"),
        ({"max_lengths": [3, -1]}, "max_lengths"),
        ({"prefixes": [[1]]}, "prefixes"),
        ({"prefixes": [[1], [EOS]]}, "without the end token"),
        ({"prefixes": [[1], [99]]}, "99"),
        ({"phrases": [[[1]]]}, "1 inputs of 'phrases' for 2"),
        ({"inputs": {"phrase": [1, 2]}}, "Did you mean 'phrases'"),
        ({"biased_prefixes": [[1], [3]]}, "strength is 0"),
        ({"attention": True}, "has none"),
        ({"phrases": [[[1, EOS]], []]}, "without the end token"),
    ],
)
def test_what_does_not_fit_the_batch_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        toy.search(toy.TableModel(5), 2, 3, given)


def test_a_ratio_needs_the_sources() -> None:
    with pytest.raises(UsageError, match="not known"):
        toy.search(toy.TableModel(5), 2, 3, {"max_lengths": None}, max_length_ratio=2.0)


def test_rounding_does_not_hide_which_token_is_likelier() -> None:
    scores = np.array([[-1.0, -0.5000001, -0.5, -0.50000006]], np.float32)
    found = best(scores, np.array([-1000.0], np.float32), 1, 3)
    assert (found.scores == found.scores[0, 0]).all()
    assert found.tokens.tolist() == [[2, 3, 1]]
