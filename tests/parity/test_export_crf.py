"""The CRF inside a graph against every path there is, against torch, and against itself in other batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("spox")

import onnxruntime
import spox
import torch
from numpy.typing import NDArray

from seqtools.export.crf import LoweredCRF
from seqtools.export.linear import Context
from seqtools.nn.crf import CRF

Run = Callable[[NDArray[Any], NDArray[Any]], list[Any]]


def trained(labels: int, *, forbid: bool, seed: int = 0) -> CRF:
    """A CRF with weights of a likely size, some moves forbidden."""
    torch.manual_seed(seed)
    crf = CRF(labels)
    with torch.no_grad():
        for part in (crf.transitions, crf.start, crf.end):
            part.normal_()
    if forbid:
        moves, start, end = (
            torch.rand(labels, labels) < 0.4,
            torch.rand(labels) < 0.4,
            torch.rand(labels) < 0.4,
        )
        # The last label goes anywhere: there always is a path.
        moves[-1], moves[:, -1], start[-1], end[-1] = False, False, False, False
        crf.forbid(moves, start, end)
    return crf


def session(crf: CRF) -> Run:
    """Emissions and lengths to labels and marginals."""
    context = Context()
    emissions = spox.argument(spox.Tensor(np.float32, ("time", "batch", crf.labels)))
    lengths = spox.argument(spox.Tensor(np.int64, ("batch",)))
    path = LoweredCRF(context, crf)(emissions, lengths)
    outputs = {"labels": path.labels, "marginals": path.marginals}
    model = context.weights.build({"emissions": emissions, "lengths": lengths}, outputs)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    opened = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda x, n: list(opened.run(None, {"emissions": x, "lengths": n}))


def drawn(time: int, batch: int, labels: int, spread: float = 4.0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Emissions, and lengths of which one is the longest."""
    rng = np.random.default_rng([time, batch, labels])
    lengths = rng.integers(1, time + 1, batch)
    lengths[0] = time
    return (rng.normal(size=(time, batch, labels)) * spread).astype(np.float32), lengths


@pytest.mark.parametrize("forbid", [False, True])
def test_every_path_is_weighed(forbid: bool) -> None:
    """The best label sequence and each label's share, found by counting all sequences in float64."""
    crf = trained(3, forbid=forbid)
    emissions, lengths = drawn(5, 4, 3)
    labels, marginals = session(crf)(emissions, lengths)
    moves, starts, ends = (
        part().detach().numpy().astype(np.float64) for part in (crf.matrix, crf.starts, crf.ends)
    )
    for row, length in enumerate(lengths.tolist()):
        paths = list(itertools.product(range(3), repeat=length))
        scores = np.array(
            [
                starts[path[0]]
                + ends[path[-1]]
                + sum(emissions[place, row, label] for place, label in enumerate(path))
                + sum(moves[pair] for pair in itertools.pairwise(path))
                for path in paths
            ]
        )
        assert tuple(labels[:length, row]) == paths[int(scores.argmax())]
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        for place, label in itertools.product(range(length), range(3)):
            wanted = sum(share for path, share in zip(paths, shares, strict=True) if path[place] == label)
            assert marginals[place, row, label] == pytest.approx(wanted, abs=2e-6)


@pytest.mark.parametrize("labels", [1, 2, 17])
def test_same_as_torch(labels: int) -> None:
    """Rows of many lengths in one batch."""
    crf = trained(labels, forbid=labels > 2)
    run = session(crf)
    for time, batch in ((1, 1), (2, 3), (30, 6)):
        emissions, lengths = drawn(time, batch, labels)
        found, marginals = run(emissions, lengths)
        wanted = crf.decode(torch.from_numpy(emissions), torch.from_numpy(lengths)).labels
        shares = crf.double().marginals(torch.from_numpy(emissions).double(), torch.from_numpy(lengths))
        crf.float()
        inside = np.arange(time)[:, None] < lengths
        np.testing.assert_array_equal(found[inside], wanted.numpy()[inside])
        np.testing.assert_allclose(marginals[inside], shares.detach().numpy()[inside], atol=1e-5)


def test_a_row_is_the_same_in_any_batch() -> None:
    """Bit for bit, whatever stands beside it and however far it is padded."""
    crf = trained(13, forbid=True)
    run = session(crf)
    emissions, lengths = drawn(41, 19, 13)
    lengths = np.arange(1, 42)[-19:] % 41 + 1
    labels, marginals = run(emissions, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = run(np.ascontiguousarray(emissions[:length, row : row + 1]), np.array([length]))
        np.testing.assert_array_equal(alone[0][:, 0], labels[:length, row])
        assert alone[1][:, 0].tobytes() == marginals[:length, row].tobytes()


def test_sure_and_contradicting_words() -> None:
    """Emissions far apart, and labels that may not follow each other, give finite probabilities."""
    crf = trained(4, forbid=True, seed=3)
    emissions, lengths = drawn(60, 3, 4, spread=60.0)
    labels, marginals = session(crf)(emissions, lengths)
    wanted = crf.viterbi(torch.from_numpy(emissions), torch.from_numpy(lengths)).numpy()
    inside = np.arange(60)[:, None] < lengths
    np.testing.assert_array_equal(labels[inside], wanted[inside])
    assert np.isfinite(marginals[inside]).all()
    assert (marginals[inside] <= 1 + 1e-6).all()


def test_a_long_text() -> None:
    """Thousands of words: nothing overflows, and the way back is found."""
    crf = trained(5, forbid=True)
    emissions, lengths = drawn(3000, 1, 5)
    labels, marginals = session(crf)(emissions, lengths)
    wanted = crf.viterbi(torch.from_numpy(emissions), torch.from_numpy(lengths))
    np.testing.assert_array_equal(labels, wanted.numpy())
    np.testing.assert_allclose(marginals.sum(axis=2), 1, atol=1e-5)
