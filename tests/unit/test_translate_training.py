"""Batches of pairs, scheduled sampling, R-Drop, averaged weights: the parts of training a translator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools import config
from seqtools.errors import DataError
from seqtools.loader import tokenizer_class
from seqtools.nn.seq2seq import Seq2Seq
from seqtools.recipe import Seq2SeqConfig
from seqtools_translate.batches import IGNORED, PairBatch, PairBatches, Sentences, make_batch
from seqtools_translate.greedy import translate
from seqtools_translate.last_weights import LastWeights
from seqtools_translate.recipe import OWN, PairTrainingConfig, TranslateRecipe
from seqtools_translate.train import divergence, own_share

TEXTS = [" ".join("ab cd efg h ij"[: 1 + n % 14] for _ in range(1 + n % 4)) for n in range(60)]
TOKENIZER = tokenizer_class("char").train(TEXTS)


def batches(tokens: int = 200, rank: int = 0, size: int = 1, seed: int = 1) -> PairBatches:
    side = Sentences(TEXTS, TOKENIZER)
    return PairBatches(side, side, batch_tokens=tokens, seed=seed, rank=rank, size=size)


def rows(batch: PairBatch) -> list[tuple[int, ...]]:
    return [tuple(column[column != IGNORED].tolist()) for column in batch.wanted.T]


def same(one: PairBatch, other: PairBatch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_batch_is_padded_with_what_does_not_count() -> None:
    batch = make_batch([np.array([5, 6]), np.array([7])], [np.array([8]), np.array([9, 10, 11])], 2, (1, 2))
    assert batch.source.T.tolist() == [[5, 6, 2], [7, 2, 2]]
    assert batch.lengths.tolist() == [3, 2]
    assert batch.fed.T.tolist() == [[1, 8, 2, 2], [1, 9, 10, 11]]
    assert batch.wanted.T.tolist() == [[8, 2, IGNORED, IGNORED], [9, 10, 11, 2]]
    assert batch.targets == 6


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 600), st.integers(0, 5))
def test_a_pass_shows_every_pair_once_and_keeps_to_its_budget(tokens: int, seed: int) -> None:
    walk = batches(tokens, seed=seed)
    seen: list[tuple[int, ...]] = []
    for _ in range(walk.steps_per_epoch):
        batch = walk.next()
        seen += rows(batch)
        count = batch.source.shape[1]
        assert count == 1 or count * (batch.source.shape[0] + batch.fed.shape[0]) <= tokens
    assert sorted(seen) == sorted((*TOKENIZER.encode(text).tolist(), 2) for text in TEXTS)


def test_passes_differ_and_seeds_repeat() -> None:
    one, other = batches(), batches()
    first = [one.next() for _ in range(one.steps_per_epoch)]
    again = [other.next() for _ in range(other.steps_per_epoch)]
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    second = [one.next() for _ in range(one.steps_per_epoch)]
    assert not all(same(a, b) for a, b in zip(first, second, strict=False))


@pytest.mark.parametrize("steps", [0, 1, 7, 30])
def test_a_resumed_walk_goes_on_exactly(steps: int) -> None:
    walk = batches()
    for _ in range(steps):
        walk.next()
    resumed = batches()
    resumed.load_state_dict(walk.state_dict())
    assert all(same(walk.next(), resumed.next()) for _ in range(2 * walk.steps_per_epoch))


def test_ranks_share_a_pass() -> None:
    alone, pair = batches(), [batches(rank=rank, size=2) for rank in (0, 1)]
    for _ in range(pair[0].steps_per_epoch):
        assert same(alone.next(), pair[0].next())
        assert same(alone.next(), pair[1].next())


def test_drawn_segmentations_change_from_pass_to_pass_and_not_by_chance() -> None:
    texts = ["a man in a blue shirt is standing on a ladder", "two men are at the stove"] * 40
    tokenizer = tokenizer_class("sentencepiece").train(texts, vocab_size=300, algorithm="bpe", sampling=0.3)
    sides = [Sentences(texts[:2], tokenizer, sampled=True) for _ in range(2)]
    walks = [PairBatches(side, side, batch_tokens=1000, seed=1) for side in sides]
    first, again, second = walks[0].next(), walks[1].next(), walks[0].next()
    assert same(first, again)
    assert not same(first, second)
    assert tokenizer.decode(first.source[:, 0].tolist()) in texts


def test_no_pairs_is_an_error() -> None:
    side = Sentences([], TOKENIZER)
    with pytest.raises(DataError, match="there are none"):
        PairBatches(side, side, batch_tokens=10, seed=1)


@pytest.mark.parametrize("kind", OWN[1:])
def test_the_own_share_rises_to_what_was_asked_for(kind: str) -> None:
    settings = PairTrainingConfig(own=kind, own_most=0.4)
    shares = [own_share(settings, tenth / 10) for tenth in range(11)]
    assert shares == sorted(shares)
    assert shares[0] < 0.01
    assert shares[-1] == pytest.approx(0.4, rel=0.02)
    assert own_share(PairTrainingConfig(), 0.5) == 0


def test_divergence_is_the_mean_of_both_kullback_leiblers() -> None:
    one, other = torch.randn(4, 2, 7), torch.randn(4, 2, 7)
    counted = torch.tensor([[True, True], [True, False], [True, False], [False, False]])
    p, q = one.softmax(-1), other.softmax(-1)
    both = ((p * (p / q).log()).sum(-1) + (q * (q / p).log()).sum(-1)) / 2
    torch.testing.assert_close(divergence(one, other, counted), both[counted].mean())
    assert divergence(one, one, counted) == 0


def test_the_mean_of_the_last_weights(tmp_path: Path) -> None:
    kept, network = LastWeights(tmp_path / "last", 2), torch.nn.Linear(2, 1)
    assert kept.mean() == {}
    for step, value in enumerate((100.0, 1.0, 3.0)):
        torch.nn.init.constant_(network.weight, value)
        kept.add(network, step)
    assert kept.mean()["weight"].tolist() == [[2.0, 2.0]]
    kept.clear()
    assert not (tmp_path / "last").exists()


def test_greedy_translation_keeps_order_and_does_not_depend_on_neighbours() -> None:
    torch.manual_seed(1)
    vocab = TOKENIZER.vocab_size
    sizes = Seq2SeqConfig(width=8, encoder_width=8, embedding=8)
    network = Seq2Seq(sizes, vocab, vocab).eval()
    tokenizers, device = (TOKENIZER, TOKENIZER), torch.device("cpu")
    texts = ["ab cd", "", "h", "efg h ij ab"]
    together = translate(network, tokenizers, texts, device)
    alone = [translate(network, tokenizers, [text], device)[0].text for text in texts]
    assert [one.text for one in together] == alone
    assert together[0].looked().count("<") == len(together[0].pieces)


@pytest.mark.parametrize("name", config.preset_names(TranslateRecipe))
def test_presets_make_networks_of_at_most_ten_million_weights(name: str) -> None:
    recipe = config.build(config.preset(name, TranslateRecipe), kind=TranslateRecipe)
    vocab = recipe.tokenizer.vocab_size
    with torch.device("meta"):
        network = Seq2Seq(recipe.network, vocab, vocab)
    assert sum(weight.numel() for weight in network.parameters()) <= 10_000_000


def test_presets_are_found_and_recipes_come_back_from_toml() -> None:
    assert set(config.preset_names(TranslateRecipe)) == {"small", "best", "hybrid"}
    recipe = config.build(config.preset("best", TranslateRecipe), kind=TranslateRecipe)
    import tomllib

    again = config.Layer("again", config.flatten(tomllib.loads(config.dump(recipe))))
    assert config.build(again, kind=TranslateRecipe) == recipe
