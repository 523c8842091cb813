"""Runs of words, the linear models over them, and what is kept of them in a file."""

from __future__ import annotations

import json
import random
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from seqtools.errors import DataError
from seqtools_sentiment.examples import Example, Labels
from seqtools_sentiment.linear_fit import fit_linear
from seqtools_sentiment.linear_model import LinearModel
from seqtools_sentiment.ngrams import NGrams
from seqtools_sentiment.recipe import LinearConfig

tiny = SimpleNamespace(**run_path(str(Path(__file__).with_name("tiny_reviews.py"))))
PLAIN = settings(derandomize=True, deadline=None, max_examples=60)
TEXTS = st.lists(st.lists(st.integers(0, 4), max_size=9), min_size=1, max_size=6)


def runs_in(text: list[int], longest: int) -> set[tuple[int, ...]]:
    every = (tuple(text[i : i + n]) for n in range(1, longest + 1) for i in range(len(text) - n + 1))
    return {run for run in every if 0 not in run}


def spelled(tree: NGrams, node: int) -> tuple[int, ...]:
    if node <= tree.words:
        return (node,)
    place = node - tree.words - 1
    return (*spelled(tree, int(tree.parents[place])), int(tree.last[place]))


def arrays(texts: list[list[int]]) -> list[np.ndarray]:
    return [np.array(text, np.int64) for text in texts]


@PLAIN
@given(TEXTS, st.integers(1, 4), st.integers(1, 3))
def test_a_tree_holds_the_runs_that_enough_texts_have(
    texts: list[list[int]], longest: int, min_count: int
) -> None:
    tree, found = NGrams.grow(arrays(texts), 4, longest, min_count)
    every = [runs_in(text, longest) for text in texts]
    often = {run for run in set().union(*every) if sum(run in text for text in every) >= min_count}
    often |= {(word,) for word in range(1, 5)}
    assert {spelled(tree, node) for node in range(1, tree.nodes)} == often
    told = [set() for _ in texts]
    for row, node in zip(found.rows.tolist(), found.nodes.tolist(), strict=True):
        told[row].add(spelled(tree, node))
    assert told == [text & often for text in every]
    again = tree.find(arrays(texts))
    assert np.array_equal(again.rows, found.rows) and np.array_equal(again.nodes, found.nodes)


@PLAIN
@given(TEXTS, TEXTS, st.integers(1, 4))
def test_unseen_texts_are_searched_for_known_runs(
    texts: list[list[int]], others: list[list[int]], longest: int
) -> None:
    tree, _ = NGrams.grow(arrays(texts), 4, longest, 1)
    known = {spelled(tree, node) for node in range(1, tree.nodes)}
    found = tree.find(arrays(others))
    told = {
        (row, spelled(tree, node))
        for row, node in zip(found.rows.tolist(), found.nodes.tolist(), strict=True)
    }
    assert told == {(row, run) for row, text in enumerate(others) for run in runs_in(text, longest) & known}


@PLAIN
@given(TEXTS, st.integers(1, 4), st.integers(0, 12), st.integers(0, 99))
def test_what_is_kept_can_be_found(texts: list[list[int]], longest: int, count: int, seed: int) -> None:
    tree, _ = NGrams.grow(arrays(texts), 4, longest, 1)
    weight = np.random.default_rng(seed).random(tree.nodes)
    small, kept = tree.heaviest(weight, count)
    assert small.nodes == min(count + 1, tree.nodes) == len(kept)
    word = {old: new for new, old in enumerate(kept.tolist()) if old <= tree.words}
    for new, old in enumerate(kept.tolist()[1:], 1):
        assert spelled(small, new) == tuple(word[one] for one in spelled(tree, old))
    best = int(weight[1:].argmax()) + 1
    assert best in kept or best > tree.words or not count


def test_a_damaged_tree_is_refused() -> None:
    tree, _ = NGrams.grow(arrays([[1, 2, 1]]), 2, 2, 1)
    first, last = tree.first, tree.last
    for broken in ((first[:-1], last), (first[::-1], last), (first, last + 5), (first, last[:-1])):
        with pytest.raises(DataError, match="damaged"):
            NGrams(tree.sizes, *broken)


def reviews(count: int, seed: int) -> list[Example]:
    return tiny.reviews(count, seed)


LABELS = Labels(("neg", "pos"), "softmax", True)


def golds(examples: list[Example]) -> np.ndarray:
    return np.array([example.labels[0] == "pos" for example in examples])


@pytest.mark.parametrize("kind", ["nbsvm", "tfidf"])
def test_a_fitted_model_tells_good_from_bad(kind: str) -> None:
    model = fit_linear(reviews(300, 1), LABELS, LinearConfig(), kind=kind)
    tried = reviews(200, 2)
    logits = model.logits([example.text for example in tried])
    assert logits.shape == (200, 2) == (200, model.outputs)
    assert ((logits[:, 1] > logits[:, 0]) == golds(tried)).mean() > 0.9
    assert np.allclose(logits[:, 0], -logits[:, 1])
    again = LinearModel.from_payload(json.loads(json.dumps(model.payload())))
    assert np.array_equal(again.logits([example.text for example in tried]), logits)


def test_pairs_see_negation() -> None:
    tried = ["not good", "not bad", "good", "bad"]
    right = [False, True, True, False]
    pairs = fit_linear(reviews(300, 1), LABELS, LinearConfig(ngrams=2)).logits(tried)
    assert ((pairs[:, 1] > 0) == right).all()
    words = fit_linear(reviews(300, 1), LABELS, LinearConfig(ngrams=1)).logits(tried)
    assert not ((words[:, 1] > 0) == right).all()


