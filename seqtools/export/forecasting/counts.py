"""A count of the negative binomial distribution from one uniform; see `seqtools.nn.forecasting.counts`."""

from __future__ import annotations

import math

import numpy as np
import spox.opset.ai.onnx.v20 as op
from numpy.typing import NDArray

from seqtools.export.graph import Var, constant
from seqtools.nn.forecasting.counts import BELOW, EXACT, POINTS, REACH

_LAST = float(EXACT - 1)
_SHIFT = 8


def _real(value: float) -> Var:
    return constant(value, np.float64)


def draw_count(mean: Var, dispersion: Var, uniform: Var) -> Var:
    """Columns `[rows, 1]` of float32 in, counts as float32 out."""
    average, alpha, target = (op.cast(x, to=np.float64) for x in (mean, dispersion, uniform))
    wide = wide_grid(average, alpha)
    masses = [narrow_masses(average, alpha), wide_masses(wide, average, alpha)]
    sums = op.cumsum(op.concat(masses, axis=1), constant(1))
    reached = op.div(sums, op.slice(sums, constant([-1]), constant([2**62]), constant([1])))
    first = op.add(op.mul(average, _real(0)), _row(np.arange(EXACT, dtype=np.float64)))
    counts = op.concat([first, _but_first(wide)], axis=1)
    below = op.cast(op.less(reached, target), to=np.int64)
    index = op.min([op.reduce_sum(below, constant([1])), constant(len(POINTS) - 1)])
    before = op.max([op.sub(index, constant(1)), constant(0)])
    low, high = (op.gather_elements(counts, at, axis=1) for at in (before, index))
    start, end = (op.gather_elements(reached, at, axis=1) for at in (before, index))
    part = op.div(op.sub(target, start), op.max([op.sub(end, start), _real(1e-300)]))
    found = op.add(low, op.ceil(op.mul(part, op.sub(high, low))))
    return op.cast(op.where(op.equal(index, constant(0)), _real(0), found), to=np.float32)


def wide_grid(mean: Var, dispersion: Var) -> Var:
    """Counts from the last of the first ones up, `[rows, points]`."""
    below, above = (_row(part) for part in np.split(POINTS[EXACT:], [BELOW]))
    spread = op.mul(dispersion, mean)
    deviation = op.sqrt(op.mul(mean, op.add(_real(1), spread)))
    tail = op.reciprocal(_log1p(op.reciprocal(spread)))
    middle = op.max([mean, _real(_LAST)])
    wide = op.greater(dispersion, _real(1))
    lowest = op.max([op.sub(mean, op.mul(_real(REACH[0]), deviation)), _real(_LAST)])
    low = op.where(wide, _real(_LAST), lowest)
    evenly = op.add(low, op.mul(op.sub(middle, low), below))
    by_ratio = op.mul(low, op.exp(op.mul(op.log(op.div(middle, low)), below)))
    reach = op.add(op.mul(_real(REACH[1]), deviation), op.mul(_real(REACH[2]), tail))
    falling = op.add(middle, op.mul(reach, above))
    rising = op.where(wide, by_ratio, evenly)
    rounded = op.floor(op.add(op.concat([rising, falling], axis=1), _real(0.5)))
    return op.concat([op.add(op.mul(mean, _real(0)), _real(_LAST)), rounded], axis=1)


def narrow_masses(mean: Var, dispersion: Var) -> Var:
    """Probability of each of the first counts, from each count's to the next one's."""
    spread = op.mul(dispersion, mean)
    failing = _log1p(spread)
    none = op.neg(op.div(failing, dispersion))
    steps = np.arange(1, EXACT, dtype=np.float64)
    # The mean over (1 + spread) is what `spread / (1 + spread)` times a trial's weight comes to.
    growing = op.div(op.add(op.mul(_row(steps - 1), spread), mean), op.mul(_row(steps), _plus_one(spread)))
    log = op.cumsum(op.concat([none, op.log(growing)], axis=1), constant(1))
    return op.exp(log)


def wide_masses(counts: Var, mean: Var, dispersion: Var) -> Var:
    """Probability of what lies between each count of the wide grid and the one before."""
    trials, spread = op.reciprocal(dispersion), op.mul(dispersion, mean)
    failing = _log1p(spread)
    more = op.add(counts, _real(1))
    log_more = op.log(more)
    combinations = op.sub(_stirling(op.add(counts, trials)), _stirling(more, log_more))
    constants = op.add(log_gamma(trials), op.mul(trials, failing))
    powers = op.mul(counts, op.sub(op.log(spread), failing))
    log = op.sub(op.add(combinations, powers), constants)
    each = op.exp(log)
    weighed = op.mul(more, each)
    ratio = _differences(log_more)
    growth = op.add(_differences(log), ratio)
    level = op.less(op.abs(growth), _real(1e-6))
    curved = op.div(_differences(weighed), op.where(level, _real(1), growth))
    flat = op.mul(_real(0.5), op.add(_but_first(weighed), _but_last(weighed)))
    inside = op.mul(op.where(level, flat, curved), ratio)
    many = op.add(inside, op.mul(_real(0.5), _differences(each)))
    steps = _differences(counts)
    one = op.where(op.greater(steps, _real(0)), _but_first(each), _real(0))
    return op.where(op.greater(steps, _real(1)), many, one)


def log_gamma(x: Var) -> Var:
    """Logarithm of the gamma function of doubles above zero: Stirling's series from some steps further up."""
    product = x
    for step in range(1, _SHIFT):
        product = op.mul(product, op.add(x, _real(step)))
    return op.sub(_stirling(op.add(x, _real(_SHIFT))), op.log(product))


def _stirling(x: Var, log: Var | None = None) -> Var:
    """The logarithm of the gamma function where x is large."""
    inverse = op.reciprocal(x)
    square = op.mul(inverse, inverse)
    series = op.add(_real(1 / 12), op.mul(square, op.add(_real(-1 / 360), op.mul(square, _real(1 / 1260)))))
    main = op.mul(op.sub(x, _real(0.5)), op.log(x) if log is None else log)
    rest = op.add(op.mul(series, inverse), _real(0.5 * math.log(2 * math.pi)))
    return op.add(op.sub(main, x), rest)


def _log1p(x: Var) -> Var:
    # In doubles the sum loses nothing that a count would notice.
    return op.log(_plus_one(x))


def _plus_one(x: Var) -> Var:
    return op.add(_real(1), x)


def _row(values: NDArray[np.float64]) -> Var:
    return constant(values[None], np.float64)


def _but_last(x: Var) -> Var:
    return op.slice(x, constant([0]), constant([-1]), constant([1]))


def _but_first(x: Var) -> Var:
    return op.slice(x, constant([1]), constant([2**62]), constant([1]))


def _differences(x: Var) -> Var:
    return op.sub(_but_first(x), _but_last(x))
