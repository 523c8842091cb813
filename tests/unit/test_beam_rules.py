"""Scorers and constraints of the search, ours and a stranger's."""

from __future__ import annotations

import math
import runpy
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools import loader
from seqtools.discovery import EntryPoint, entry_points
from seqtools.errors import PluginError, UsageError
from seqtools.plugin import SearchConstraintSpec, SearchScorerSpec, hookimpl
from seqtools.registry import Registry
from seqtools.search import SearchConstraint, SearchRows, SearchScorer, SearchSetup
from seqtools_beam.allocation import shares

toy: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("toy_beam.py"))))
EOS: int = toy.EOS
seeds = st.integers(0, 10_000)
VOCAB = 6
ordinary = st.sampled_from([0, 1, 3, 4, 5])
sequences = st.lists(st.lists(ordinary, min_size=1, max_size=3), max_size=3)


def holds(tokens: list[int], sequence: list[int]) -> bool:
    size = len(sequence)
    return any(tokens[at : at + size] == sequence for at in range(len(tokens) - size + 1))


def everything(model: Any, longest: int, given: dict[str, Any] | None = None, **options: Any) -> list[Any]:
    """All hypotheses of the only sentence that there are."""
    size = VOCAB**longest
    (found,) = toy.search(model, 1, longest, given, beam_size=size, n_best=size, **options)
    return list(found)


@pytest.mark.parametrize(
    ("kind", "alpha", "reward", "formula"),
    [
        ("none", 1.0, 0.0, lambda total, n: total),
        ("average", 9.0, 0.0, lambda total, n: total / (n + 1)),
        ("power", 0.6, 0.0, lambda total, n: total / (n + 1) ** 0.6),
        ("wu", 0.6, 0.0, lambda total, n: total / ((5 + n + 1) / 6) ** 0.6),
        ("none", 1.0, 0.4, lambda total, n: total + 0.4 * n),
        ("power", 1.0, 0.4, lambda total, n: (total + 0.4 * n) / (n + 1)),
    ],
)
def test_lengths_are_made_comparable(kind: str, alpha: float, reward: float, formula: Any) -> None:
    found = everything(toy.TableModel(VOCAB, 1), 3, length_penalty=kind, alpha=alpha, word_reward=reward)
    assert len(found) == 1 + 5 + 25 + 125
    for one in found:
        assert one.score == pytest.approx(formula(one.raw_score, len(one.tokens)), rel=1e-5)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@pytest.mark.parametrize("kind", ["wu", "summary"])
def test_coverage_costs_what_the_papers_say(kind: str) -> None:
    options = {"length_penalty": "none", "coverage_penalty": kind, "beta": 0.7}
    for one in everything(toy.LookingModel(VOCAB, 1), 2, {"attention": True}, **options):
        covered = one.attention.sum(axis=0)
        wu = np.log(np.minimum(covered, 1)).sum()
        cost = wu if kind == "wu" else -(np.maximum(covered, 1) - 1).sum()
        assert one.score == pytest.approx(one.raw_score + 0.7 * cost, rel=1e-4)


def test_padding_of_the_source_costs_nothing() -> None:
    class Padded(toy.LookingModel):
        def attention(self, state: Any) -> Any:
            return np.pad(super().attention(state), ((0, 0), (0, 5)))

    options = {"coverage_penalty": "wu", "beam_size": 4, "n_best": 4}
    plain = toy.search(toy.LookingModel(VOCAB, 5), 2, 4, **options)
    assert toy.search(Padded(VOCAB, 5), 2, 4, **options) == plain


def test_coverage_needs_attention() -> None:
    with pytest.raises(UsageError, match="coverage penalty needs attention"):
        toy.search(toy.TableModel(VOCAB), 1, coverage_penalty="wu")


def test_repetition_makes_a_token_dearer_once() -> None:
    model = toy.TableModel(VOCAB, 3)
    for one in everything(model, 3, repetition_penalty=1.5, length_penalty="none"):
        text = [*one.tokens, EOS] if one.finished else one.tokens
        dear = [1.5 if token in text[:at] else 1.0 for at, token in enumerate(text)]
        assert one.raw_score == pytest.approx(np.dot(dear, one.log_probs), rel=1e-5)
        np.testing.assert_allclose(sum(one.log_probs), float(toy.summed(model, 0, text)), rtol=1e-5)


