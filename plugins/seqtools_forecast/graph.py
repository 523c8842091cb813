"""The graph of `forecast`: raw history in, calibrated quantiles in raw units out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import spox
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting.covariates import Window
from seqtools.export.forecasting.ensemble import LoweredEnsemble, beside
from seqtools.export.forecasting.scaling import roughly
from seqtools.export.forecasting.window import fitted, to_rows
from seqtools.export.graph import Var, Weights, constant
from seqtools.export.linear import Context
from seqtools.export.packed import PackedWeights
from seqtools.export.strings import lookup
from seqtools.forecaster import ForecastShape
from seqtools_forecast.calibrated import Calibrated
from seqtools_forecast.parts import Parts


def build(parts: Parts, *, card: Mapping[str, Any], profile: str = "portable") -> onnx.ModelProto:
    """The model file's graph, without metadata.

    Args:
        parts: what it is made of.
        profile: "portable", or "int8" for matrices that are kept in eight bits.
        card: what the output `card` says.
    """
    context, shape = Context(weights=PackedWeights() if profile == "int8" else Weights()), parts.shape
    given = _inputs(parts)
    window = _window(parts, given)
    ensemble = LoweredEnsemble(context, parts.network)
    scaled = ensemble.scaled(window)
    calibrated = Calibrated(context, parts.calibration, shape, draws=parts.draws)
    results: dict[str, Var] = {}
    if parts.draws:
        told, paths = ensemble.draw(window, scaled, given["noise"])
        results["samples"] = _samples(parts, paths)
    elif calibrated.alone:
        told = None
    else:
        told = ensemble(window, scaled)
    raw = roughly(ensemble.scaling.restore(calibrated(told, scaled), *beside(scaled)))
    raw = _clamped(ensemble.scaling.held(raw, scaled), shape)
    quantiles, mean = op.split(raw, constant([len(shape.levels), 1]), axis=2)
    # In order, whatever was added to the levels (Chernozhukov et al. 2010).
    quantiles, _ = op.top_k(quantiles, constant([len(shape.levels)]), axis=-1, largest=0, sorted=1)
    note = context.weights.text("card.json", json.dumps(card, ensure_ascii=False))
    outputs = {
        "quantiles": _by_target(parts, quantiles, (len(shape.levels),)),
        "mean": _by_target(parts, op.squeeze(mean, constant([2])), ()),
        **results,
        "levels": op.const(np.array(shape.levels, np.float32)),
        "card": op.identity(note),
    }
    model = context.weights.build(given, outputs)
    for told in model.graph.output:
        if told.name in ("quantiles", "mean", "samples"):
            told.type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def _inputs(parts: Parts) -> dict[str, Var]:
    """The frozen inputs, in order; those that the model has."""
    shape = parts.shape
    float32: dict[str, tuple[str | int, ...]] = {
        "history": ("batch", "time", *([shape.targets] if shape.targets > 1 else [])),
        "past": ("batch", "time", shape.past),
        "future": ("batch", "time_and_ahead", shape.future),
        "numbers": ("batch", shape.numbers),
    }
    there = {
        "history": True,
        "position": parts.dated,
        **{name: bool(getattr(shape, name)) for name in ("past", "future", "numbers", "categories")},
        "noise": parts.draws,
    }
    found: dict[str, Var] = {}
    for name in (name for name, wanted in there.items() if wanted):
        if name == "position":
            kind = spox.Tensor(np.int64, ("batch",))
        elif name == "categories":
            kind = spox.Tensor(np.str_, ("batch", len(shape.categories)))
        elif name == "noise":
            kind = spox.Tensor(np.float32, ("batch", "samples", "steps", 2 * shape.targets))
        else:
            kind = spox.Tensor(np.float32, float32[name])
        found[name] = spox.argument(kind)
    return found


def _window(parts: Parts, given: Mapping[str, Var]) -> Window:
    """What of the inputs is read."""
    shape = parts.shape
    history = fitted(given["history"], shape.context)
    past, future = given.get("past"), given.get("future")
    if future is not None and not parts.draws:
        future = fitted(future, shape.context + shape.horizon)
    return Window(
        history if shape.targets == 1 else to_rows(history, shape.context),
        given.get("position"),
        None if past is None else fitted(past, shape.context),
        future,
        given.get("numbers"),
        _ids(parts, given["categories"]) if "categories" in given else None,
    )


def _ids(parts: Parts, categories: Var) -> Var:
    """Values to ids from 1 on, unknown ones to 0: `[batch, categories]`."""
    columns = []
    for place, values in enumerate(parts.about.categories.values()):
        column = op.slice(categories, constant([place]), constant([place + 1]), constant([1]))
        ids = range(1, len(values) + 1)
        columns.append(lookup(column, list(values), list(ids), 0) if values else None)
    zeros = next(column for column in columns if column is not None)
    zeros = op.mul(zeros, constant(0))
    return op.concat([zeros if column is None else column for column in columns], axis=1)


def _samples(parts: Parts, paths: Var) -> Var:
    """Paths `[rows, samples, steps]` as they are told, `[batch, samples, steps(, targets)]`."""
    paths, targets = _clamped(paths, parts.shape), parts.shape.targets
    if targets == 1:
        return paths
    shape = op.concat([constant([-1, targets]), op.shape(paths, start=1, end=3)], axis=0)
    return op.transpose(op.reshape(paths, shape), perm=(0, 2, 3, 1))


def _clamped(values: Var, shape: ForecastShape) -> Var:
    return op.relu(values) if shape.non_negative else values


def _by_target(parts: Parts, values: Var, tail: tuple[int, ...]) -> Var:
    """`[rows, horizon, *tail]` -> `[batch, horizon(, targets), *tail]`."""
    targets = parts.shape.targets
    if targets == 1:
        return values
    steps, rest = op.shape(values, start=1, end=2), op.const(np.array(tail, np.int64))
    apart = op.reshape(values, op.concat([constant([-1, targets]), steps, rest], axis=0))
    return op.transpose(apart, perm=(0, 2, 1, *range(3, 3 + len(tail))))
