"""Exponential smoothing of a window as graph pieces; see `seqtools.nn.forecasting.smoother`.

`seen` becomes 1 and 0 at once: sums of products need no branch for gaps. What blocks need of the coefficients
alone is made for all of them together; the blocks then follow each other, in a loop where there are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting.core import affine
from seqtools.export.forecasting.scaling import Scaled
from seqtools.export.graph import Var, constant, repeat
from seqtools.export.linear import Context
from seqtools.nn.forecasting.smoother import QUIET

UNROLLED = 24
"""Blocks that are written out one after the other; a turn of a loop costs more than its operators."""
_END = 2**62


class Smoothed(NamedTuple):
    """A window taken apart."""

    residuals: Var
    """`[rows, context]`, in units of the spread"""
    ahead: Var
    """`[rows, horizon]`"""
    spread: Var
    """`[rows, 1]`"""


class Blocks(NamedTuple):
    """What each block needs, block first."""

    values: Var
    """`[blocks, rows, block]`"""
    there: Var
    """`[blocks, rows, block]`, 1 where a value was observed"""
    weights: Var
    """`[blocks, rows, block, block]`, of steps in levels"""
    kept: Var
    """`[blocks, rows, block]`, of the level before the block in levels"""


class LoweredSmoother:
    """The lowering of a `seqtools.nn.forecasting.smoother.Smoother`."""

    def __init__(self, context: Context, smoother: Any, name: str) -> None:
        self._seasons, self._block, self._pad = smoother.seasons, int(smoother.block), int(smoother.pad)
        self._context, self._horizon = int(smoother.context), int(smoother.horizon)
        self._blocks = (self._context + self._pad) // self._block
        self._rates = affine(Context(weights=context.weights), f"{name}.rates", smoother.rates)

    def __call__(self, values: Var, scaled: Scaled) -> Smoothed:
        """Smooth windows without gaps, `[rows, context]`."""
        there = op.cast(scaled.seen, to=np.float32)
        logits = self._rates.rows(self._figures(values, there))
        x, o = (_front(part, self._pad) for part in (values, there))
        level, seasons = self._begin(x, o)
        gains: Sequence[Var] = ()
        if self._seasons:
            gains = op.split(op.sigmoid(_columns(logits, 1)), num_outputs=len(self._seasons), axis=1)
        blocks = self._prepare(x, o, op.unsqueeze(_columns(logits, 0, 1), constant([2])))
        bare, errors, level, seasons = self._turns(blocks, level, seasons, gains)
        spread = op.add(_mean(op.abs(errors), o), constant(QUIET, np.float32))
        residuals = op.div(op.mul(op.sub(bare, level), o), spread)
        ahead = op.expand(level, constant([1, self._horizon]))
        for part, season in zip(seasons, self._seasons, strict=True):
            ahead = op.add(ahead, _again(part, np.arange(self._horizon) % season))
        return Smoothed(_columns(residuals, self._pad), ahead, spread)

    def _figures(self, values: Var, there: Var) -> Var:
        apart = op.sub(values, _mean(values, there))
        quiet = constant(QUIET, np.float32)
        deviation = op.add(op.sqrt(_mean(op.mul(apart, apart), there)), quiet)
        parts = []
        for lag in (1, *self._seasons):
            end = self._context - lag
            both = op.mul(_columns(there, lag), _columns(there, 0, end))
            change = _mean(op.abs(op.sub(_columns(values, lag), _columns(values, 0, end))), both)
            parts.append(op.log(op.div(op.add(change, quiet), deviation)))
        return parts[0] if len(parts) == 1 else op.concat(parts, axis=1)

    def _begin(self, x: Var, o: Var) -> tuple[Var, list[Var]]:
        """Level and seasons before the first block."""
        time = self._context + self._pad
        seasons, rest = [], x
        for season in self._seasons:
            phases = (np.arange(time) - time) % season
            part = self._profile(rest, o, season)
            seasons.append(_again(part, phases[:season]))
            rest = op.sub(rest, _again(part, phases))
        near = _columns(o, 0, self._block)
        begun = op.greater(op.reduce_sum(near, constant([1])), constant(0, np.float32))
        first = _mean(_columns(rest, 0, self._block), near)
        return op.where(begun, first, _mean(rest, o)), seasons

    def _profile(self, x: Var, o: Var, season: int) -> Var:
        """Mean distance of each phase from the mean of its own season, `[rows, season]`."""
        pad = -(self._context + self._pad) % season
        shape = constant([-1, (self._context + self._pad + pad) // season, season])
        whole, there = (op.reshape(_front(part, pad), shape) for part in (x, o))
        apart = op.sub(whole, _mean(whole, there, 2))
        total = op.reduce_sum(op.mul(apart, there), constant([1]), keepdims=0)
        return op.div(total, _count(there, 1, keepdims=0))

    def _prepare(self, x: Var, o: Var, logit: Var) -> Blocks:
        """All that does not depend on the block before; `logit [rows, 1, 1]`, of the level's coefficient."""
        block, shape = self._block, constant([-1, self._blocks, self._block])
        values, there = (op.transpose(op.reshape(part, shape), perm=(1, 0, 2)) for part in (x, o))
        steps = op.const(np.triu(np.ones((block, block), np.float32)))
        count, fade = op.matmul(there, steps), op.neg(op.softplus(logit))
        since = op.sub(op.unsqueeze(count, constant([3])), op.unsqueeze(count, constant([2])))
        faded = op.exp(op.mul(op.max([since, constant(0, np.float32)]), fade))
        rate = op.unsqueeze(op.mul(op.sigmoid(op.squeeze(logit, constant([2]))), there), constant([2]))
        earlier = op.const(np.tril(np.ones((block, block), np.float32)))
        weights = op.mul(op.mul(faded, rate), earlier)
        return Blocks(values, there, weights, op.exp(op.mul(count, op.squeeze(fade, constant([2])))))

    def _turns(
        self, blocks: Blocks, level: Var, seasons: list[Var], gains: Sequence[Var]
    ) -> tuple[Var, Var, Var, list[Var]]:
        """Steps without their seasons and errors of the next step, `[rows, time]`; the last state."""
        if self._blocks > UNROLLED:

            def turn(index: Var, *carried: Var) -> list[Var]:
                now = op.reshape(index, constant([]))
                parts = Blocks(*(op.gather(part, now, axis=0) for part in blocks))
                bare, error, level, seasons = self._turn(parts, carried[0], carried[1:], gains)
                return [level, *seasons, bare, error]

            last, *parts = repeat(constant(self._blocks), [level, *seasons], turn)
            whole = [self._whole(part) for part in parts[len(seasons) :]]
            return whole[0], whole[1], last, parts[: len(seasons)]
        bares, errors = [], []
        for i in range(self._blocks):
            parts = Blocks(*(op.gather(part, constant(i), axis=0) for part in blocks))
            bare, error, level, seasons = self._turn(parts, level, seasons, gains)
            bares.append(bare)
            errors.append(error)
        return op.concat(bares, axis=1), op.concat(errors, axis=1), level, seasons

    def _turn(
        self, block: Blocks, level: Var, seasons: Sequence[Var], gains: Sequence[Var]
    ) -> tuple[Var, Var, Var, list[Var]]:
        """One block: its steps without their seasons, errors of the next step, the new state."""
        bare = block.values
        for part in seasons:
            bare = op.sub(bare, _columns(part, 0, self._block))
        two = constant([2])
        known = op.squeeze(op.matmul(block.weights, op.unsqueeze(bare, two)), two)
        levels = op.add(known, op.mul(block.kept, level))
        before = op.concat([level, _columns(levels, 0, -1)], axis=1) if self._block > 1 else level
        off = op.mul(op.sub(bare, levels), block.there)
        new = []
        for part, gain, season in zip(seasons, gains, self._seasons, strict=True):
            told = op.add(_columns(part, 0, self._block), op.mul(gain, off))
            rest = [] if season == self._block else [_columns(part, self._block)]
            new.append(op.concat([*rest, told], axis=1))
        return bare, op.sub(bare, before), _columns(levels, -1), new

    def _whole(self, parts: Var) -> Var:
        """`[blocks, rows, block]` -> `[rows, time]`."""
        whole = op.transpose(parts, perm=(1, 0, 2))
        return op.reshape(whole, constant([-1, self._blocks * self._block]))


def _front(values: Var, steps: int) -> Var:
    """Zeros before the first step of `[rows, time]`."""
    return op.pad(values, constant([0, steps, 0, 0]), constant(0, np.float32)) if steps else values


def _columns(values: Var, start: int, end: int = _END) -> Var:
    return op.slice(values, constant([start]), constant([end]), constant([1]))


def _again(part: Var, phases: np.ndarray[Any, np.dtype[np.int64]]) -> Var:
    """Columns of a season by their phase."""
    return op.gather(part, op.const(phases.astype(np.int64)), axis=1)


def _count(there: Var, axis: int = 1, *, keepdims: int = 1) -> Var:
    total = op.reduce_sum(there, constant([axis]), keepdims=keepdims)
    return op.max([total, constant(1, np.float32)])


def _mean(values: Var, there: Var, axis: int = 1) -> Var:
    return op.div(op.reduce_sum(op.mul(values, there), constant([axis])), _count(there, axis))
