"""The shapes that the forecasters' signatures state, checked at every call by jaxtyping and beartype."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("jaxtyping")
pytest.importorskip("beartype")

# Annotations name jaxtyping under TYPE_CHECKING only, so that it is no dependency: here they are evaluated.
PROGRAM = """
import runpy, sys, typing
import beartype, jaxtyping, torch
import seqtools.forecaster, seqtools.loader, seqtools.recipe

@jaxtyping.jaxtyped(typechecker=beartype.beartype)  # both packages load the rest of themselves
def loaded(x: jaxtyping.Float[torch.Tensor, "time batch"]) -> torch.Tensor:
    return x

loaded(torch.zeros(1, 1))
typing.TYPE_CHECKING = True
with jaxtyping.install_import_hook("seqtools.nn.forecasting", "beartype.beartype"):
    import seqtools.nn.forecasting.deepar, seqtools.nn.forecasting.smoothing
    from seqtools.nn.forecasting import ensemble, forecaster, recurrent, scaling, segment, seq2seq, window
typing.TYPE_CHECKING = False
tiny = runpy.run_path(sys.argv[1])

for kind in tiny["CORES"]:
    for given in (
        {}, {"calendar": True, "mixing": True, "affine": True},
        {"linear": True, "normalise": True, "deep": True},
        {"layers": 2, "transform": "log", "residual": "both", "members": 2}, {"head": "student"},
    ):
        for of in (tiny["shape"](), tiny["rich_shape"](targets=2)):
            network = tiny["network"](kind, of, **given)
            forecast = network(tiny["window"](of))
            raw = network.restore(forecast.quantiles, forecast)
            network.scaled(raw, forecast)
            assert raw.shape == (3, of.horizon, of.targets, len(of.levels))
for kind, head in (("deepar", "student"), ("smoothing", "quantile")):
    network = tiny["network"](kind, tiny["shape"](), head=head, samples=4)
    assert network(tiny["window"](network.shape)).mean.shape == (3, 7, 1)

part = scaling.Scaling(network.config, network.shape)
for wrong in (
    lambda: network.members[0].scale_window(window.make_window(torch.zeros(2, 22, 1, dtype=torch.int64))),
    lambda: window.to_rows(torch.zeros(2, 22)),
    lambda: part(torch.zeros(2, 22), torch.zeros(3, 1)),
):
    try:
        wrong()
    except jaxtyping.TypeCheckError:
        print("refused")
"""


def test_shapes_are_as_the_signatures_say() -> None:
    tiny = str(Path(__file__).with_name("tiny_forecast_network.py"))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tiny], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["refused"] * 3
