"""Other ways to use a beam: groups, patience, samples, ensembles, and telling what is settled."""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import UsageError
from seqtools.runtime.noise import uniforms

toy: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("toy_beam.py"))))
EOS: int = toy.EOS
seeds = st.integers(0, 10_000)


def texts(found: list[Any]) -> list[list[int]]:
    return [one.tokens for one in found]


def plain_diverse(
    model: Any, name: int, groups: int, each: int, longest: int, strength: float
) -> set[tuple[int, ...]]:
    """Vijayakumar et al., algorithm 1, with lists: all final hypotheses."""
    beams: list[list[tuple[Any, tuple[int, ...], bool]]] = [[(np.float32(0), (), False)]] * groups
    for _ in range(longest):
        taken: list[int] = []
        for group, beam in enumerate(beams):
            found = []
            for row, (score, past, over) in enumerate(beam):
                told = model.row(name, past)
                for token in [EOS] if over else range(model.vocab):
                    total = score if over else score + told[token]
                    loss = 0 if over else strength * taken.count(token)
                    found.append(
                        (total if over else score + (told[token] - np.float32(loss)), row, token, total)
                    )
            found.sort(key=lambda one: (-one[0], one[1], one[2]))
            kept = found[:each]
            taken += [token for _, row, token, _ in kept if not beam[row][2]]
            beams[group] = [
                (total, beam[row][1] + (() if token == EOS else (token,)), token == EOS)
                for _, row, token, total in kept
            ]
    return {past for beam in beams for _, past, _ in beam}


@settings(max_examples=25, deadline=None)
@given(
    seed=seeds, groups=st.integers(1, 3), each=st.integers(1, 3), strength=st.sampled_from([0.0, 0.5, 4.0])
)
def test_groups_do_what_the_algorithm_says(seed: int, groups: int, each: int, strength: float) -> None:
    model, size = toy.TableModel(7, seed), groups * each
    found = toy.search(model, 2, 5, beam_size=size, n_best=size, groups=groups, diversity=strength)
    for name in range(2):
        assert set(map(tuple, texts(found[name]))) == plain_diverse(model, name, groups, each, 5, strength)
        for one in found[name]:
            text = [*one.tokens, EOS] if one.finished else one.tokens
            assert one.raw_score == float(toy.summed(model, name, text))


def test_one_group_is_a_plain_beam() -> None:
    model = toy.TableModel(8, 3)
    plain = toy.search(model, 3, 6, beam_size=4, n_best=4)
    assert toy.search(model, 3, 6, beam_size=4, n_best=4, groups=1, diversity=9.0) == plain


def test_strong_groups_begin_differently() -> None:
    model = toy.TableModel(9, 5)
    found = toy.search(model, 1, 4, {"min_lengths": [1]}, beam_size=4, n_best=4, groups=4, diversity=100.0)
    assert len({text[0] for text in texts(found[0])}) == 4


def plain_patient(
    model: Any, name: int, size: int, longest: int, enough: float
) -> list[tuple[float, list[int]]]:
    """Kasai et al., algorithm 1, with lists."""
    beam: list[tuple[Any, list[int]]] = [(np.float32(0), [])]
    complete: list[tuple[Any, list[int]]] = []
    for turn in range(longest):
        found = [
            (score + told, row, token)
            for row, (score, past) in enumerate(beam)
            for token, told in enumerate(model.row(name, tuple(past)))
        ]
        found.sort(key=lambda one: (-one[0], one[1], one[2]))
        complete += [(score, beam[row][1]) for score, row, token in found[:size] if token == EOS]
        beam = [(score, [*beam[row][1], token]) for score, row, token in found if token != EOS][:size]
        if len(complete) >= enough:
            if turn + 1 < longest:
                beam = []
            break
    ranked = [(float(score / np.float32(len(past) + 1)), past) for score, past in complete + beam]
    return sorted(ranked, key=lambda one: -one[0])[:size]


@settings(max_examples=25, deadline=None)
@given(seed=seeds, size=st.integers(1, 4), patience=st.sampled_from([0.5, 1.0, 2.0]))
def test_patience_waits_for_so_many(seed: int, size: int, patience: float) -> None:
    model = toy.TableModel(6, seed)
    found = toy.search(model, 3, 6, beam_size=size, n_best=size, patience=patience)
    for name in range(3):
        truth = plain_patient(model, name, size, 6, patience * size)
        assert [(one.score, one.tokens) for one in found[name]] == truth


