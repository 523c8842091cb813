"""Figures of classifiers, their probabilities, and the weights that make those trustworthy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from seqtools.errors import DataError
from seqtools_sentiment.calibration import Calibration, calibrate
from seqtools_sentiment.examples import Labels
from seqtools_sentiment.figures import Figures, calibration_error, measure
from seqtools_sentiment.probabilities import probabilities, score

RNG = np.random.default_rng(7)
LOGITS = arrays(np.float32, (5, 3), elements=st.floats(-90, 90, width=32))


def one_hot(golds: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[golds]


@settings(derandomize=True, deadline=None)
@given(LOGITS)
def test_probabilities_are_such(logits: np.ndarray) -> None:
    for objective in ("softmax", "ordinal"):
        shares = probabilities(logits, objective)
        assert shares.shape == (5, 3 + (objective == "ordinal"))
        assert (shares >= 0).all() and np.allclose(shares.sum(axis=1), 1, atol=1e-5)
    each = probabilities(logits, "sigmoid")
    assert ((each >= 0) & (each <= 1)).all() and np.allclose(each, 1 / (1 + np.exp(-logits.astype(float))))


def test_ordered_classes_take_what_is_between_thresholds() -> None:
    told = probabilities(np.array([[2.0, -1.0], [-1.0, 2.0]], np.float32), "ordinal")
    above = 1 / (1 + np.exp(-np.array([2.0, -1.0])))
    assert np.allclose(told[0], [1 - above[0], above[0] - above[1], above[1]])
    assert np.allclose(told[1], [1 - above[1], 0, above[1]])  # a later threshold counts as the earlier one


def test_the_score_goes_from_the_lowest_class_to_the_highest() -> None:
    assert np.allclose(score(np.eye(5, dtype=np.float32)), [-1, -0.5, 0, 0.5, 1])
    assert score(np.array([[0.25, 0.75]], np.float32)) == pytest.approx(0.5)


def test_figures_of_one_class_a_text_are_scikit_learns() -> None:
    golds, said = RNG.integers(0, 4, 80), RNG.integers(0, 3, 80)  # the last class is never answered
    names = ("a", "b", "c", "d")
    shares = RNG.dirichlet(np.ones(4), 80).astype(np.float32) + 2 * one_hot(said, 4)
    shares /= shares.sum(axis=1, keepdims=True)
    figures = measure(shares, one_hot(golds, 4), Labels(names, "softmax", False))
    assert figures.accuracy == pytest.approx(metrics.accuracy_score(golds, said))
    for average, ours in (("macro", figures.macro_f1), ("micro", figures.micro_f1)):
        assert ours == pytest.approx(metrics.f1_score(golds, said, average=average, zero_division=0))
    assert figures.nll == pytest.approx(metrics.log_loss(golds, shares), rel=1e-5)
    assert np.array_equal(figures.confusion, metrics.confusion_matrix(golds, said))
    theirs = np.array(metrics.precision_recall_fscore_support(golds, said, zero_division=0)).T
    ours = [[row[name] for name in ("precision", "recall", "f1", "support")] for row in figures.per_class]
    assert np.allclose(ours, theirs) and [row["label"] for row in figures.per_class] == [*names]


def test_figures_of_several_labels_are_scikit_learns() -> None:
    golds = RNG.integers(0, 2, (60, 3))
    shares = RNG.random((60, 3)).astype(np.float32)
    figures = measure(shares, golds.astype(np.float32), Labels(("a", "b", "c"), "sigmoid", False))
    said = shares >= 0.5
    assert figures.accuracy == pytest.approx(metrics.accuracy_score(golds, said))
    for average, ours in (("macro", figures.macro_f1), ("micro", figures.micro_f1)):
        assert ours == pytest.approx(metrics.f1_score(golds, said, average=average))
    each = [metrics.log_loss(golds[:, column], shares[:, column]) for column in range(3)]
    assert figures.nll == pytest.approx(np.mean(each), rel=1e-5)
    assert figures.confusion is None and "mae" not in figures.summary()


def test_ordered_classes_tell_how_far_off_they_are() -> None:
    labels = Labels(("1", "2", "3"), "ordinal", True)
    figures = measure(one_hot(np.array([0, 2, 1]), 3), one_hot(np.array([2, 2, 0]), 3), labels)
    assert figures.mae == figures.summary()["mae"] == pytest.approx(1.0)


def test_a_class_that_nobody_has_or_says_does_not_count() -> None:
    figures = measure(one_hot(np.array([0, 1]), 3), one_hot(np.array([0, 1]), 3), Labels(("a", "b", "c")))
    assert figures.macro_f1 == 1.0 and figures.per_class[2]["f1"] == 0


def test_no_texts_have_figures_too() -> None:
    nothing = np.zeros((0, 2), np.float32)
    summary = Figures(("a", "b"), "softmax", nothing, nothing).summary()
    assert summary["accuracy"] == summary["ece"] == 0


def test_the_calibration_error_by_hand() -> None:
    """Two bins of fifteen: 0.9 sure, half of them right; 0.6 sure, all of them right."""
    sure = np.array([0.9, 0.9, 0.6, 0.6], np.float32)
    right = np.array([True, False, True, True])
    assert calibration_error(sure, right) == pytest.approx((0.4 + 0.4) / 2)
    assert calibration_error(np.array([1.0], np.float32), np.array([True])) == 0


def drawn(count: int, objective: str, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right about their own certainty, and answers drawn from them."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 2 if objective == "ordinal" else 3)).astype(np.float32)
    if objective == "ordinal":
        logits = -np.sort(-logits, axis=1)
    shares = probabilities(logits, objective)
    if objective == "sigmoid":
        return logits, (rng.random(shares.shape) < shares).astype(np.float32)
    golds = (rng.random((count, 1)) > np.cumsum(shares, axis=1)).sum(axis=1).clip(max=2)
    return logits, one_hot(golds, 3)


@pytest.mark.parametrize("objective", ["softmax", "ordinal", "sigmoid"])
def test_the_temperature_is_found(objective: str) -> None:
    logits, targets = drawn(4000, objective)
    found = calibrate(3 * logits, targets, objective)
    assert 3 * found.network_weight == pytest.approx(1, abs=0.1) and found.linear_weight == 0
    told = probabilities(found.logits(3 * logits), objective)
    assert Figures(("a", "b", "c"), objective, told, targets).ece < 0.02


@pytest.mark.parametrize("objective", ["softmax", "ordinal", "sigmoid"])
def test_the_better_model_gets_the_say(objective: str) -> None:
    logits, targets = drawn(2000, objective)
    noise = np.random.default_rng(3).normal(0, 5, logits.shape).astype(np.float32)
    found = calibrate(noise, targets, objective, logits)
    share = abs(found.network_weight) * noise.std() / (found.linear_weight * logits.std())
    assert share < 0.1
    turned = calibrate(logits, targets, objective, noise)
    assert turned.linear_weight * noise.std() < 0.1 * turned.network_weight * logits.std()


def test_two_halves_of_the_truth_are_added() -> None:
    logits, targets = drawn(3000, "softmax")
    noise = np.random.default_rng(3).normal(0, 2, logits.shape).astype(np.float32)
    one, other = logits + noise, logits - noise
    found = calibrate(one, targets, "softmax", other)
    assert found.network_weight == pytest.approx(0.5, abs=0.1) == pytest.approx(found.linear_weight, abs=0.1)


def test_few_texts_that_are_all_right_prove_no_certainty() -> None:
    logits = np.array([[1, -1], [-1, 1], [2, -2]], np.float32)
    found = calibrate(logits, one_hot(np.array([0, 1, 0]), 2), "softmax")
    assert probabilities(found.logits(logits), "softmax").max() < 0.95


def test_calibrations_are_stored() -> None:
    found = Calibration(0.5, 0.25)
    assert Calibration.from_payload({**found.payload(), "texts": 3}) == found
    assert (
        Calibration.from_payload({})
        == Calibration()
        == calibrate(np.zeros((0, 2), np.float32), [], "softmax")
    )
    with pytest.raises(DataError):
        Calibration.from_payload({"network_weight": None})
