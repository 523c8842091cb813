"""Batches, objectives, adversaries and thawing: the parts of training a classifier."""

from __future__ import annotations

import math
import tomllib

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from seqtools import config
from seqtools.errors import DataError
from seqtools.loader import tokenizer_class
from seqtools.nn.classifier import Classifier
from seqtools.recipe import ClassifierConfig, LoopConfig
from seqtools.training.optimizers import make_optimizer, set_rate
from seqtools_sentiment.adversarial import adversarial_loss, virtual_loss
from seqtools_sentiment.batches import EncodedTexts, TextBatch, TextBatches, in_order
from seqtools_sentiment.objectives import Objective, balanced, prior_logits
from seqtools_sentiment.predicting import predict
from seqtools_sentiment.recipe import SentimentRecipe
from seqtools_sentiment.train_run import compare
from seqtools_sentiment.unfreezing import Unfreezing, levels, rates

TEXTS = [" ".join("abcdefghij"[: 1 + n % 10]) for n in range(50)] + [""]
TOKENIZER = tokenizer_class("word").train(f"{text}\n" for text in TEXTS)
TARGETS = np.eye(2, dtype=np.float32)[[n % 2 for n in range(51)]]


def batches(size: int = 8, *, rank: int = 0, ranks: int = 1, seed: int = 1) -> TextBatches:
    texts = EncodedTexts(TEXTS, TOKENIZER, 7)
    return TextBatches(texts, TARGETS, batch_size=size, seed=seed, rank=rank, size=ranks)


def same(one: TextBatch, other: TextBatch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def rows(batch: TextBatch) -> list[tuple[int, ...]]:
    pairs = zip(batch.tokens.T.tolist(), batch.lengths.tolist(), strict=True)
    return [tuple(row[:length]) for row, length in pairs]


def model(outputs: int = 2, *, ordinal: bool = False, **given: object) -> Classifier:
    torch.manual_seed(1)
    config = ClassifierConfig(**{"width": 5, "embedding": 6, "layers": 2, **given})  # type: ignore[arg-type]
    return Classifier(config, TOKENIZER.vocab_size, outputs, ordinal)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 60), st.integers(0, 5))
def test_a_pass_shows_every_text_once_cut_to_its_length(size: int, seed: int) -> None:
    walk = batches(size, seed=seed)
    seen = [row for _ in range(walk.steps_per_epoch) for row in rows(walk.next())]
    assert sorted(seen) == sorted(tuple(TOKENIZER.encode(text)[:7].tolist()) for text in TEXTS if text)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 15))
def test_a_resumed_walk_goes_on_exactly(steps: int) -> None:
    walk, resumed = batches(), batches()
    for _ in range(steps):
        walk.next()
    resumed.load_state_dict(walk.state_dict())
    assert all(same(walk.next(), resumed.next()) for _ in range(2 * walk.steps_per_epoch))


def test_ranks_share_a_pass() -> None:
    one, other = batches(ranks=2, rank=0), batches(ranks=2, rank=1)
    seen = [row for _ in range(one.steps_per_epoch) for row in (*rows(one.next()), *rows(other.next()))]
    assert len(seen) >= 42 and one.steps_per_epoch == other.steps_per_epoch == 3


def test_texts_without_tokens_alone_cannot_train() -> None:
    with pytest.raises(DataError, match="none has a token"):
        TextBatches(EncodedTexts(["", " "], TOKENIZER, 5), TARGETS[:2], batch_size=2, seed=1)


def test_drawn_segmentations_are_the_same_for_the_same_generator() -> None:
    tokenizer = tokenizer_class("sentencepiece").train(
        (f"{text} walking talking stalking\n" for text in TEXTS), vocab_size=300, sampling=0.5
    )
    texts = EncodedTexts(["walking talking", "stalking"], tokenizer, 9, sampled=True)
    both = np.array([0, 1])
    drawn = [texts.draw(both, np.random.default_rng(seed))[0] for seed in (1, 1, 2, 3, 4)]
    assert torch.equal(drawn[0], drawn[1])
    assert any(not torch.equal(drawn[0], other) for other in drawn[2:])


def test_answers_come_in_the_order_of_the_texts() -> None:
    network, texts = model().eval(), EncodedTexts(TEXTS, TOKENIZER, 7)
    assert max(tokens.numel() for _, tokens, _ in in_order(texts, 30)) <= 30
    prior = torch.tensor([3.0, 4.0])
    logits = predict(network, texts, prior, torch.device("cpu"))
    for row in (0, 13, 49):
        alone = network(torch.from_numpy(TOKENIZER.encode(TEXTS[row])[:7])[:, None], texts.pad([row])[1])
        torch.testing.assert_close(logits[row], alone[0].detach())
    assert torch.equal(logits[50], prior)