def test_patience_keeps_attention_of_what_left() -> None:
    model = toy.LookingModel(6, 4)
    (found,) = toy.search(model, 1, 6, {"attention": True}, beam_size=3, n_best=3, patience=1.0)
    for one in found:
        text = [*one.tokens, EOS] if one.finished else one.tokens
        looks = [model.look(0, tuple(text[:at])) for at in range(len(text))]
        np.testing.assert_array_equal(one.attention, looks)


@settings(max_examples=30, deadline=None)
@given(
    seed=seeds,
    size=st.integers(1, 4),
    way=st.sampled_from([{}, {"patience": 1.0}, {"temperature": 1.0}, {"prune": 1.0}]),
    begun=st.lists(st.sampled_from([0, 1, 3]), max_size=2),
)
def test_what_is_told_is_never_taken_back(
    seed: int, size: int, way: dict[str, float], begun: list[int]
) -> None:
    model = toy.TableModel(5, seed, sharpness=4.0)
    options = toy.Search.Options(beam_size=size, n_best=size, **way)
    given = {"eos": EOS, "max_lengths": [7, 0, 3], "prefixes": [begun, [], []]}
    told: dict[int, list[int]] = {0: [], 1: [], 2: []}
    done = {}
    for event in toy.Search(options).stream(model, 3, **given):
        assert event.sentence not in done
        told[event.sentence] += event.tokens
        assert event.tokens or event.hypotheses
        if event.hypotheses:
            done[event.sentence] = event.hypotheses
    whole = toy.Search(options).run(model, 3, **given)
    assert [done[name] for name in range(3)] == whole
    assert [told[name] for name in range(3)] == [hypotheses[0].tokens for hypotheses in whole]


def test_a_sure_model_is_told_as_it_goes() -> None:
    model = toy.TableModel(5, 1, sharpness=200.0)
    events = list(
        toy.Search(toy.Search.Options(beam_size=2, prune=0.2)).stream(model, 1, eos=-1, max_lengths=[12])
    )
    assert len(events) > 4
    assert sum(len(event.tokens) for event in events) == 12


def test_samples_are_drawn_from_the_model() -> None:
    batch, model = 800, toy.TableModel(4, 2, [0] * 800)
    options = {"beam_size": 1, "temperature": 1.0, "seed": 5}
    drawn = [one.tokens[0] for (one,) in toy.search(model, batch, 1, {"eos": -1}, **options)]
    shares = np.bincount(drawn, minlength=4) / batch
    np.testing.assert_allclose(shares, np.exp(model.row(0, ())), atol=0.05)


@settings(max_examples=20, deadline=None)
@given(
    seed=seeds, heat=st.sampled_from([0.5, 1.0]), top_k=st.integers(0, 4), top_p=st.sampled_from([0.5, 1.0])
)
def test_a_sample_follows_its_noise(seed: int, heat: float, top_k: int, top_p: float) -> None:
    model, size = toy.TableModel(6, seed), 3
    noise = np.random.default_rng(seed).random((5, 2, size)).astype(np.float32)
    options = {"temperature": heat, "top_k": top_k, "top_p": top_p}
    found = toy.search(model, 2, 5, {"uniforms": noise}, beam_size=size, n_best=size, **options)
    for name in range(2):
        drawn = {tuple(plain_sample(model, name, noise[:, name, i], heat, top_k, top_p)) for i in range(size)}
        assert {tuple(one.tokens) for one in found[name]} == drawn


def plain_sample(model: Any, name: int, noise: Any, heat: float, top_k: int, top_p: float) -> list[int]:
    tokens: list[int] = []
    for value in noise:
        weights = np.exp(model.row(name, tuple(tokens)) / np.float32(heat))
        order = np.argsort(-weights, kind="stable")
        kept = order[:top_k] if top_k else order
        mass = np.cumsum(weights[kept]) / weights[kept].sum()
        kept = kept[: int((mass < top_p).sum()) + 1]
        inside = np.where(np.isin(np.arange(len(weights)), kept), weights, 0)
        cdf = np.cumsum(inside)
        token = int((cdf <= value * cdf[-1]).sum())
        if token == EOS:
            break
        tokens.append(token)
    return tokens