def test_a_wished_beginning_pulls_until_it_is_left() -> None:
    model, wished, pull = toy.TableModel(VOCAB, 8), [3, 3], 0.4
    found = everything(model, 3, {"biased_prefixes": [wished]}, prefix_bias=pull, length_penalty="none")
    for one in found:
        text = [*one.tokens, EOS] if one.finished else one.tokens
        total = 0.0
        for at, log_prob in enumerate(one.log_probs):
            prob = math.exp(log_prob)
            if at < 2 and text[:at] == wished[:at]:
                prob = (1 - pull) * prob + pull * (text[at] == wished[at])
            total += math.log(prob)
        assert one.raw_score == pytest.approx(total, rel=1e-4)


def test_a_full_pull_is_a_prefix_and_an_empty_one_nothing() -> None:
    model = toy.TableModel(VOCAB, 9)
    wishes = {"biased_prefixes": [[4, 1], []]}
    bent, free = toy.search(model, 2, 4, wishes, beam_size=3, prefix_bias=1.0)
    assert bent[0].tokens[:2] == [4, 1]
    assert free == toy.search(model, 2, 4, beam_size=3)[1]


@settings(max_examples=25, deadline=None)
@given(seed=seeds, size=st.integers(1, 4), gram=st.integers(1, 3))
def test_no_ngram_comes_twice(seed: int, size: int, gram: int) -> None:
    model = toy.TableModel(4, seed, sharpness=3.0)
    prefix = [1, 3, 1]
    (found,) = toy.search(
        model, 1, 8, {"prefixes": [prefix]}, beam_size=size, n_best=size, no_repeat_ngram=gram
    )
    for one in found:
        whole = prefix + one.tokens
        grams = [tuple(whole[at : at + gram]) for at in range(len(whole) - gram + 1)]
        new = grams[max(len(prefix) - gram + 1, 0) :]
        assert all(grams.index(one) == at + len(grams) - len(new) for at, one in enumerate(new))


@settings(max_examples=25, deadline=None)
@given(seed=seeds, size=st.integers(1, 4), told=st.lists(sequences, min_size=2, max_size=2))
def test_banned_sequences_never_appear(seed: int, size: int, told: list[list[list[int]]]) -> None:
    found = toy.search(toy.TableModel(VOCAB, seed), 2, 6, {"banned": told}, beam_size=size, n_best=size)
    for hypotheses, banned in zip(found, told, strict=True):
        for one in hypotheses:
            assert not any(holds(one.tokens, sequence) for sequence in banned)
    free = toy.search(toy.TableModel(VOCAB, seed), 2, 6, beam_size=size, n_best=size)
    for name in range(2):
        if not told[name]:
            assert found[name] == free[name]


def test_a_ban_finds_the_best_of_what_is_left() -> None:
    model = toy.TableModel(VOCAB, 12)
    banned = [[1], [0, 3]]
    found = everything(model, 3, {"banned": [banned]})
    truth = [
        (score, tokens)
        for score, tokens in toy.exhaustive(model, 0, 3, 1.0)
        if not any(holds(tokens, sequence) for sequence in banned)
    ]
    assert [one.score for one in found] == [score for score, _ in truth]


@settings(max_examples=40, deadline=None)
@given(seed=seeds, size=st.integers(1, 6), told=st.lists(sequences, min_size=3, max_size=3))
def test_phrases_are_met_or_told(seed: int, size: int, told: list[list[list[int]]]) -> None:
    model = toy.TableModel(VOCAB, seed)
    found = toy.search(model, 3, 8, {"phrases": told}, beam_size=size, n_best=1)
    for hypotheses, phrases in zip(found, told, strict=True):
        (one,) = hypotheses
        missing = [phrase for phrase in phrases if not holds(one.tokens, phrase)]
        assert all(phrase in one.unmet for phrase in missing)
        assert not any(holds(one.tokens, phrase) for phrase in one.unmet)
        if sum(map(len, phrases)) <= 8:
            assert one.unmet == []
        else:
            assert sum(map(len, one.unmet)) <= sum(map(len, phrases))


def test_a_sentence_without_phrases_is_not_touched_by_its_neighbours() -> None:
    model = toy.TableModel(VOCAB, 4)
    free = toy.search(model, 2, 6, beam_size=3, n_best=3)
    some = toy.search(model, 2, 6, {"phrases": [[], [[4, 4]]]}, beam_size=3, n_best=3)
    assert some[0] == free[0]
    assert holds(some[1][0].tokens, [4, 4])