def test_tfidf_is_scikit_learns() -> None:
    """The same model made of scikit-learn's parts, features of words and pairs, gives the same logits."""
    train, tried = reviews(120, 1), [example.text for example in reviews(50, 2)]
    vectors = TfidfVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), binary=True)
    rows = vectors.fit_transform([example.text for example in train])
    reference = LogisticRegression(C=5, solver="liblinear", dual=True, max_iter=10_000, tol=1e-8)
    reference.fit(rows, golds(train))
    model = fit_linear(train, LABELS, LinearConfig(c=0.5), kind="tfidf")
    ours = model.logits(tried)
    theirs = reference.decision_function(vectors.transform(tried))
    assert model.features == len(vectors.vocabulary_)
    assert np.abs(ours[:, 1] - ours[:, 0] - theirs).max() < 0.05


def test_log_count_ratios_are_the_papers() -> None:
    """Without texts to tell more, the weights are in the ratios' proportion (c near 0 leaves naive Bayes)."""
    train = reviews(120, 1)
    counts = CountVectorizer(token_pattern=r"\S+", binary=True)
    rows = counts.fit_transform([example.text for example in train]).toarray()
    yes, no = (1 + rows[golds(train) == side].sum(axis=0) for side in (True, False))
    ratio = np.log(yes / yes.sum()) - np.log(no / no.sum())
    model = fit_linear(train, LABELS, LinearConfig(c=1e-6, ngrams=1))
    words = counts.get_feature_names_out()
    single = np.array([model.logits([word])[0] @ [-1, 1] for word in words]) - model.logits([""])[0] @ [-1, 1]
    scale = (single @ ratio) / (ratio @ ratio)
    assert scale > 0 and np.abs(single / scale - ratio).max() < 0.35 * np.abs(ratio).max()


def test_case_line_ends_and_accents_do_not_count() -> None:
    model = fit_linear(reviews(100, 1), LABELS, LinearConfig())
    same = ["Good  café film", "good cafe\u0301 film\n", "GOOD\r\ncafé film"]
    logits = model.logits(same)
    assert (logits == logits[0]).all()


def test_few_features_are_the_heaviest() -> None:
    model = fit_linear(reviews(300, 1), LABELS, LinearConfig(ngrams=3))
    small = model.kept(20)
    assert small.features == 20 and small.tokenizer.vocab_size < model.tokenizer.vocab_size
    assert small.kept(100) is small
    tried = reviews(200, 2)
    logits = small.logits([example.text for example in tried])
    assert ((logits[:, 1] > 0) == golds(tried)).mean() > 0.85
    assert len(json.dumps(small.payload())) < len(json.dumps(model.payload())) / 3


def test_three_classes_thresholds_and_several_labels() -> None:
    rng = random.Random(5)
    words = ["bad", "fair", "good"]
    chosen = [rng.randrange(3) for _ in range(150)]
    texts = [f"{words[which]} {rng.choice(['film', 'plot', 'song'])}" for which in chosen]
    examples = [Example(text, (words[which],)) for text, which in zip(texts, chosen, strict=True)]
    three = fit_linear(examples, Labels(tuple(words), "softmax", True), LinearConfig()).logits(words)
    assert three.shape == (3, 3) and (three.argmax(axis=1) == [0, 1, 2]).all()
    above = fit_linear(examples, Labels(tuple(words), "ordinal", True), LinearConfig()).logits(words)
    assert ((above > 0) == [[False, False], [True, False], [True, True]]).all()
    both = [Example(example.text, tuple(sorted(set(example.text.split())))) for example in examples]
    names = ("bad", "fair", "film", "good", "never", "plot", "song")
    several = fit_linear(both, Labels(names, "sigmoid", False), LinearConfig()).logits(
        ["good film", "bad plot"]
    )
    assert ((several > 0) == [[0, 0, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 1, 0]]).all()


def test_soft_labels_count_in_their_shares() -> None:
    sure = [Example("good film", ("pos",)), Example("bad film", ("neg",))] * 20
    doubtful = [Example("fair film", ("neg", "pos"), (0.5, 0.5))] * 20
    model = fit_linear([*sure, *doubtful], LABELS, LinearConfig())
    good, fair, bad = model.logits(["good film", "fair film", "bad film"])[:, 1]
    assert bad < -0.5 < fair < 0.5 < good and abs(fair) < 0.2


def test_class_weights_move_the_border() -> None:
    rare = [*reviews(200, 1)]
    rare = [example for number, example in enumerate(rare) if example.labels[0] == "neg" or number % 8 == 0]
    tried = [example.text for example in reviews(100, 2)]
    plain = fit_linear(rare, LABELS, LinearConfig()).logits(tried)[:, 1]
    heavy = fit_linear(rare, LABELS, LinearConfig(), weights=np.array([1, 8], np.float32)).logits(tried)[:, 1]
    assert heavy.mean() > plain.mean()


def test_the_same_texts_give_the_same_model() -> None:
    one, other = (fit_linear(reviews(150, 1), LABELS, LinearConfig()).payload() for _ in range(2))
    assert one == other


def test_words_that_are_too_rare_are_an_error() -> None:
    with pytest.raises(DataError, match="no word stands in 500 texts"):
        fit_linear(reviews(20, 1), LABELS, LinearConfig(min_count=500))


def test_a_damaged_payload_is_refused() -> None:
    payload = fit_linear(reviews(40, 1), LABELS, LinearConfig()).payload()
    for broken in ({"weights": "!"}, {"bias": [0.0, 0.0]}, {"sizes": [1, 2]}, {"scale": None}):
        with pytest.raises(DataError):
            LinearModel.from_payload({**payload, **broken})