def test_a_sample_is_the_same_in_any_company() -> None:
    options = {"temperature": 1.0, "beam_size": 2, "n_best": 2, "seed": 3}
    alone = toy.search(toy.TableModel(6, 1, [4]), 1, 6, {"numbers": [4]}, **options)
    among = toy.search(toy.TableModel(6, 1, [9, 4, 2]), 3, 6, {"numbers": [9, 4, 2]}, **options)
    assert among[1] == alone[0]
    other = toy.search(toy.TableModel(6, 1, [4]), 1, 6, {"numbers": [5]}, **options)
    assert other != alone
    np.testing.assert_array_equal(
        toy.Search.noise(3, [4], 2, 6)[:, 0, 1], uniforms(3, [(4 << 32) + 1], 0, 6)[:, 0]
    )


def test_noise_of_another_shape_is_refused() -> None:
    with pytest.raises(UsageError, match=r"not \(4, 1, 2\)"):
        toy.search(toy.TableModel(5), 1, 4, {"uniforms": np.zeros((4, 1, 3))}, beam_size=2, temperature=1.0)


@pytest.mark.parametrize("average", ["probability", "log_probability"])
@pytest.mark.parametrize("weights", [None, [2.0, 1.0, 0.0]])
def test_a_model_with_itself_is_the_model(average: str, weights: list[float] | None) -> None:
    model = toy.LookingModel(6, 3)
    joined = toy.Search.ensemble([model, model, model], weights, average)
    ours = toy.search(joined, 3, 5, {"attention": True}, beam_size=3, n_best=3)
    for found, truth in zip(
        ours, toy.search(model, 3, 5, {"attention": True}, beam_size=3, n_best=3), strict=True
    ):
        assert texts(found) == texts(truth)
        for one, other in zip(found, truth, strict=True):
            assert one.score == pytest.approx(other.score, rel=1e-5)
            np.testing.assert_allclose(one.attention, other.attention, rtol=1e-5)


def test_averages_are_what_they_say() -> None:
    one, two = toy.TableModel(5, 1), toy.TableModel(5, 2)
    p, q = (np.exp(model.row(0, ()).astype(np.float64)) for model in (one, two))
    mixed, _ = toy.Search.ensemble([one, two], [3.0, 1.0]).first(1)
    np.testing.assert_allclose(np.exp(mixed[0]), 0.75 * p + 0.25 * q, rtol=1e-5)
    product, _ = toy.Search.ensemble([one, two], [3.0, 1.0], "log_probability").first(1)
    expert = p**0.75 * q**0.25
    np.testing.assert_allclose(np.exp(product[0]), expert / expert.sum(), rtol=1e-5)
    assert mixed.dtype == product.dtype == np.float32
    assert not hasattr(toy.Search.ensemble([one, toy.LookingModel(5, 1)]), "attention")


def test_an_ensemble_searches_as_one_model() -> None:
    class Mixed(toy.TableModel):
        def __init__(self, *parts: Any) -> None:
            super().__init__(6)
            self.row = lambda *at: np.logaddexp(*(part.row(*at) - np.float32(math.log(2)) for part in parts))

    parts = toy.TableModel(6, 1), toy.TableModel(6, 2)
    found = toy.search(toy.Search.ensemble(parts), 3, 5, beam_size=3, n_best=3)
    truth = toy.search(Mixed(*parts), 3, 5, beam_size=3, n_best=3)
    assert [texts(one) for one in found] == [texts(one) for one in truth]


@pytest.mark.parametrize(
    ("models", "weights", "average", "told"),
    [
        (0, None, "probability", "no model"),
        (2, [1.0], "probability", "1 weights for 2 models"),
        (2, [1.0, -1.0], "probability", "0 or more"),
        (2, [0.0, 0.0], "probability", "0 or more"),
        (1, None, "mean", "no average 'mean'"),
    ],
)
def test_ensembles_that_make_no_sense(models: int, weights: Any, average: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        toy.Search.ensemble([toy.TableModel(5)] * models, weights, average)


def test_models_of_one_ensemble_have_one_vocabulary() -> None:
    with pytest.raises(UsageError, match="5, 6 tokens"):
        toy.Search.ensemble([toy.TableModel(5), toy.TableModel(6)]).first(1)
