"""ES-RNN inside the graph against torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
import spox
import torch

from seqtools.export.forecasting import window as windows
from seqtools.export.forecasting.covariates import Window as GraphWindow
from seqtools.export.forecasting.ensemble import LoweredEnsemble
from seqtools.export.forecasting.smoother import UNROLLED
from seqtools.export.linear import Context
from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting.ensemble import Ensemble, build
from seqtools.nn.forecasting.window import Window, make_window
from seqtools.runtime.session import Session

PLAIN = ForecastShape(horizon=6, context=48, seasons=(12,), levels=(0.1, 0.5, 0.9, 0.95))
RICH = replace(PLAIN, past=1, future=2, numbers=1, categories=(3,), periods=((12, 1),), targets=2)
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "two seasons, whole blocks": {"of": replace(PLAIN, seasons=(4, 12), context=30)},
    "two seasons, the longer is no multiple": {"of": replace(PLAIN, seasons=(7, 15), context=33)},
    "many blocks": {"of": replace(PLAIN, seasons=(2, 12), context=2 * (UNROLLED + 9))},
    "many blocks, the longer is no multiple": {"of": replace(PLAIN, seasons=(2, 7), context=70)},
    "many blocks, no season": {"of": replace(PLAIN, seasons=(), context=32 * UNROLLED + 5)},
    "one step": {"of": replace(PLAIN, seasons=(), context=1)},
    "dilated segments": {"layers": 3, "dilations": "1,2,4", "segment": 5, "cell": "lstm.v1"},
    "logarithms": {"transform": "log", "location": "zero", "scale": "mean_abs", "deep": True},
    "everything beside the history": {
        "of": RICH,
        "calendar": True,
        "affine": True,
        "linear": True,
        "mixing": True,
        "normalise": True,
    },
    "no baseline, no flags, student": {"residual": "none", "observed": False, "head": "student"},
    "two networks": {"members": 2, "transform": "asinh"},
}


def network(of: ForecastShape = PLAIN, seed: int = 0, **given: Any) -> Ensemble:
    torch.manual_seed(seed)
    model = build(ForecasterConfig(kind="smoothing", **{"width": 7, **given}), of).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith("freedom"):
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def lowered(model: Ensemble) -> onnx.ModelProto:
    """The network alone: raw history and covariates to scaled quantiles, and means after them."""
    shape, context, kind = model.shape, Context(), np.float32
    inputs = {"history": spox.argument(spox.Tensor(kind, ("batch", "time", shape.targets)))}
    for name, size in (("past", shape.past), ("future", shape.future)):
        if size:
            inputs[name] = spox.argument(spox.Tensor(kind, ("batch", f"{name}_time", size)))
    if shape.numbers:
        inputs["numbers"] = spox.argument(spox.Tensor(kind, ("batch", shape.numbers)))
    if shape.categories:
        inputs["categories"] = spox.argument(spox.Tensor(np.int64, ("batch", len(shape.categories))))
    if shape.periods:
        inputs["position"] = spox.argument(spox.Tensor(np.int64, ("batch",)))
    given = dict(inputs)
    given["history"] = windows.to_rows(windows.fitted(given["history"], shape.context), shape.context)
    for name, steps in (("past", shape.context), ("future", shape.context + shape.horizon)):
        if name in given:
            given[name] = windows.fitted(given[name], steps)
    window, ensemble = GraphWindow(**given), LoweredEnsemble(context, model)
    return context.weights.build(inputs, {"told": ensemble(window, ensemble.scaled(window))})


def example(of: ForecastShape, rows: int = 4, time: int = 0, size: float = 1.0) -> Window:
    draw = torch.Generator().manual_seed(1)
    time = time or of.context

    def random(*sizes: int) -> torch.Tensor:
        return torch.rand(*sizes, generator=draw)

    history = (random(rows, time, of.targets) * 9 + 1) * size
    history[1:][random(rows - 1, time, of.targets) < 0.3] = float("nan")
    history[2, : time // 2] = float("nan")
    history[3] = 5 * size
    return make_window(
        history,
        position=torch.arange(rows) * 1000 - 3,
        past=random(rows, time, of.past),
        future=random(rows, time + of.horizon if of.future else 0, of.future),
        numbers=random(rows, of.numbers),
        categories=torch.arange(rows)[:, None].expand(-1, len(of.categories)) % 3,
    )


@torch.no_grad()
def agrees(model: Ensemble, session: Session, window: Window) -> None:
    of = model.shape
    feeds = {name: np.ascontiguousarray(window._asdict()[name].numpy()) for name in session.inputs}
    (told,) = session.run(["told"], feeds)
    forecast = model(window)
    wanted = torch.cat([forecast.quantiles, forecast.mean[..., None]], dim=-1).numpy()
    told = told.reshape(len(wanted), of.targets, of.horizon, -1).transpose(0, 2, 1, 3)
    assert np.abs(told - wanted).max() < 1e-5 * (1 + np.abs(wanted).max())


@pytest.mark.parametrize("options", OPTIONS)
def test_options(options: str) -> None:
    model = network(**OPTIONS[options])
    session = Session(lowered(model).SerializeToString())
    context = model.shape.context
    for time in (context, 2, 2 * context):
        agrees(model, session, example(model.shape, time=time))


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e6, 1e12])
def test_sizes(size: float) -> None:
    model = network()
    agrees(model, Session(lowered(model).SerializeToString()), example(PLAIN, size=size))


def test_a_series_is_the_same_in_any_batch() -> None:
    session = Session(lowered(network()).SerializeToString())
    history = example(PLAIN, rows=33).history.numpy()
    together = session.run(["told"], {"history": history})[0]
    for row in (0, 1, 2, 17, 32):
        alone = session.run(["told"], {"history": history[row : row + 1]})[0][0]
        np.testing.assert_allclose(alone, together[row], rtol=1e-5, atol=1e-5)


def test_all_missing_gives_numbers() -> None:
    model = network()
    window = example(PLAIN)
    window.history[:] = float("nan")
    agrees(model, Session(lowered(model).SerializeToString()), window)