LOGITS = torch.tensor([[2.0, 0.5, -1.0], [0.3, 0.2, 0.1]])


def test_softmax_is_torchs() -> None:
    gold = torch.tensor([0, 2])
    targets = F.one_hot(gold, 3).float()
    weights = torch.tensor([1.0, 2.0, 3.0])
    torch.testing.assert_close(Objective("softmax").loss(LOGITS, targets), F.cross_entropy(LOGITS, gold))
    torch.testing.assert_close(
        Objective("softmax", weights).loss(LOGITS, targets), F.cross_entropy(LOGITS, gold, weights)
    )
    torch.testing.assert_close(
        Objective("softmax", None, 0.2).loss(LOGITS, targets),
        F.cross_entropy(LOGITS, gold, label_smoothing=0.2),
    )


def test_sigmoid_is_torchs() -> None:
    targets, weights = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.3, 1.0]]), torch.tensor([1.0, 2.0, 3.0])
    plain = F.binary_cross_entropy_with_logits(LOGITS, targets)
    torch.testing.assert_close(Objective("sigmoid").loss(LOGITS, targets), plain)
    torch.testing.assert_close(Objective("sigmoid").nats(LOGITS, targets).mean(), plain)
    smooth = F.binary_cross_entropy_with_logits(LOGITS, 0.8 * targets + 0.1)
    torch.testing.assert_close(Objective("sigmoid", None, 0.2).loss(LOGITS, targets), smooth)
    each = F.binary_cross_entropy_with_logits(LOGITS, targets, pos_weight=weights, reduction="none")
    counted = 1 + targets * (weights - 1)
    soft = targets.frac() == 0
    weighted = Objective("sigmoid", weights).loss(LOGITS[:1], targets[:1])
    assert bool(soft[0].all())
    torch.testing.assert_close(weighted, each[:1].sum() / counted[:1].sum())


def test_ordinal_shares_are_differences_of_cumulative_ones() -> None:
    above = LOGITS.sigmoid()
    shares = torch.cat([1 - above[:, :1], above[:, :-1] - above[:, 1:], above[:, -1:]], dim=-1)
    told = Objective("ordinal").log_shares(LOGITS)[:, 0]
    torch.testing.assert_close(told.exp(), shares)
    same_twice = torch.tensor([[30.0, 30.0, 30.0]], requires_grad=True)
    loss = Objective("ordinal").loss(same_twice, torch.tensor([[0.0, 1.0, 0.0, 0.0]]))
    loss.backward()
    assert math.isfinite(float(loss.detach())) and same_twice.grad is not None
    assert bool(same_twice.grad.isfinite().all())


@pytest.mark.parametrize("kind", ["softmax", "ordinal", "sigmoid"])
def test_entropy_and_divergence(kind: str) -> None:
    objective = Objective(kind)
    sure = torch.tensor([[20.0, -20.0]])
    assert float(objective.entropy(sure)) < 1e-6 < float(objective.entropy(torch.tensor([[0.5, 0.0]])))
    assert float(objective.divergence(LOGITS, LOGITS)) == 0.0
    assert float(objective.divergence(LOGITS, LOGITS.flip(0))) > 0.0


def test_balanced_weights_make_classes_count_alike() -> None:
    targets = torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    weights = balanced(targets, "softmax")
    torch.testing.assert_close((targets * weights).sum(dim=0), torch.tensor([2.0, 2.0]))
    torch.testing.assert_close(balanced(targets, "sigmoid"), torch.tensor([1 / 3, 3.0]))
    assert bool(balanced(torch.zeros(4, 2), "sigmoid").isfinite().all())


@pytest.mark.parametrize("kind", ["softmax", "ordinal", "sigmoid"])
def test_the_prior_comes_back_from_its_logits(kind: str) -> None:
    shares = torch.tensor([0.5, 0.3, 0.2])
    told = Objective(kind).log_shares(prior_logits(shares, kind)[None]).exp()
    torch.testing.assert_close(told[0, :, 1] if kind == "sigmoid" else told[0, 0], shares)


def test_the_adversary_raises_the_loss_by_its_length() -> None:
    network, batch, objective = (
        model(dropout_input=0.0, dropout_output=0.0),
        batches().next(),
        Objective("softmax"),
    )
    x = network.embed(batch.tokens)
    loss = objective.loss(network.classify(x, batch.lengths), batch.targets)
    moved = [
        float(adversarial_loss(network, objective, x, batch.lengths, batch.targets, loss, share).detach())
        for share in (0.0, 0.05, 0.2)
    ]
    assert moved[0] == pytest.approx(float(loss.detach())) and moved[0] < moved[1] < moved[2]


