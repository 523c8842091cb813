"""Paths of DeepAR as a graph: recurrent nodes over the window, then a loop that draws a step a turn.

Each target of each series is a row; in the loop each sample of each row is. Time stands first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.cells import State
from seqtools.export.forecasting.covariates import LoweredCovariates, Window
from seqtools.export.forecasting.distributions import DRAWS
from seqtools.export.forecasting.scaling import LoweredScaling, Scaled, roughly
from seqtools.export.forecasting.stack import LoweredStack
from seqtools.export.forecasting.window import each_target
from seqtools.export.graph import Var, constant, repeat
from seqtools.export.linear import Context, Linear, array
from seqtools.nn.forecasting.deepar import SIZES

_END = 2**62


class Drawn(NamedTuple):
    """Steps ahead of each row."""

    samples: Var
    """raw, `[rows, samples, steps]`"""
    quantiles: Var
    """scaled, `[rows, steps, levels]`"""
    mean: Var
    """scaled, `[rows, steps, 1]`"""


class LoweredDeepAR:
    """The lowering of a `seqtools.nn.forecasting.deepar.DeepAR`."""

    def __init__(self, context: Context, forecaster: Any, name: str = "deepar") -> None:
        self._context, self._name = context, name
        self._shape, self._lags, self._first = forecaster.shape, forecaster.lags, int(forecaster.first)
        self._covariates = LoweredCovariates(context, forecaster.covariates, f"{name}.covariates")
        self._scaling = LoweredScaling(forecaster.scaling)
        self._stack = LoweredStack(context, forecaster.stack, f"{name}.stack")
        output = forecaster.output
        self._outputs = int(output.out_features)
        self._output = Linear(context, f"{name}.output", array(output.weight).T, array(output.bias))
        self._mix: Linear | None = None
        if forecaster.mix is not None:
            self._mix = Linear(
                Context(weights=context.weights), f"{name}.mix", array(forecaster.mix)[:, None]
            )
        self._draw = DRAWS[forecaster.config.head]
        self._counts = forecaster.config.head == "negbin"
        self._flags = int(forecaster.flags)

    def __call__(self, window: Window, scaled: Scaled, noise: Var) -> Drawn:
        """Continue a window.

        Args:
            window: `future` reaches as far ahead as the noise does, and may begin before the window.
            scaled: its history.
            noise: uniforms `[batch, samples, steps, 2 * targets]`.
        """
        steps = op.shape(noise, start=2, end=3)
        known = self._known(window, scaled, steps)
        read = self._shape.context - self._first
        states = self._read(scaled, _cut(known, 0, read))
        samples = op.shape(noise, start=1, end=2)
        paths = self._continue(scaled, _cut(known, read, _END), states, self._uniforms(noise), samples)
        return self._told(scaled, paths, samples)

    def _known(self, window: Window, scaled: Scaled, steps: Var) -> Var:
        """All that is known of each step from the first one read on, `[time, rows, known]`."""
        context, first, shape = self._shape.context, self._first, self._shape
        places = op.range(constant(first - context), op.squeeze(steps, constant([0])), constant(1))
        columns = []
        if self._covariates.has_calendar:
            columns.append(self._covariates.calendar(window, places))
        if window.past is not None:
            late = op.clip(op.add(places, constant(context - 1)), constant(0), constant(context - 1))
            past = op.gather(self._covariates.standard("past", window.past), late, axis=1)
            columns.append(each_target(past, shape.targets))
        if window.future is not None:
            future = _reach(window.future, context, first, steps)
            columns.append(each_target(self._covariates.standard("future", future), shape.targets))
        count = op.shape(places)
        parts = [op.transpose(part, perm=(1, 0, 2)) for part in columns]
        size = op.mul(constant(SIZES, np.float64), op.log(op.mul(scaled.scale, scaled.unit)))
        sizes = roughly(op.concat([op.log(scaled.scale), size], axis=1))
        static = op.concat([*self._covariates.of_series(window), sizes], axis=1)
        parts.append(op.expand(static, op.concat([count, op.shape(static)], axis=0)))
        return op.concat(parts, axis=2)

    def _read(self, scaled: Scaled, known: Var) -> list[State]:
        """States of all layers after the window, each `[1, rows, width]`."""
        first, context = self._first, self._shape.context
        values = op.transpose(scaled.values)
        before = max(self._lags) - first
        if before > 0:
            values = op.pad(values, constant([before, 0, 0, 0]), constant(0, np.float32))
        at = np.arange(first, context)[:, None] - np.array(self._lags) + max(before, 0)
        lagged = op.transpose(op.gather(values, op.const(at.astype(np.int64)), axis=0), perm=(0, 2, 1))
        parts = [lagged]
        if self._flags:
            seen = op.cast(op.transpose(scaled.seen), to=np.float32)
            shown = op.pad(seen, constant([1, 0, 0, 0]), constant(0, np.float32))
            parts.append(op.unsqueeze(_cut(shown, first, context), constant([2])))
        x = op.concat([*parts, known], axis=2)
        rows = op.shape(scaled.values, start=0, end=1)
        _, states = self._stack(x, self._stack.start(rows))
        return [list(state) for state in states]

    def _uniforms(self, noise: Var) -> Var:
        """`[batch, samples, steps, 2 * targets]` -> `[steps, rows * samples, 2]`."""
        shape = op.concat([op.shape(noise, start=0, end=3), constant([self._shape.targets, 2])], axis=0)
        apart = op.transpose(op.reshape(noise, shape), perm=(2, 0, 3, 1, 4))
        steps = op.shape(noise, start=2, end=3)
        return op.reshape(apart, op.concat([steps, constant([-1, 2])], axis=0))

    def _continue(
        self, scaled: Scaled, known: Var, states: Sequence[State], uniforms: Var, samples: Var
    ) -> Var:
        """Scaled values, `[steps, rows * samples, 1]`."""
        longest = max(self._lags)
        lags = constant([longest - lag for lag in self._lags])
        sizes = [len(state) for state in states]
        begun = [_each_sample(part, samples) for state in states for part in state]
        tail = op.transpose(op.slice(scaled.values, constant([-longest]), constant([_END]), constant([1])))
        past = op.squeeze(_each_sample(op.unsqueeze(tail, constant([2])), samples), constant([2]))
        size = op.unsqueeze(roughly(op.mul(scaled.scale, scaled.unit)), constant([0]))
        unit = op.squeeze(_each_sample(size, samples), constant([0]))
        flag = op.add(op.mul(unit, constant(0, np.float32)), constant(1, np.float32))

        def turn(index: Var, *carried: Var) -> list[Var]:
            now = op.reshape(index, constant([1]))
            earlier, flat = carried[0], iter(carried[1:])
            old = [[next(flat) for _ in range(size)] for size in sizes]
            lagged = op.transpose(op.gather(earlier, lags, axis=0))
            there = op.squeeze(_each_sample(op.gather(known, now, axis=0), samples), constant([0]))
            x = op.concat([lagged, *([flag] if self._flags else []), there], axis=1)
            top, new = self._stack.step(op.unsqueeze(x, constant([0])), old)
            raw = self._parameters(op.squeeze(top, constant([0])), lagged)
            noise = op.squeeze(op.gather(uniforms, now, axis=0), constant([0]))
            first, second = op.split(noise, num_outputs=2, axis=1)
            z = self._draw(raw, first, second, unit)
            later = op.concat([_cut(earlier, 1, _END), op.transpose(z)], axis=0)
            return [later, *(part for state in new for part in state), z]

        count = op.squeeze(op.shape(uniforms, start=0, end=1), constant([0]))
        return repeat(count, [past, *begun], turn)[-1]

    def _parameters(self, top: Var, lagged: Var) -> list[Var]:
        location, *rest = op.split(self._output.rows(top), num_outputs=self._outputs, axis=1)
        if self._mix is not None:
            location = op.add(location, self._mix.rows(lagged))
        return [location, *rest]

    def _told(self, scaled: Scaled, paths: Var, samples: Var) -> Drawn:
        steps = op.shape(paths, start=0, end=1)
        apart = op.reshape(paths, op.concat([steps, constant([-1]), samples], axis=0))
        location, scale, unit = (
            op.unsqueeze(part, constant([2])) for part in (scaled.location, scaled.scale, scaled.unit)
        )
        raw = self._scaling.restore(op.transpose(apart, perm=(1, 2, 0)), location, scale, unit)
        # Scaling leaves 3.9999998 of a four.
        told = op.round(roughly(raw)) if self._counts else roughly(raw)
        average = op.transpose(op.reduce_mean(raw, constant([1])), perm=(0, 2, 1))
        mean = self._scaling.scaled(average, location, scale, unit)
        levels = self._context.weights.add(f"{self._name}.levels", np.array(self._shape.levels, np.float32))
        return Drawn(told, quantiles_of(op.transpose(apart, perm=(1, 0, 2)), levels), mean)


def quantiles_of(paths: Var, levels: Var) -> Var:
    """Quantiles of `paths [rows, steps, samples]` by linear interpolation, `[rows, steps, levels]`."""
    count = op.shape(paths, start=2, end=3)
    ordered, _ = op.top_k(paths, count, axis=2, largest=0, sorted=1)
    place = op.mul(levels, op.cast(op.sub(count, constant([1])), to=np.float32))
    below = op.floor(place)
    low = op.gather(ordered, op.cast(below, to=np.int64), axis=2)
    high = op.gather(ordered, op.cast(op.ceil(place), to=np.int64), axis=2)
    return op.add(low, op.mul(op.sub(high, low), op.sub(place, below)))


def _each_sample(values: Var, samples: Var) -> Var:
    """`[time, rows, width]` -> `[time, rows * samples, width]`."""
    shape = op.shape(values)
    head, width = op.slice(shape, constant([0]), constant([2])), op.slice(shape, constant([2]), constant([3]))
    again = op.expand(op.unsqueeze(values, constant([2])), op.concat([head, samples, width], axis=0))
    time = op.slice(shape, constant([0]), constant([1]))
    return op.reshape(again, op.concat([time, constant([-1]), width], axis=0))


def _reach(future: Var, context: int, first: int, steps: Var) -> Var:
    """Covariates from the first step read to the last one drawn; NaN before the first one given."""
    before = constant([0, context, 0, 0, 0, 0])
    padded = op.pad(future, before, constant(np.nan, np.float32))
    from_first = op.neg(op.add(steps, constant([context - first])))
    return op.slice(padded, from_first, constant([_END]), constant([1]))


def _cut(values: Var, start: int, end: int) -> Var:
    return op.slice(values, constant([start]), constant([end]), constant([0]))
