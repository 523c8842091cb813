"""Values of distributions from uniforms: the graph, torch and numpy draw the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import spox
import spox.opset.ai.onnx.v20 as op
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from seqtools.export.forecasting.counts import log_gamma
from seqtools.export.forecasting.distributions import DRAWS
from seqtools.export.graph import Weights
from seqtools.nn.forecasting.distributions import DISTRIBUTIONS, FARTHEST, LEAST_UNIFORM, NARROWEST
from seqtools.runtime.session import Session

Floats = NDArray[np.float32]


def drawn(head: str) -> bytes:
    """A graph of one draw for each row."""
    outputs = DISTRIBUTIONS[head].outputs
    raw, noise, scale = (spox.argument(spox.Tensor(np.float32, ("rows", n))) for n in (outputs, 2, 1))
    columns = op.split(raw, num_outputs=outputs, axis=1)
    first, second = op.split(noise, num_outputs=2, axis=1)
    value = DRAWS[head](columns, first, second, scale)
    file: bytes = (
        Weights().build({"raw": raw, "noise": noise, "scale": scale}, {"z": value}).SerializeToString()
    )
    return file


def rows(head: str, count: int, seed: int = 0) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {
        "raw": (rng.normal(size=(count, DISTRIBUTIONS[head].outputs)) * 3).astype(np.float32),
        "noise": rng.random((count, 2)).astype(np.float32) * (1 - np.float32(2**-24)),
        "scale": np.exp(rng.normal(size=(count, 1)) * 3).astype(np.float32),
    }


def by_numpy(head: str, given: dict[str, Floats]) -> NDArray[np.float64]:
    """The formulas once more, in double."""
    raw, noise = given["raw"].astype(np.float64), given["noise"].astype(np.float64)
    log = np.log(np.maximum(noise[:, 0], LEAST_UNIFORM))
    squared = -2 * log
    if head == "student":
        freedom = np.log1p(np.exp(raw[:, 2])) + 2
        squared = np.minimum(freedom * np.expm1(-2 / freedom * log), FARTHEST**2)
    spread = np.log1p(np.exp(raw[:, 1])) + NARROWEST
    value: NDArray[np.float64] = raw[:, 0] + spread * np.sqrt(squared) * np.cos(2 * math.pi * noise[:, 1])
    return value


@pytest.mark.parametrize("head", ["normal", "student"])
def test_the_graph_draws_what_torch_and_numpy_draw(head: str) -> None:
    given = rows(head, 3000)
    (ours,) = Session(drawn(head)).run(["z"], given)
    tensors = {name: torch.from_numpy(part) for name, part in given.items()}
    by_torch = DISTRIBUTIONS[head].draw(tensors["raw"], tensors["noise"], tensors["scale"][:, 0]).numpy()
    wanted = by_numpy(head, given)
    size = 1 + np.abs(wanted)
    assert np.abs((ours[:, 0] - by_torch) / size).max() < 1e-5
    assert np.abs((ours[:, 0] - wanted) / size).max() < 1e-5


def test_the_graph_draws_torchs_counts() -> None:
    given = rows("negbin", 3000)
    (ours,) = Session(drawn("negbin")).run(["z"], given)
    tensors = {name: torch.from_numpy(part) for name, part in given.items()}
    theirs = DISTRIBUTIONS["negbin"].draw(tensors["raw"], tensors["noise"], tensors["scale"][:, 0]).numpy()
    counts, wanted = (np.round(part * given["scale"][:, 0]) for part in (ours[:, 0], theirs))
    # A uniform that lies where one count ends may fall on either side of it.
    assert (np.abs(counts - wanted) <= 1e-6 * wanted).mean() > 0.999
    assert np.abs(ours[:, 0] * given["scale"][:, 0] - counts).max() <= 1e-6 * counts.max()


@pytest.mark.parametrize("head", DRAWS)
def test_a_row_is_the_same_alone_and_in_a_batch(head: str) -> None:
    session, given = Session(drawn(head)), rows(head, 37)
    (together,) = session.run(["z"], given)
    for row in range(37):
        (alone,) = session.run(["z"], {name: part[row : row + 1] for name, part in given.items()})
        # Vector and scalar instructions may differ in the last bit.
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("head", ["normal", "student"])
def test_the_graph_means_what_onnx_says(head: str) -> None:
    given = rows(head, 50, seed=1)
    theirs: Any = ReferenceEvaluator(drawn(head)).run(["z"], given)
    np.testing.assert_allclose(Session(drawn(head)).run(["z"], given)[0], theirs[0], rtol=1e-5, atol=1e-5)


def test_logarithms_of_the_gamma_function() -> None:
    x = spox.argument(spox.Tensor(np.float64, ("rows",)))
    session = Session(Weights().build({"x": x}, {"y": log_gamma(x)}).SerializeToString())
    given = np.logspace(-6, 9, 400)
    wanted = torch.lgamma(torch.from_numpy(given)).numpy()
    np.testing.assert_allclose(session.run(["y"], {"x": given})[0], wanted, rtol=1e-9, atol=1e-9)