def test_with_room_for_all_the_best_text_with_the_phrase_is_found() -> None:
    for seed in range(5):
        model, phrase = toy.TableModel(4, seed), [3, 1]
        given = {"phrases": [[phrase]]}
        (found,) = toy.search(model, 1, 4, given, beam_size=600, n_best=1)
        truth = [(s, t) for s, t in toy.exhaustive(model, 0, 4, 1.0) if holds(t, phrase)]
        assert (found[0].score, found[0].tokens) == truth[0]
        assert found[0].unmet == []


def test_a_phrase_that_does_not_fit_is_told() -> None:
    given = {"phrases": [[[1, 3, 1, 3], [4]]]}
    (found,) = toy.search(toy.TableModel(VOCAB, 2), 1, 3, given, beam_size=4)
    assert found[0].unmet == [[1, 3, 1, 3]]
    assert 4 in found[0].tokens


def test_a_phrase_that_is_banned_too_is_told() -> None:
    given = {"phrases": [[[4, 1]]], "banned": [[[4]]]}
    (found,) = toy.search(toy.TableModel(VOCAB, 2), 1, 5, given, beam_size=4)
    assert found[0].unmet == [[4, 1]]
    assert not found[0].finished
    assert len(found[0].tokens) == 5


def test_a_phrase_is_seen_where_it_begins_anew() -> None:
    class Leading(toy.TableModel):
        """Cannot but write 1 1 1 3."""

        def _rows(self, state: Any) -> Any:
            rows = np.full((len(state), VOCAB), -20, np.float32)
            for row, (_, past) in enumerate(state):
                rows[row, [1, 1, 1, 3, EOS][min(len(past), 4)]] = 0
            return rows

    (found,) = toy.search(Leading(VOCAB), 1, 6, {"phrases": [[[1, 1, 3]]]}, beam_size=2)
    assert (found[0].tokens, found[0].unmet) == ([1, 1, 1, 3], [])


