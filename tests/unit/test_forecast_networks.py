"""Forecasters: scale and shift, gaps and padding, what reaches the output, what each option does."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import ConfigError
from seqtools.forecaster import ForecasterConfig
from seqtools.nn.forecasting.ensemble import build
from seqtools.nn.forecasting.segment import segment_steps
from seqtools.nn.forecasting.window import Window, make_window

tiny: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_forecast_network.py"))))
CORES = tiny.CORES
NAN = float("nan")
PLAIN = tiny.shape()


def close(told: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-4) -> None:
    size = float(expected.abs().max())
    torch.testing.assert_close(told / size, expected / size, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", CORES)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    st.integers(-12, 12),
    st.sampled_from([("last", "std"), ("mean", "step"), ("median", "robust"), ("seasons", "difference")]),
    st.booleans(),
)
def test_scale_and_shift_go_through(kind: str, power: int, scaling: tuple[str, str], odd: bool) -> None:
    location, scale = scaling
    given = {"location": location, "scale": scale, "affine": odd, "linear": odd, "normalise": odd}
    model = tiny.network(kind, residual="both" if odd else "seasonal", **given)
    of = tiny.window(PLAIN)
    plain = tiny.raw(model, of)
    factor = 3 * 10.0**power
    close(tiny.raw(model, of._replace(history=of.history * factor)), plain * factor)
    close(tiny.raw(model, of._replace(history=of.history + 7)), plain + 7)
    close(tiny.raw(model, of._replace(history=(of.history + 7) * factor)), (plain + 7) * factor)


@pytest.mark.parametrize("transform", ["log", "asinh"])
@pytest.mark.parametrize("power", [-12, 0, 12])
def test_scale_goes_through_transforms(transform: str, power: int) -> None:
    model = tiny.network("segment", transform=transform, normalise=True)
    of = tiny.window(PLAIN)
    plain = tiny.raw(model, of)
    close(tiny.raw(model, of._replace(history=of.history * 10.0**power)), plain * 10.0**power, 1e-3)
    assert bool((plain > 0).all()) or transform == "asinh"


@pytest.mark.parametrize("kind", CORES)
def test_a_short_history_is_the_same_padded_with_nan(kind: str) -> None:
    of = tiny.rich_shape()
    model = tiny.network(kind, of, calendar=True, residual="both", normalise=True)
    for time in (1, 5, 21):
        short = tiny.window(of, time=time)
        pad = dict.fromkeys(("history", "past", "future"), (0, 0, 30, 0))
        padded = short._replace(
            **{
                name: torch.nn.functional.pad(getattr(short, name), sizes, value=NAN)
                for name, sizes in pad.items()
            }
        )
        told = tiny.raw(model, short)
        assert bool(told.isfinite().all())
        assert told.equal(tiny.raw(model, padded))


@pytest.mark.parametrize("kind", CORES)
@pytest.mark.parametrize("transform", ["none", "log", "asinh"])
def test_gaps_constants_zeros_and_nothing_are_finite(kind: str, transform: str) -> None:
    history = tiny.window(PLAIN, rows=8).history
    history[0] = NAN
    history[1] = 0
    history[2] = 5
    history[3, ::2] = NAN
    history[4, 1:] = NAN
    history[5, :-1] = NAN
    history[6] *= 1e-30
    history[7, 3] = float("inf")
    for scale in ("std", "difference", "none"):
        model = tiny.network(kind, transform=transform, scale=scale, residual="both", normalise=True)
        told = tiny.raw(model, make_window(history))
        assert bool(told.isfinite().all())
        assert bool((told.diff(dim=-1) >= 0).all())
    # What a gap or a neighbour holds is not read.
    alone = tiny.raw(model, make_window(history[3:4]))
    torch.testing.assert_close(alone, told[3:4])


@pytest.mark.parametrize("kind", CORES)
def test_a_sine_is_learned_in_few_steps(kind: str) -> None:
    torch.manual_seed(1)
    of = tiny.shape(seasons=(8,), horizon=8, context=24)
    model = build(ForecasterConfig(kind=kind, width=16, residual="none", dropout_output=0), of)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

    def batch() -> tuple[Window, torch.Tensor]:
        steps = torch.arange(32.0) + 8 * torch.rand(32, 1)
        waves = (torch.rand(32, 1) + 0.5) * 100 * (steps * 2 * torch.pi / 8).sin() + 1000
        return make_window(waves[:, :24, None]), waves[:, 24:, None]

    levels = torch.tensor(of.levels)

    def error() -> torch.Tensor:
        window, target = batch()
        forecast = model(window)
        miss = model.scaled(target, forecast)[..., None] - forecast.quantiles
        return torch.maximum(levels * miss, (levels - 1) * miss).mean()

    first = float(error().detach())
    for _ in range(60):
        optimizer.zero_grad()
        loss = error()
        loss.backward()
        optimizer.step()
    assert float(error().detach()) < first / 3


OPTIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    *(
        (kind, {}, changed)
        for kind in CORES
        for changed in (
            {"cell": "lstm.v1"},
            {"layers": 2},
            {"width": 7},
            {"last_width": 5},
            {"learned_state": True},
            {"layer_norm": "between"},
            {"layer_norm": "cell"},
            {"init": "uniform"},
            {"dropout_input": 0.5},
            {"dropout_output": 0.9},
            {"dropout_weight": 0.5},
        )
    ),
    *(
        ("segment", {}, changed)
        for changed in (
            {"segment": 3},
            *({"head": head} for head in ("normal", "student")),
            *({"location": location} for location in ("zero", "mean", "median", "season", "seasons")),
            *({"scale": scale} for scale in ("none", "mean_abs", "robust", "difference", "step")),
            {"affine": True},
            {"normalise": True},
            {"observed": False},
            {"transform": "log"},
            {"transform": "asinh"},
            *({"residual": residual} for residual in ("none", "level", "both")),
            {"deep": True},
            {"linear": True},
            {"calendar": True},
            {"mixing": True},
            {"embedding": 3},
            {"members": 2},
        )
    ),
    ("segment", {"layers": 2}, {"dropout_hidden": 0.5}),
    ("recurrent", {"layers": 2}, {"dropout_hidden": 0.5}),
    ("seq2seq", {"layers": 2}, {"dropout_hidden": 0.5}),
    ("segment", {"cell": "lstm.v1"}, {"forget_bias": 3.0}),
    ("segment", {"dropout_input": 0.5}, {"locked": False}),
    ("recurrent", {"layers": 2}, {"dilations": "1,4"}),
    *(("seq2seq", {}, {"attention": kind}) for kind in ("dot", "scaled_dot", "concat", "additive")),
]


@pytest.mark.parametrize(
    ("kind", "base", "changed"), OPTIONS, ids=[f"{kind}-{changed}" for kind, _, changed in OPTIONS]
)
def test_every_option_does_something(kind: str, base: dict[str, Any], changed: dict[str, Any]) -> None:
    of = tiny.rich_shape(targets=2)
    one, other = (tiny.network(kind, of, **{**base, **more}) for more in ({}, changed))
    shapes = [{name: part.shape for name, part in model.state_dict().items()} for model in (one, other)]
    started = [
        torch.cat([part.flatten().float() for part in model.state_dict().values()]) for model in (one, other)
    ]
    if shapes[0] != shapes[1] or not started[0].equal(started[1]):
        return
    told = []
    for model in (one, other):
        torch.manual_seed(1)
        told.append(tiny.raw(model.train(), tiny.window(of)))
    assert not torch.allclose(told[0], told[1])


@pytest.mark.parametrize("kind", CORES)
def test_everything_beside_the_history_reaches_the_forecast(kind: str) -> None:
    of = tiny.rich_shape(targets=2)
    model = tiny.network(kind, of, calendar=True, mixing=True)
    window = tiny.window(of)
    plain = tiny.raw(model, window)

    def moves(**parts: torch.Tensor) -> bool:
        return not torch.allclose(tiny.raw(model, window._replace(**parts)), plain, rtol=1e-4)

    assert moves(past=window.past + 1)
    assert moves(numbers=window.numbers + 1)
    assert moves(categories=window.categories + 1)
    assert moves(position=window.position + 5)
    before, ahead = window.future.clone(), window.future.clone()
    before[:, : of.context] += 1
    ahead[:, of.context + 3 :] += 1
    assert moves(future=before) and moves(future=ahead)
    # Missing covariates are what is usual.
    gone = window._replace(past=window.past * NAN, numbers=window.numbers * NAN)
    none = window._replace(past=window.past * 0, numbers=window.numbers * 0)
    assert tiny.raw(model, gone).equal(tiny.raw(model, none))
    # Each target knows its name, and with mixing the other one.
    twins = window._replace(history=window.history[..., :1].expand(-1, -1, 2))
    told = tiny.raw(model, twins)
    assert not torch.allclose(told[:, :, 0], told[:, :, 1])
    other = window.history.clone()
    other[..., 1] = other[..., 1].flip(1)
    assert not torch.allclose(
        tiny.raw(model, window._replace(history=other))[:, :, 0], plain[:, :, 0], rtol=1e-4
    )
    apart = tiny.network(kind, of, calendar=True)
    torch.testing.assert_close(
        tiny.raw(apart, window._replace(history=other))[:, :, 0], tiny.raw(apart, window)[:, :, 0]
    )


def test_figures_of_the_training_data_are_kept_with_the_weights() -> None:
    of = tiny.rich_shape()
    model = tiny.network("segment", of, scale="none", members=2)
    window = tiny.window(of)
    plain = tiny.raw(model, window)
    model.settle(
        standard=torch.tensor([20.0]),
        past=(torch.tensor([4.0]), torch.tensor([2.0])),
        future=(torch.zeros(2), torch.tensor([0.0, 3.0])),
        numbers=(torch.tensor([1.0]), torch.tensor([1.0])),
    )
    told = tiny.raw(model, window)
    assert not torch.allclose(told, plain) and bool(told.isfinite().all())
    again = tiny.network("segment", of, scale="none", members=2, seed=9)
    again.load_state_dict(model.state_dict())
    assert tiny.raw(again, window).equal(told)


def test_a_gain_and_a_shift_are_undone() -> None:
    model = tiny.network("segment", affine=True, residual="none", linear=False)
    member = model.members[0]
    with torch.no_grad():
        member.output.weight.zero_()
        member.output.bias.copy_(member.head.start().repeat(member.core.block))
        member.gain.fill_(0.5)
        member.shift.fill_(-2.0)
        forecast = model(tiny.window(PLAIN))
        start = member.head(member.head.start())
    expected = (start.quantiles + 2) / torch.tensor(0.5).exp()
    torch.testing.assert_close(forecast.quantiles, expected.expand_as(forecast.quantiles))
    torch.testing.assert_close(forecast.mean, torch.full_like(forecast.mean, 2) / torch.tensor(0.5).exp())


def test_a_linear_map_begins_alone() -> None:
    torch.manual_seed(1)
    model = build(ForecasterConfig(kind="segment", width=6, residual="none", linear=True), PLAIN).eval()
    linear = model.members[0].linear
    with torch.no_grad():
        linear.weight.normal_()
        forecast = model(tiny.window(PLAIN))
        expected = linear(forecast.filled[..., 0])[..., None]
    torch.testing.assert_close(forecast.mean, expected)
    torch.testing.assert_close(forecast.quantiles[..., 2], expected)
    model(tiny.window(PLAIN)).mean.sum().backward()
    assert bool(model.members[0].output.weight.grad.any()), "what it adds can be learned"


def test_an_ensemble_is_the_mean_of_its_members() -> None:
    model = tiny.network("recurrent", members=3, transform="log")
    window = tiny.window(PLAIN)
    with torch.no_grad():
        told = model(window)
        parts = [(member, member(window)) for member in model.members]
    quantiles = torch.stack([member.restore(part.quantiles, part) for member, part in parts]).mean(dim=0)
    mean = torch.stack([member.restore(part.mean, part) for member, part in parts]).mean(dim=0)
    torch.testing.assert_close(model.restore(told.quantiles, told), quantiles, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model.restore(told.mean, told), mean, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("asked", "mapped"), [(0, 3), (1, 1), (5, 3)])
def test_as_many_members_have_a_map_as_are_asked_for(asked: int, mapped: int) -> None:
    model = tiny.network("segment", members=3, linear=True, linear_members=asked)
    assert [member.linear is not None for member in model.members] == [True] * mapped + [False] * (3 - mapped)


def test_noise_is_for_training_only() -> None:
    model = tiny.network("segment")
    window = tiny.window(PLAIN)
    plain = tiny.raw(model, window)
    model.members[0].noise = 0.5
    assert tiny.raw(model, window).equal(plain)
    assert not torch.allclose(tiny.raw(model.train(), window), plain)


def test_a_dilated_layer_sees_every_nth_step() -> None:
    from seqtools.nn.forecasting.dilated import read_dilated
    from seqtools.nn.stack import RecurrentStack

    torch.manual_seed(1)
    stack = RecurrentStack(ForecasterConfig(width=4), 3)
    x = torch.randn(9, 2, 3)
    told = read_dilated(stack, x, (4,))
    alone, _ = stack(x[[0, 4, 8]], stack.start(2))
    padded, _ = stack(torch.cat([torch.zeros(1, 2, 3), x[3::4]]), stack.start(2))
    torch.testing.assert_close(told[8], alone[2])
    torch.testing.assert_close(told[7], padded[2])
    assert told.shape == (9, 2, 4)


def test_segments_go_by_the_season() -> None:
    def steps(context: int, *seasons: int, told: int = 0) -> int:
        return segment_steps(ForecasterConfig(segment=told), tiny.shape(context=context, seasons=seasons))

    assert [steps(400, season) for season in (24, 52, 96, 7, 131, 132)] == [24, 13, 24, 7, 24, 22]
    assert [steps(400), steps(24), steps(3), steps(10, 24), steps(400, 24, told=12)] == [16, 3, 1, 10, 12]


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ({"kind": "auto"}, "network.kind"),
        ({"kind": "recurrent", "layers": 2, "dilations": "1,x"}, "network.dilations"),
        ({"kind": "recurrent", "layers": 2, "dilations": "4"}, "network.dilations"),
        ({"kind": "seq2seq", "attention": "none"}, "network.attention"),
        ({"kind": "segment", "head": "negbin"}, "network.head"),
    ],
)
def test_what_does_not_fit_is_told(given: dict[str, Any], subject: str) -> None:
    with pytest.raises(ConfigError, match=subject):
        build(ForecasterConfig(**given), PLAIN)


@pytest.mark.parametrize("levels", [(0.5, 0.1), (0.1, 0.9), (0.0, 0.5), (0.5, 0.5)])
def test_levels_ascend_about_the_median(levels: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"data\.levels"):
        build(ForecasterConfig(kind="segment"), tiny.shape(levels=levels))
