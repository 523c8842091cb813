"""A value of a distribution from two uniforms, as graph pieces: the formulas of `seqtools.nn.forecasting`.

Every array here is a column, `[rows, 1]`, in units of the series' scale.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting.counts import draw_count
from seqtools.export.graph import Var, constant
from seqtools.nn.forecasting.distributions import FARTHEST, LEAST_UNIFORM, NARROWEST

Draw = Callable[[Sequence[Var], Var, Var, Var], Var]
"""Outputs of the network, two uniforms and the scale in raw units to values."""


def number(value: float) -> Var:
    """A float32 constant."""
    return constant(value, np.float32)


def spread(raw: Var) -> Var:
    """Any number to a scale above zero."""
    return op.add(op.softplus(raw), number(NARROWEST))


def _direction(uniform: Var) -> Var:
    return op.cos(op.mul(number(2 * math.pi), uniform))


def _log(uniform: Var) -> Var:
    return op.log(op.max([uniform, number(LEAST_UNIFORM)]))


def draw_normal(raw: Sequence[Var], first: Var, second: Var, scale: Var) -> Var:
    """Box & Muller 1958."""
    radius = op.sqrt(op.mul(number(-2), _log(first)))
    return op.add(raw[0], op.mul(op.mul(spread(raw[1]), radius), _direction(second)))


def draw_student(raw: Sequence[Var], first: Var, second: Var, scale: Var) -> Var:
    """Bailey 1994."""
    freedom = op.add(op.softplus(raw[2]), number(2))
    half = op.neg(op.div(_log(first), freedom))
    squared = op.mul(op.mul(op.mul(number(2), freedom), op.exp(half)), op.sinh(half))
    radius = op.min([op.sqrt(squared), number(FARTHEST)])
    return op.add(raw[0], op.mul(op.mul(spread(raw[1]), radius), _direction(second)))


def draw_negative_binomial(raw: Sequence[Var], first: Var, second: Var, scale: Var) -> Var:
    """A count, over the scale."""
    mean = op.mul(spread(raw[0]), scale)
    dispersion = op.div(spread(raw[1]), op.sqrt(scale))
    return op.div(draw_count(mean, dispersion, first), scale)


DRAWS: dict[str, Draw] = {
    "normal": draw_normal,
    "student": draw_student,
    "negbin": draw_negative_binomial,
}
"""By the name of `network.head`."""
