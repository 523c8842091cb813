"""Fitting the linear models with scikit-learn: NB-SVM, and TF-IDF with logistic regression.

NB-SVM (Wang & Manning 2012, "Baselines and bigrams") scales each feature by the log of how much more often
it stands in texts of a class than in others, and then fits a linear classifier, whose weights it draws
towards their mean, where it would be naive Bayes. Ours is logistic regression: its logits can be weighed
against a network's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from seqtools import loader
from seqtools.errors import DataError
from seqtools.plugin import Tokenizer
from seqtools_sentiment.linear_model import LinearModel, only_words, words
from seqtools_sentiment.ngrams import Found, NGrams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray
    from seqtools_sentiment.examples import Example, Labels
    from seqtools_sentiment.recipe import LinearConfig

    Numbers = NDArray[np.float64]

CUT = {"mode": "text", "lowercase": True, "normalize": "nfd", "newlines": False}
"""How the linear model cuts texts, whatever the network reads."""
SMOOTHING = 1.0
"""Texts of each class that every run is taken to stand in beforehand."""
OWN = 0.25
"""Share of a weight that is its own; the rest is the mean of all, which is plain naive Bayes."""
LENGTH = 10.0
"""tfidf: how many times weaker it is regularised, as its texts have length one."""


def fit_linear(
    examples: Sequence[Example],
    labels: Labels,
    config: LinearConfig,
    *,
    kind: str = "",
    weights: FloatArray | None = None,
) -> LinearModel:
    """The linear model of some labelled texts, with all its features.

    More than two classes are fitted one against the rest, ordered ones each threshold by itself, several
    labels a text each by itself; soft labels count as both answers in their shares.

    Args:
        kind: nbsvm or tfidf; "" is the recipe's.
        weights: of the classes, `[classes]`; None for equal ones.
    """
    tokenizer, runs, found = _features([example.text for example in examples], config)
    targets = labels.targets(examples).astype(np.float64)
    heavy = np.ones(len(examples))
    if weights is not None:
        heavy = (targets * weights).sum(axis=1) if labels.objective != "sigmoid" else heavy
    shape = len(examples), runs.nodes
    matrix = sparse.csr_matrix((np.ones(len(found.rows)), (found.rows, found.nodes)), shape)
    columns = list(_columns(targets, labels.objective))
    fit = _Tfidf(matrix, config.c) if (kind or config.kind) == "tfidf" else _NaiveBayes(matrix, config.c)
    fitted = []
    for number, column in enumerate(columns):
        own = heavy
        if weights is not None and labels.objective == "sigmoid":
            own = np.where(column > 0.5, weights[number], 1.0)
        fitted.append(fit(column, own))
    return LinearModel.rounded(
        fit.kind,
        tokenizer,
        runs,
        np.stack([weight for weight, _ in fitted], axis=1),
        np.array([bias for _, bias in fitted]),
        squares=fit.squares,
        paired=labels.objective == "softmax" and labels.classes == 2,
        texts=np.bincount(found.nodes, minlength=runs.nodes),
    )


def _features(texts: Sequence[str], config: LinearConfig) -> tuple[Tokenizer, NGrams, Found]:
    """The words of the texts and their runs; words that too few texts hold are left out."""
    everything = loader.tokenizer_class("word").train(
        (text + "\n" for text in texts), vocab_size=1 + sum(map(len, texts)) + 8, min_count=1, **CUT
    )
    read = [words(everything, text) for text in texts]
    count = everything.vocab_size
    texts_of = np.bincount(np.concatenate([np.unique(text) for text in read]), minlength=count)
    kept = np.flatnonzero(texts_of[1:] >= config.min_count) + 1
    if not len(kept):
        cause = f"no word stands in {config.min_count} texts"
        raise DataError("linear model", cause, "Lower linear.min_count, or give more texts")
    number = np.zeros(count, np.int64)
    number[kept] = np.arange(1, len(kept) + 1)
    runs, found = NGrams.grow([number[text] for text in read], len(kept), config.ngrams, config.min_count)
    return only_words(everything, kept), runs, found


def _columns(targets: Numbers, objective: str) -> Iterator[Numbers]:
    """How much each text is on the upper side of each logit, `[texts]` of 0 to 1."""
    if objective == "ordinal":
        yield from np.cumsum(targets[:, :0:-1], axis=1)[:, ::-1].T
    elif objective == "softmax" and targets.shape[1] == 2:
        yield targets[:, 1]
    else:
        yield from targets.T


class _NaiveBayes:
    """NB-SVM of one column after the other."""

    kind, squares = "nbsvm", None

    def __init__(self, matrix: Any, c: float) -> None:
        self._matrix, self._c = matrix, c

    def __call__(self, target: Numbers, heavy: Numbers) -> tuple[Numbers, float]:
        """Weights `[nodes]` and bias."""
        counts = [self._matrix.T @ (side * heavy) + SMOOTHING for side in (target, 1 - target)]
        ratio = np.subtract(*(np.log(count / count[1:].sum()) for count in counts))
        prior = np.log((target @ heavy + SMOOTHING) / ((1 - target) @ heavy + SMOOTHING))
        weights, bias = _regress(self._matrix.multiply(ratio).tocsr(), target, heavy, self._c)
        mean = np.abs(weights[1:]).mean() if weights.any() else 1.0
        weights = (OWN * weights + (1 - OWN) * mean) * ratio
        weights[0] = 0
        return weights, float(OWN * bias + (1 - OWN) * mean * prior)


class _Tfidf:
    """Logistic regression on rare runs' greater weight, texts scaled to length one."""

    kind = "tfidf"

    def __init__(self, matrix: Any, c: float) -> None:
        texts = np.asarray(matrix.sum(axis=0)).ravel()
        self._idf = np.log((1 + matrix.shape[0]) / (1 + texts)) + 1
        self._idf[0] = 0
        scaled = matrix.multiply(self._idf).tocsr()
        length = np.sqrt(np.asarray(scaled.power(2).sum(axis=1)).ravel())
        self._matrix = sparse.diags(1 / np.maximum(length, 1)) @ scaled
        self._c, self.squares = LENGTH * c, self._idf**2

    def __call__(self, target: Numbers, heavy: Numbers) -> tuple[Numbers, float]:
        """Weights `[nodes]` and bias."""
        weights, bias = _regress(self._matrix, target, heavy, self._c)
        return weights * self._idf, bias


def _regress(matrix: Any, target: Numbers, heavy: Numbers, c: float) -> tuple[Numbers, float]:
    """Logistic regression; a text between the answers counts for both. Weights and bias."""
    yes, no = np.flatnonzero(target > 0), np.flatnonzero(target < 1)
    if not len(yes) or not len(no):
        share = (target @ heavy + 0.5) / (heavy.sum() + 1)
        return np.zeros(matrix.shape[1]), float(np.log(share / (1 - share)))
    rows = np.concatenate([yes, no])
    answers = np.repeat([1, 0], [len(yes), len(no)])
    shares = np.concatenate([target[yes] * heavy[yes], (1 - target[no]) * heavy[no]])
    model = LogisticRegression(C=c, solver="liblinear", dual=True, max_iter=1000, random_state=0)
    model.fit(matrix[rows], answers, sample_weight=shares)
    return model.coef_.ravel(), float(model.intercept_[0])
