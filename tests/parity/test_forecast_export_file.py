"""A forecast file by itself: what it reads, what it tells, what is written into it."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from seqtools.errors import ExportError, UsageError
from seqtools.export.graph import Weights
from seqtools.model_file import ModelFile
from seqtools.parity import compare, tolerance
from seqtools_forecast import export
from seqtools_forecast.about import about
from seqtools_forecast.graph import build
from seqtools_forecast.made_up import feeds_of
from seqtools_forecast.reference import reference
from seqtools_forecast.runner import Runner
from seqtools_forecast.verify import verify

HERE = Path(__file__).resolve().parents[1] / "unit"
tiny: Any = SimpleNamespace(**runpy.run_path(str(HERE / "tiny_forecast_parts.py")))


@cache
def made() -> tuple[Any, Runner]:
    """A file with a simple method and offsets, and what it was made of."""
    shape = tiny.shape()
    parts = tiny.parts({}, shape, tiny.calibration(shape, "seasonal naive 4", 0.6))
    return parts, Runner(build(parts, card={}).SerializeToString())


def history(rows: int, time: int, seed: int = 1) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Series of ups and downs."""
    return np.random.default_rng(seed).normal(3, 1, (rows, time)).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_any_batch_and_a_series_alone(batch: int) -> None:
    parts, runner = made()
    given = history(batch, 40)
    given[:, 5:9] = np.nan
    quantiles, mean = runner(["quantiles", "mean"], {"history": given})
    assert quantiles.shape == (batch, 6, 5) and mean.shape == (batch, 6)
    wanted = reference(parts, {"history": given})
    np.testing.assert_allclose(quantiles, wanted[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(mean, wanted[1], rtol=1e-5, atol=1e-5)
    alone = runner(["quantiles"], {"history": given[:1]})[0]
    np.testing.assert_allclose(quantiles[:1], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "network",
    [
        {},
        {"scale": "none"},
        {"kind": "recurrent", "cell": "rnn_tanh.v1"},
        {"kind": "smoothing"},
        {"kind": "deepar", "head": "student"},
    ],
)
def test_all_that_a_file_holds_is_used(network: dict[str, Any]) -> None:
    """Of a weight without a use, and of a constant in a loop, onnxruntime warns every host."""
    shape = tiny.shape()
    made = build(tiny.parts(network, shape, tiny.calibration(shape)), card={})
    used = set(reads(made.graph)) | {port.name for port in made.graph.output}
    assert {weight.name for weight in made.graph.initializer} <= used
    assert all(made_in <= read_in for made_in, read_in in loops(made.graph))


def loops(graph: Any) -> Iterator[tuple[set[str], set[str]]]:
    """Constants of each loop's body, and what is read in it."""
    for node in graph.node:
        for inner in (attribute.g for attribute in node.attribute if attribute.g.node):
            if node.op_type == "Loop":
                constants = {one.output[0] for one in inner.node if one.op_type == "Constant"}
                yield constants, set(reads(inner)) | {port.name for port in inner.output}
            yield from loops(inner)


def reads(graph: Any) -> Iterator[str]:
    """Names that nodes read, in graphs within graphs, too."""
    for node in graph.node:
        yield from node.input
        for inner in node.attribute:
            yield from reads(inner.g)


@pytest.mark.parametrize("time", [1, 2, 29, 30, 31, 60])
def test_any_time_and_what_lies_before_the_window_has_no_say(time: int) -> None:
    _, runner = made()
    given = history(3, time)
    (told,) = runner(["quantiles"], {"history": given})
    longer = np.concatenate([np.full((3, 7), np.nan, np.float32), given], axis=1)
    assert np.array_equal(runner(["quantiles"], {"history": longer})[0], told)
    if time > 30:
        assert np.array_equal(runner(["quantiles"], {"history": given[:, -30:]})[0], told)


def test_infinities_count_as_missing_and_nothing_seen_is_finite() -> None:
    _, runner = made()
    given = history(2, 30)
    gaps, wild = given.copy(), given.copy()
    gaps[:, [3, 11]], wild[:, [3, 11]] = np.nan, (np.inf, -np.inf)
    told = [runner(["quantiles", "mean"], {"history": part}) for part in (gaps, wild)]
    assert all(np.array_equal(a, b) for a, b in zip(*told, strict=True))
    for values in runner(["quantiles", "mean"], {"history": np.full((1, 9), np.nan, np.float32)}):
        assert np.isfinite(values).all()


def test_quantiles_never_cross_whatever_calibration_does() -> None:
    _, runner = made()
    (quantiles,) = runner(["quantiles"], {"history": history(20, 35)})
    assert (np.diff(quantiles, axis=2) >= 0).all()


def test_nothing_below_zero_is_told_where_nothing_can_be() -> None:
    shape = tiny.shape(non_negative=True)
    runner = Runner(build(tiny.parts({}, shape), card={}).SerializeToString())
    given = np.abs(history(8, 30)) ** 3
    quantiles, mean = runner(["quantiles", "mean"], {"history": given})
    assert (quantiles >= 0).all() and (mean >= 0).all() and (quantiles == 0).any()


@pytest.mark.parametrize(
    "expert, weight", [("drift", 0.5), ("season mean 12 2", 0.25), ("theta 0.3", 0.9), ("naive", 0.0)]
)
@pytest.mark.parametrize("targets", [1, 2])
def test_a_simple_method_has_its_say(expert: str, weight: float, targets: int) -> None:
    shape = tiny.shape(targets=targets)
    parts = tiny.parts({}, shape, tiny.calibration(shape, expert, weight))
    model = build(parts, card={})
    assert verify(Runner(model.SerializeToString()), parts).worst <= 1e-5
    assert (weight > 0) == any(
        tensor.name.startswith("member.0.output") for tensor in model.graph.initializer
    )


@pytest.mark.parametrize("expert, weight", [("", 1.0), ("drift", 0.5), ("naive", 0.0)])
@pytest.mark.parametrize("targets, exponent", [(1, 0.5), (1, 1.0), (2, 0.5)])
def test_restless_windows_get_wider_intervals(
    expert: str, weight: float, targets: int, exponent: float
) -> None:
    shape = tiny.shape(targets=targets)
    fitted = tiny.calibration(shape, expert, weight, exponent)
    parts = tiny.parts({"location": "mean", "scale": "none"}, shape, fitted)
    runner = Runner(build(parts, card={}).SerializeToString())
    assert verify(runner, parts).worst <= 1e-5
    calm = parts.network.forecasters()[0].standard.numpy() * history(1, 60).reshape(1, 30, 2)[..., :targets]
    both = np.concatenate([calm, 3 * calm]).astype(np.float32)
    quantiles = runner(["quantiles"], {"history": both if targets > 1 else both[..., 0]})[0]
    width = (quantiles[..., -1] - quantiles[..., 0]).reshape(2, -1).mean(axis=1)
    plain = Runner(
        build(
            tiny.parts({"location": "mean", "scale": "none"}, shape, tiny.calibration(shape, expert, weight)),
            card={},
        ).SerializeToString()
    )
    flat = plain(["quantiles"], {"history": both if targets > 1 else both[..., 0]})[0]
    usual = (flat[..., -1] - flat[..., 0]).reshape(2, -1).mean(axis=1)
    assert width[1] / usual[1] > 1.5 * width[0] / usual[0]


def test_a_fallback_without_quantiles_tells_the_method_at_every_level() -> None:
    shape = tiny.shape()
    fitted = tiny.calibration(shape, "naive", 0.0)
    zeros = np.zeros_like(fitted.offsets)
    plain = replace(fitted, offsets=zeros, expert_offsets=zeros, mean_offsets=zeros[..., 0])
    runner = Runner(build(tiny.parts({}, shape, plain), card={}).SerializeToString())
    given = history(2, 30)
    quantiles, mean = runner(["quantiles", "mean"], {"history": given})
    np.testing.assert_allclose(quantiles, np.broadcast_to(given[:, -1, None, None], (2, 6, 5)), rtol=1e-6)
    np.testing.assert_allclose(mean, np.broadcast_to(given[:, -1, None], (2, 6)), rtol=1e-6)


def test_values_of_categories_that_training_never_met_are_one_and_the_same() -> None:
    shape = tiny.shape(categories=(3, 4))
    runner = Runner(build(tiny.parts({}, shape), card={}).SerializeToString())
    given = {"history": np.repeat(history(1, 30), 4, axis=0)}
    rows = [["blue", "ä"], ["red", "ä"], ["green", "ä"], ["", "ä"]]
    (told,) = runner(["mean"], {**given, "categories": np.array(rows, object)})
    assert np.array_equal(told[2], told[3])
    assert not np.allclose(told[0], told[1]) and not np.allclose(told[0], told[2])


def test_paths_of_several_targets_and_beyond_the_horizon() -> None:
    shape = tiny.shape(targets=2, non_negative=True)
    fitted = tiny.calibration(shape)
    parts = tiny.parts({"kind": "deepar", "head": "student", "members": 2}, shape, fitted)
    runner = Runner(build(parts, card={}).SerializeToString())
    rng = np.random.default_rng(1)
    feeds = feeds_of(parts, np.abs(history(3, 60)).reshape(3, 30, 2), rng)
    feeds["noise"] = rng.uniform(0.01, 0.99, (3, 4, 9, 4)).astype(np.float32)
    quantiles, mean, samples = runner(["quantiles", "mean", "samples"], feeds)
    assert quantiles.shape == (3, 9, 2, 5) and mean.shape == (3, 9, 2) and samples.shape == (3, 4, 9, 2)
    assert (samples >= 0).all()
    nearer = runner(["quantiles"], {**feeds, "noise": feeds["noise"][:, :, :6]})[0]
    np.testing.assert_allclose(quantiles[:, :6], nearer, rtol=1e-5, atol=1e-6)
    shifted = fitted.offsets[-1]
    assert np.abs(shifted).max() > 0  # the last step's offsets stand for those beyond


@pytest.mark.parametrize("config", [{}, {"cell": "lstm.v1", "transform": "log", "location": "median"}])
def test_the_reference_runtime_of_onnx_agrees(config: dict[str, Any]) -> None:
    shape = tiny.shape()
    parts = tiny.parts(config, shape, tiny.calibration(shape, "naive", 0.5))
    model = build(parts, card={})
    given = np.abs(history(1, 26))
    given[:, 4:7] = np.nan
    ours = Runner(model.SerializeToString())(["quantiles", "mean"], {"history": given})
    theirs = ReferenceEvaluator(model).run(["quantiles", "mean"], {"history": given})
    for told, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(told, wanted, rtol=1e-4, atol=1e-4)


def test_what_is_written_into_a_file(tmp_path: Path) -> None:
    shape = tiny.shape(periods=((24, 1),), future=1)
    path = tiny.write(tmp_path / "model.onnx", {"calendar": True}, like=shape, fitted=tiny.calibration(shape))
    model = ModelFile.open(path, expect_task="forecast")
    assert [port.name for port in model.inputs] == ["history", "position", "future"]
    assert [port.name for port in model.outputs] == ["quantiles", "mean", "levels", "card"]
    assert set(model.io["inputs"]) == {"history", "position", "future"}
    assert model.opsets.keys() <= {"", "ai.onnx.ml"}
    told = about(model)
    assert told.shape == shape and told.future == ("f0",) and told.kind == "segment"
    runner = Runner(model.data)
    feeds = feeds_of(
        tiny.parts({"calendar": True}, shape), history(1, 30)[..., None], np.random.default_rng(1)
    )
    (note,) = runner(["card"], feeds)
    card = json.loads(str(note))
    assert card["verification"]["tolerance"] >= max(card["verification"]["largest_difference"].values())
    found = compare(lambda names, feeds: runner(names, feeds), model.parity, "the file")
    assert {one.case for one in found} == {"one series", "two series"}
    assert all(one.largest <= tolerance(model.parity) and not one.unequal for one in found)
    assert "NaN" not in json.dumps(model.parity)


def test_a_file_that_disagrees_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = Weights.add

    def wrong(self: Weights, name: str, array: Any) -> Any:
        return add(self, name, array + np.float32(0.1) if name == "member.0.output.bias" else array)

    monkeypatch.setattr(Weights, "add", wrong)
    with pytest.raises(ExportError, match="quantiles differ from torch"):
        tiny.write(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_profiles_and_forms_that_are_not_there(tmp_path: Path) -> None:
    for wrong in ({"profile": "tiny"}, {"form": "ids"}):
        with pytest.raises(UsageError):
            export.export_run(tmp_path, tmp_path / "model.onnx", report=print, **wrong)


def test_matrices_in_eight_bits_make_a_small_file_that_says_nearly_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"width": 48, "layers": 2}
    paths = [
        tiny.write(tmp_path / f"{profile}.onnx", config, profile=profile) for profile in ("portable", "int8")
    ]
    sizes = [ModelFile.open(path).weights for path in paths]
    assert sizes[1] < 0.35 * sizes[0]
    given = {"history": history(4, 30)}
    exact, near = (Runner(path.read_bytes())(["quantiles"], given)[0] for path in paths)
    width = (exact[..., -1] - exact[..., 0])[..., None]
    assert 0 < (np.abs(near - exact) / width).max() < 0.1
    assert ModelFile.open(paths[1]).card["int8"]["moved"] < export.MOST_MOVED
    monkeypatch.setattr(export, "MOST_MOVED", 1e-9)
    with pytest.raises(ExportError, match="in eight bits"):
        tiny.write(tmp_path / "again.onnx", config, profile="int8")