@pytest.mark.parametrize("kind", ["softmax", "ordinal", "sigmoid"])
def test_virtual_training_needs_no_labels_and_leaves_no_trace(kind: str) -> None:
    outputs = 2
    network, batch, objective = model(outputs, ordinal=kind == "ordinal"), batches().next(), Objective(kind)
    x = network.embed(batch.tokens)
    torch.manual_seed(5)
    near, after = virtual_loss(network, objective, x, batch.lengths, 1e-4), torch.rand(1)
    torch.manual_seed(5)
    far, again = virtual_loss(network, objective, x, batch.lengths, 0.5), torch.rand(1)
    assert torch.equal(after, again)
    # The same masks in all passes: without a move there is next to nothing between them.
    assert -1e-6 < float(near.detach()) < 1e-6 < float(far.detach())
    far.backward()
    assert network.embedding.weight.grad is not None


def test_levels_go_from_the_output_down() -> None:
    network = model(head=3, pooling="attention", layer_norm="between")
    found = levels(network)
    assert [len(level) > 0 for level in found] == [True] * 4
    assert set(found[-1]) == {"embedding.weight"}
    assert {name.split(".")[0] for name in found[0]} == {"pooling", "hidden", "output"}
    assert {name.split(".")[2] for name in found[1] if ".layers." in name} == {"2", "3"}
    assert "stack.between.0.weight" in found[2]
    assert sum(map(len, found)) == len(list(network.parameters()))
    slower = rates(network, 2.0)
    assert slower["output.weight"] == 1.0 and slower["embedding.weight"] == 0.125


def test_levels_thaw_one_after_the_other() -> None:
    network = model(freeze=True)
    thaw = Unfreezing(network, 0.6)
    learning = [thaw(progress) for progress in (0.0, 0.19, 0.21, 0.41, 0.6, 1.0)]
    assert learning == [1, 1, 2, 3, 4, 4]
    assert not network.embedding.weight.requires_grad  # a frozen one stays so
    thaw(0.0)
    assert network.output.weight.requires_grad and not network.stack.layers[0].weight_ih.requires_grad
    assert Unfreezing(network, 0.0).learning(0.0) == 4


def test_slower_levels_move_less() -> None:
    network = model()
    optimizer = make_optimizer(network, LoopConfig(optimizer="sgd"), rates(network, 10.0))
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    for group in optimizer.param_groups:
        group["weight_decay"] = 0.0
    set_rate(optimizer, 0.1)
    optimizer.step()
    moved = {
        name: float((before[name] - weight).detach().mean()) for name, weight in network.named_parameters()
    }
    assert moved["output.weight"] == pytest.approx(0.1, rel=1e-4)
    assert moved["stack.layers.2.weight_hh"] == pytest.approx(0.01, rel=1e-4)
    assert moved["embedding.weight"] == pytest.approx(1e-4, rel=1e-2)


@pytest.mark.parametrize("name", config.preset_names(SentimentRecipe))
def test_presets_make_networks_of_at_most_six_million_weights(name: str) -> None:
    recipe = config.build(config.preset(name, SentimentRecipe), kind=SentimentRecipe)
    with torch.device("meta"):
        network = Classifier(recipe.network, recipe.tokenizer.vocab_size, 2)
    assert sum(weight.numel() for weight in network.parameters()) <= 6_000_000


def test_presets_are_found_and_recipes_come_back_from_toml() -> None:
    assert {"short", "long"} <= set(config.preset_names(SentimentRecipe))
    recipe = config.build(config.preset("short", SentimentRecipe), kind=SentimentRecipe)
    again = config.Layer("again", config.flatten(tomllib.loads(config.dump(recipe))))
    assert config.build(again, kind=SentimentRecipe) == recipe


@pytest.mark.parametrize(
    ("network", "blended", "verdict"),
    [
        (0.9, None, "the network earns its place"),
        (0.7, None, "the linear model wins: use it, or --blend both"),
        (0.7, 0.85, "the linear model beats the network; the blend in the file beats both"),
        (0.7, 0.75, "the linear model wins, blended or not"),
    ],
)
def test_the_last_line_says_who_wins(network: float, blended: float | None, verdict: str) -> None:
    floor = {"systems": {"NB-SVM": {"accuracy": 0.8}, "TF-IDF": {"accuracy": 0.75}}}
    said = compare({"accuracy": network, "macro_f1": network}, floor, blended)
    assert said.endswith(f"NB-SVM 80.00%, TF-IDF 75.00%: {verdict}")
    assert ("blended" in said.partition(";")[0]) == (blended is not None)
