"""Raw windows to scaled ones and back, as graph pieces; see `seqtools.nn.forecasting.scaling`.

In float64 as there, of which onnxruntime has all that is needed but inverse and plain hyperbolic sines.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting import filling
from seqtools.export.graph import Var, constant
from seqtools.nn.forecasting.scaling import CONSTANT, FLAT, FLOOR, LEAST, SOFT, TOP

_END = 2**62


class Steady(NamedTuple):
    """What is told of windows that never moved."""

    still: Var
    """which those are, bool `[rows, 1]`"""
    value: Var
    """their one value, float32 `[rows, 1]`"""


class Scaled(NamedTuple):
    """Windows, each target a row."""

    values: Var
    """scaled, without gaps, `[rows, context]`"""
    exact: Var
    """the same in float64"""
    seen: Var
    """where a value was observed, bool `[rows, context]`"""
    full: Var
    """whether all of it was, a bool scalar"""
    location: Var
    """float64 `[rows, 1]`"""
    scale: Var
    """float64 `[rows, 1]`"""
    unit: Var
    """float64 `[rows, 1]`"""
    steady: Steady | None
    """None for networks that tell windows which never moved as they do others"""


class LoweredScaling:
    """The lowering of a `seqtools.nn.forecasting.scaling.Scaling`."""

    def __init__(self, scaling: Any) -> None:
        self.transform, self.location, self.scale = scaling.transform, scaling.location, scaling.scale
        self.context, self.season, self.longest = scaling.context, scaling.season, scaling.longest
        self.holds = scaling.holds and scaling.context > 1

    def __call__(self, history: Var, standard: Var | None) -> Scaled:
        """Scale raw windows `[rows, context]`; `standard [rows, 1]` is the unit where `scale` is none.

        Elsewhere it is None, and units are those of the windows.

        There are two ways, of which a shorter one is taken where nothing is missing.
        """
        seen = filling.observed(history)
        full = filling.everywhere(seen)
        exact, location, scale, unit, *steady = op.if_(
            full,
            then_branch=lambda: self._scaled(history, None, standard),
            else_branch=lambda: self._scaled(history, seen, standard),
        )
        held = Steady(*steady) if steady else None
        return Scaled(roughly(exact), exact, seen, full, location, scale, unit, held)

    def _scaled(self, history: Var, seen: Var | None, standard: Var | None) -> list[Var]:
        filled = filling.fill(history, seen)
        raw = exactly(filled)
        unit = self._unit(raw, seen) if standard is None else exactly(standard)
        z = self.forward(raw, unit)
        location = self._location(z, seen)
        scale = self._scale(z, seen, location)
        steady = self._steady(filled, seen) if self.holds else []
        return [op.div(op.sub(z, location), scale), location, scale, unit, *steady]

    def forward(self, raw: Var, unit: Var) -> Var:
        """Raw values to transformed ones, both float64."""
        parts = op.div(raw, unit)
        if self.transform == "log":
            return op.log(op.max([parts, _real(FLOOR)]))
        return _asinh(parts) if self.transform == "asinh" else parts

    def backward(self, z: Var, unit: Var) -> Var:
        """Transformed values to raw ones, both float64."""
        if self.transform == "log":
            return op.mul(op.exp(op.min([z, _real(TOP)])), unit)
        if self.transform == "asinh":
            return op.mul(_sinh(op.clip(z, _real(-TOP), _real(TOP))), unit)
        return op.mul(z, unit)

    def restore(self, z: Var, location: Var, scale: Var, unit: Var) -> Var:
        """Scaled values, float32, to raw ones, float64."""
        return self.backward(op.add(op.mul(exactly(z), scale), location), unit)

    def held(self, raw: Var, scaled: Scaled) -> Var:
        """Raw values, float32 `[rows, horizon, levels + 1]`; of windows that never moved, their one value."""
        if scaled.steady is None:
            return raw
        still, value = (op.unsqueeze(part, constant([2])) for part in scaled.steady)
        return op.where(still, value, raw)

    def scaled(self, raw: Var, location: Var, scale: Var, unit: Var) -> Var:
        """Raw values, float64, to scaled ones, float32."""
        return roughly(op.div(op.sub(self.forward(raw, unit), location), scale))

    def _steady(self, filled: Var, seen: Var | None) -> list[Var]:
        high, low = op.reduce_max(filled, constant([1])), op.reduce_min(filled, constant([1]))
        still = op.equal(high, low)
        if seen is not None:
            still = op.and_(still, op.greater(filling.count(seen, filled), constant(1, np.float32)))
        return [still, high]

    def _unit(self, filled: Var, seen: Var | None) -> Var:
        """Of windows without gaps: what fills them was seen elsewhere in them."""
        known = op.abs(filled)
        largest = op.reduce_max(known, constant([1]))
        largest = _or_else(op.greater(largest, _real(LEAST)), largest, 1.0)
        if self.transform != "asinh":
            return largest
        flat, share = _real(FLAT), op.div(known, largest)
        usual = filling.Ordered(share, seen, self.context).quantile(0.5)
        usual = op.where(op.greater(usual, flat), usual, filling.mean(share, seen))
        return op.mul(largest, _or_else(op.greater(usual, flat), usual, 1.0))

    def _location(self, z: Var, seen: Var | None) -> Var:
        kind, last = self.location, _from(z, -1)
        if kind == "zero":
            return op.mul(last, _real(0))
        if kind == "last":
            return last
        if kind == "median":
            return filling.Ordered(z, seen, self.context).quantile(0.5)
        span = {"mean": 0, "season": self.season, "seasons": self.longest}[kind] or self.context
        recent = None if seen is None else _from(seen, -span)
        average = op.add(last, filling.mean(op.sub(_from(z, -span), last), recent))
        return average if recent is None else op.where(filling.any_of(recent), average, last)

    def _scale(self, z: Var, seen: Var | None, location: Var) -> Var:
        if self.scale == "none":
            return op.add(op.mul(location, _real(0)), _real(1))
        scale = self._spread(z, seen, location)
        if self.transform == "log":
            return op.add(scale, _real(SOFT))
        return _or_else(op.greater(scale, _real(FLAT)), scale, CONSTANT)

    def _spread(self, z: Var, seen: Var | None, location: Var) -> Var:
        if self.scale == "mean_abs":
            return filling.mean(op.abs(op.sub(z, location)), seen)
        if self.scale == "robust":
            ordered = filling.Ordered(z, seen, self.context)
            return op.sub(ordered.quantile(0.75), ordered.quantile(0.25))
        lag = self.season if self.scale == "difference" and 0 < self.season < self.context else 1
        if self.scale == "std" or lag >= self.context:
            return _deviation(z, seen)
        change = op.abs(op.sub(_from(z, lag), _before(z, lag)))
        if seen is None:
            return filling.mean(change, None)
        both = op.and_(_from(seen, lag), _before(seen, lag))
        return op.where(filling.any_of(both), filling.mean(change, both), _deviation(z, seen))


def _deviation(z: Var, seen: Var | None) -> Var:
    shifted = op.sub(z, _from(z, -1))
    apart = op.sub(shifted, filling.mean(shifted, seen))
    return op.sqrt(filling.mean(op.mul(apart, apart), seen))


def _from(values: Var, start: int) -> Var:
    """Columns from the one with that number on, counted from the end if it is negative."""
    return op.slice(values, constant([start]), constant([_END]), constant([1]))


def _before(values: Var, count: int) -> Var:
    """All columns but the last `count`."""
    return op.slice(values, constant([0]), constant([-count]), constant([1]))


def _or_else(condition: Var, value: Var, other: float) -> Var:
    return op.where(condition, value, _real(other))


def exactly(values: Var) -> Var:
    """In float64."""
    return op.cast(values, to=np.float64)


def roughly(values: Var) -> Var:
    """In float32."""
    return op.cast(values, to=np.float32)


def _real(value: float) -> Var:
    return constant(value, np.float64)


def _asinh(values: Var) -> Var:
    size = op.abs(values)
    whole = op.add(size, op.sqrt(op.add(op.mul(size, size), _real(1))))
    return op.mul(op.sign(values), op.log(whole))


def _sinh(values: Var) -> Var:
    grown = op.exp(values)
    return op.mul(op.sub(grown, op.reciprocal(grown)), _real(0.5))
