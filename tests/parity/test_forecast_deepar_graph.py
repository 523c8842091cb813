"""Paths of DeepAR drawn inside the graph, against torch's, and what they cost."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
import spox
import torch
from numpy.typing import NDArray

from seqtools.export.forecasting import window as windows
from seqtools.export.forecasting.covariates import Window as GraphWindow
from seqtools.export.forecasting.deepar import LoweredDeepAR, quantiles_of
from seqtools.export.forecasting.scaling import LoweredScaling
from seqtools.export.graph import Weights
from seqtools.export.linear import Context
from seqtools.forecaster import ForecasterConfig, ForecastShape
from seqtools.nn.forecasting import deepar
from seqtools.nn.forecasting.deepar import DeepAR
from seqtools.nn.forecasting.window import Window, make_window
from seqtools.runtime.session import Session

HEADS = ("student", "normal", "negbin")
PLAIN = ForecastShape(horizon=5, context=30, seasons=(6,), levels=(0.1, 0.35, 0.5, 0.9))
RICH = replace(PLAIN, past=1, future=2, numbers=1, categories=(3,), periods=((6, 1), (24, 1)), targets=2)
OPTIONS: dict[str, dict[str, Any]] = {
    "everything beside the history": {"of": RICH, "calendar": True},
    "two layers, normed": {"layers": 2, "layer_norm": "between"},
    "normed gates": {"layer_norm": "cell", "cell": "gru.v1"},
    "Elman": {"cell": "rnn_tanh.v1"},
    "learned states": {"learned_state": True, "layers": 2, "cell": "gru.v1"},
    "no mix of lags": {"residual": "none"},
    "no flags": {"observed": False},
    "logarithms": {"transform": "log", "location": "last", "scale": "std"},
    "one step of history": {"of": replace(PLAIN, context=1, seasons=())},
    "lags of all its history": {"of": replace(PLAIN, context=13), "lags": 2},
}


def network(head: str = "student", of: ForecastShape = PLAIN, **given: Any) -> DeepAR:
    torch.manual_seed(0)
    told = {"location": "zero", "scale": "mean_abs", "width": 6, "samples": 40, "cell": "lstm.v1", **given}
    model = DeepAR(ForecasterConfig(kind="deepar", head=head, **told), of)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def lowered(model: DeepAR) -> onnx.ModelProto:
    """The network alone: raw history, covariates and noise to paths and scaled quantiles."""
    shape, context, kind = model.shape, Context(), np.float32
    inputs = {
        "history": spox.argument(spox.Tensor(kind, ("batch", "time", shape.targets))),
        "noise": spox.argument(spox.Tensor(kind, ("batch", "samples", "steps", 2 * shape.targets))),
    }
    sizes = {"past": shape.past, "future": shape.future}
    for name, size in sizes.items():
        if size:
            inputs[name] = spox.argument(spox.Tensor(kind, ("batch", f"{name}_time", size)))
    if shape.numbers:
        inputs["numbers"] = spox.argument(spox.Tensor(kind, ("batch", shape.numbers)))
    if shape.categories:
        inputs["categories"] = spox.argument(spox.Tensor(np.int64, ("batch", len(shape.categories))))
    if shape.periods:
        inputs["position"] = spox.argument(spox.Tensor(np.int64, ("batch",)))
    given = {name: var for name, var in inputs.items() if name != "noise"}
    given["history"] = windows.to_rows(windows.fitted(given["history"], shape.context), shape.context)
    if shape.past:
        given["past"] = windows.fitted(given["past"], shape.context)
    window = GraphWindow(**given)
    scaled = LoweredScaling(model.scaling)(window.history, None)
    drawn = LoweredDeepAR(context, model, "deepar")(window, scaled, inputs["noise"])
    return context.weights.build(inputs, drawn._asdict())


def example(of: ForecastShape, rows: int = 3, time: int = 0, ahead: int = 0, seed: int = 1) -> Window:
    """Counts from 0 to 12, so that every head takes them, with gaps."""
    draw = torch.Generator().manual_seed(seed)
    time, ahead = time or of.context, ahead or of.horizon

    def random(*sizes: int) -> torch.Tensor:
        return torch.rand(*sizes, generator=draw)

    history = (random(rows, time, of.targets) * 12).round() + 1
    history[random(rows, time, of.targets) < 0.2] = float("nan")
    return make_window(
        history,
        position=torch.arange(rows) * 1000 - 3,
        past=random(rows, time, of.past),
        future=random(rows, time + ahead if of.future else 0, of.future),
        numbers=random(rows, of.numbers),
        categories=torch.arange(rows)[:, None].expand(-1, len(of.categories)) % 3,
    )


def uniforms(rows: int, samples: int, steps: int, targets: int = 1) -> torch.Tensor:
    draw = torch.Generator().manual_seed(2)
    return torch.rand(rows, samples, steps, 2 * targets, generator=draw)


def run(session: Session, window: Window, noise: torch.Tensor) -> dict[str, NDArray[np.float32]]:
    names = ["samples", "quantiles", "mean"]
    fields = {**window._asdict(), "noise": noise}
    feeds = {name: np.ascontiguousarray(fields[name].numpy()) for name in session.inputs}
    return dict(zip(names, session.run(names, feeds), strict=True))


def apart(ours: NDArray[np.float32], theirs: torch.Tensor, targets: int) -> float:
    """Largest difference over largest value, rows of targets put back beside each other."""
    grouped = ours.reshape(-1, targets, *ours.shape[1:])
    whole = grouped.transpose(0, *range(2, grouped.ndim), 1) if theirs.ndim == 4 else grouped
    wanted = theirs.detach().numpy()
    assert whole.shape == wanted.shape
    return float(np.abs(whole - wanted).max() / (1 + np.abs(wanted).max()))


def agrees(model: DeepAR, ahead: int = 9) -> None:
    """Paths beyond the horizon, and the forecast of the horizon."""
    of = model.shape
    session = Session(lowered(model).SerializeToString())
    for time_ in (of.context, 2, 2 * of.context):
        window, noise = example(of, time=time_, ahead=ahead), uniforms(3, 7, ahead, of.targets)
        told = run(session, window, noise)
        assert apart(told["samples"], model.sample(window, noise), of.targets) < 1e-5
    window, noise = example(of), uniforms(3, 7, of.horizon, of.targets)
    told, wanted = run(session, window, noise), model(window, noise)
    quantiles = told["quantiles"].reshape(3, of.targets, of.horizon, -1).transpose(0, 2, 1, 3)
    mean = told["mean"].reshape(3, of.targets, of.horizon).transpose(0, 2, 1)
    assert np.abs(quantiles - wanted.quantiles.numpy()).max() < 1e-5 * (1 + np.abs(quantiles).max())
    assert np.abs(mean - wanted.mean.numpy()).max() < 1e-5 * (1 + np.abs(mean).max())


@pytest.mark.parametrize("head", HEADS)
def test_heads(head: str) -> None:
    agrees(network(head, layers=2))


@pytest.mark.parametrize("options", OPTIONS)
def test_options(options: str) -> None:
    agrees(network(**OPTIONS[options]))


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1.0, 1e12])
def test_sizes(size: float) -> None:
    model = network()
    session = Session(lowered(model).SerializeToString())
    window, noise = example(PLAIN), uniforms(3, 7, 5)
    window = window._replace(history=window.history * size)
    told, wanted = run(session, window, noise)["samples"], model.sample(window, noise).numpy()
    assert np.abs(told - wanted[..., 0]).max() < 1e-5 * np.abs(wanted).max()


def test_a_series_is_the_same_in_any_batch_and_samples_do_not_know_of_each_other() -> None:
    session = Session(lowered(network(layers=2)).SerializeToString())
    window, noise = example(PLAIN, rows=17), uniforms(17, 12, 8)
    together = run(session, window, noise)["samples"]
    for row in (0, 5, 16):
        few = Window(*(part[row : row + 1] for part in window))
        alone = run(session, few, noise[row : row + 1])["samples"][0]
        np.testing.assert_allclose(alone, together[row], rtol=1e-4, atol=1e-4)
        one = run(session, few, noise[row : row + 1, 4:5])["samples"][0, 0]
        np.testing.assert_allclose(one, together[row, 4], rtol=1e-4, atol=1e-4)
    again = run(session, window, noise)["samples"]
    assert np.array_equal(again, together)


def test_odd_histories_give_numbers() -> None:
    model = network()
    session, window = Session(lowered(model).SerializeToString()), example(PLAIN, rows=4)
    window.history[0], window.history[1] = float("nan"), 0.0
    window.history[2, :29] = float("nan")
    window.history[3] = 7.0
    told = run(session, window, uniforms(4, 3, 5))["samples"]
    assert np.isfinite(told).all()
    np.testing.assert_allclose(told, model.sample(window, uniforms(4, 3, 5))[..., 0], rtol=1e-4, atol=1e-4)


def test_quantiles_are_torchs() -> None:
    paths = spox.argument(spox.Tensor(np.float32, ("rows", "steps", "samples")))
    levels = spox.argument(spox.Tensor(np.float32, ("levels",)))
    made = Weights().build({"paths": paths, "levels": levels}, {"q": quantiles_of(paths, levels)})
    session = Session(made.SerializeToString())
    for samples in (1, 2, 10, 101):
        given = torch.randn(3, samples, 4, generator=torch.Generator().manual_seed(samples))
        wanted_levels = torch.tensor([0.01, 0.5, 0.77])
        told = session.run(
            ["q"], {"paths": given.transpose(1, 2).contiguous().numpy(), "levels": wanted_levels.numpy()}
        )[0]
        wanted = deepar.quantiles_of(given, wanted_levels).numpy()
        np.testing.assert_allclose(told, wanted, rtol=1e-6, atol=1e-6)


def test_a_hundred_paths_of_two_days_are_drawn_at_once() -> None:
    of = ForecastShape(horizon=48, context=336, seasons=(24, 168), periods=((24, 1), (168, 1)))
    model = network(of=of, layers=2, width=40, calendar=True)
    session = Session(lowered(model).SerializeToString())
    window, noise = example(of, rows=1), uniforms(1, 100, 48)
    taken = []
    for _ in range(4):
        begun = time.process_time()
        run(session, window, noise)
        taken.append(time.process_time() - begun)
    assert min(taken) < 0.1, "100 x 48 within 100 ms of one thread"