@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=7), size=st.integers(1, 12))
def test_a_beam_is_shared_out_whole(counts: list[int], size: int) -> None:
    room = shares(np.array(counts), size)
    assert room.sum() == min(size, sum(counts))
    assert (room <= counts).all()
    assert (room >= np.minimum(counts, size // len(counts))).all()


@pytest.mark.parametrize("way", [{"groups": 2}, {"patience": 1.0}, {"temperature": 1.0}])
def test_phrases_need_a_beam_of_one_kind(way: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="together with phrases"):
        toy.search(toy.TableModel(VOCAB), 1, 3, {"phrases": [[[1]]]}, beam_size=4, **way)


class Vowels(SearchScorer):
    """A stranger's scorer: some tokens are worth more, and odd lengths are."""

    def __init__(self, tokens: list[int], worth: float) -> None:
        self._tokens, self._worth = tokens, np.float32(worth)

    def adjust(self, log_probs: Any, rows: SearchRows) -> Any:
        log_probs[:, self._tokens] += self._worth
        return log_probs

    def rank(self, scores: Any, rows: SearchRows) -> Any:
        return scores + (rows.lengths % 2).astype(np.float32)


class Never(SearchConstraint):
    """A stranger's constraint with state of its own: the token of its sentence comes at most once."""

    def __init__(self) -> None:
        self._of, self._seen = np.zeros(0, np.int64), np.zeros(0, np.bool_)

    def start(self, setup: SearchSetup) -> Never | None:
        if setup.inputs is None:
            return None
        run = Never()
        run._of, run._seen = np.array(setup.inputs), np.zeros(setup.batch, np.bool_)
        return run

    def reorder(self, rows: Any) -> None:
        self._of, self._seen = self._of[rows], self._seen[rows]

    def push(self, tokens: Any) -> None:
        self._seen |= tokens == self._of

    def forbid(self, scores: Any, rows: SearchRows) -> None:
        held = [(row == of).any() for row, of in zip(rows.tokens, self._of, strict=True)]
        assert self._seen.tolist() == held
        scores[self._seen, self._of[self._seen]] = -np.inf


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """Our plugins and one of somebody else."""
    code = types.ModuleType("stranger_code")
    code.Vowels, code.Never = Vowels, Never  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stranger_code", code)
    plugin = types.ModuleType("stranger")
    plugin.seqtools_search_scorers = hookimpl(  # type: ignore[attr-defined]
        lambda: [SearchScorerSpec(name="vowels", target="stranger_code:Vowels", summary="Sing.")]
    )
    plugin.seqtools_search_constraints = hookimpl(  # type: ignore[attr-defined]
        lambda: [SearchConstraintSpec(name="never", target="stranger_code:Never", summary="Once.")]
    )
    registry = Registry(entry_points("seqtools"))
    registry.add(EntryPoint("stranger", "stranger", "seqtools-stranger", "1.0"), plugin)
    assert registry.failures == []
    with loader.using(registry):
        yield registry


def test_a_strangers_scorer_is_named_in_the_options(stranger: Registry) -> None:
    scorers = {"vowels": {"tokens": [1, 4], "worth": 0.5}}
    model = toy.TableModel(VOCAB, 6)
    for one in everything(model, 2, scorers=scorers, length_penalty="none"):
        sung = sum(token in (1, 4) for token in one.tokens)
        plain = toy.summed(model, 0, [*one.tokens, EOS] if one.finished else one.tokens)
        assert one.raw_score == pytest.approx(float(plain) + 0.5 * sung, rel=1e-5)
        assert one.score == pytest.approx(one.raw_score + len(one.tokens) % 2, rel=1e-5)


def test_a_strangers_constraint_follows_its_rows(stranger: Registry) -> None:
    once = {"inputs": {"never": [3, 1, 4]}}
    model = toy.TableModel(VOCAB, 7)
    found = toy.search(model, 3, [6, 3, 5], once, beam_size=4, n_best=4, constraints={"never": {}})
    for hypotheses, token in zip(found, (3, 1, 4), strict=True):
        assert all(one.tokens.count(token) <= 1 for one in hypotheses)


def test_rules_can_be_objects() -> None:
    model, options = toy.TableModel(VOCAB, 6), toy.Search.Options(beam_size=3, length_penalty="none")
    (found,) = toy.Search(options, scorers=[Vowels([1], 50.0)]).run(model, 1, eos=EOS, max_lengths=[4])
    assert found[0].tokens == [1, 1, 1, 1]
    assert found[0].raw_score == pytest.approx(sum(found[0].log_probs) + 200, rel=1e-5)


def test_unknown_rules_and_wrong_settings_name_the_culprit(stranger: Registry) -> None:
    with pytest.raises(UsageError, match="Did you mean 'vowels'"):
        toy.search(toy.TableModel(VOCAB), 1, scorers={"vowel": {}})
    with pytest.raises(PluginError, match=r"stranger.*scorer 'vowels' cannot be made from \{'tone': 3\}"):
        toy.search(toy.TableModel(VOCAB), 1, scorers={"vowels": {"tone": 3}})


def test_where_nothing_may_follow_the_search_ends() -> None:
    class Silence(SearchConstraint):
        def forbid(self, scores: Any, rows: SearchRows) -> None:
            scores[rows.lengths >= 2] = -np.inf

    model = toy.TableModel(VOCAB, 21)
    search = toy.Search(toy.Search.Options(beam_size=3, n_best=3), constraints=[Silence()])
    for found in search.run(model, 2, eos=EOS, min_lengths=[3, 3], max_lengths=[9, 9]):
        assert [len(one.tokens) for one in found] == [2, 2, 2]
        assert not any(one.finished for one in found)
        assert all(len(one.log_probs) == 2 for one in found)


def test_the_first_turn_may_be_forbidden_too() -> None:
    class Mute(SearchConstraint):
        def forbid(self, scores: Any, rows: SearchRows) -> None:
            scores[:] = -np.inf

    search = toy.Search(toy.Search.Options(beam_size=3), constraints=[Mute()])
    ((one,),) = search.run(toy.TableModel(VOCAB), 1, eos=EOS, max_lengths=[9])
    assert (one.tokens, one.log_probs, one.finished, one.score) == ([], [], False, 0.0)


class Faulty(SearchScorer):
    """One that breaks, or answers what nobody asked."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def adjust(self, log_probs: Any, rows: SearchRows) -> Any:
        return self._answer(log_probs)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda told: told[0, 99], "IndexError"),
        (lambda told: told[:, :2], r"the shape \(1, 2\), not \(1, 6\)"),
        (lambda told: None, "failed during the search"),
    ],
)
def test_a_rule_that_breaks_is_named(answer: Any, told: str) -> None:
    search = toy.Search(scorers=[Faulty(answer)])
    with pytest.raises(PluginError, match=rf"scorer 'scorer 1': .*{told}"):
        search.run(toy.TableModel(VOCAB), 1, eos=EOS)


def test_double_precision_is_taken_back() -> None:
    options = toy.Search.Options(beam_size=3, n_best=3)
    exact = toy.Search(options, scorers=[Faulty(lambda told: told.astype(np.float64))])
    model = toy.TableModel(VOCAB, 3)
    assert exact.run(model, 2, eos=EOS) == toy.Search(options).run(model, 2, eos=EOS)
