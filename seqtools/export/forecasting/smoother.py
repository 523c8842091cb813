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
from seqtools.export.forecasting.scaling import Scaled, exactly, roughly
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


class Block(NamedTuple):
    """What a block of steps needs, or all of them one after the other."""

    values: Var
    """`[rows, steps, 1]`"""
    weights: Var
    """`[rows, steps, block]`, of a block's steps in its levels"""
    kept: Var
    """`[rows, steps, 1]`, of the level before the block in its levels"""
    gains: list[Var]
    """`[rows, steps, 1]` for each season: its coefficient, 0 where nothing was observed"""


State = list[Var]
"""The last level `[rows, 1, 1]`; then each season's steps to come, in blocks where they fill it."""


class LoweredSmoother:
    """The lowering of a `seqtools.nn.forecasting.smoother.Smoother`."""

    def __init__(self, context: Context, smoother: Any, name: str) -> None:
        self._seasons, self._block, self._pad = smoother.seasons, int(smoother.block), int(smoother.pad)
        self._context, self._horizon = int(smoother.context), int(smoother.horizon)
        self._blocks = (self._context + self._pad) // self._block
        self._pieces = [1 if season % self._block else season // self._block for season in self._seasons]
        self._rates = affine(Context(weights=context.weights), f"{name}.rates", smoother.rates)

    def __call__(self, values: Var, scaled: Scaled) -> Smoothed:
        """Smooth windows without gaps, float64 `[rows, context]`; what comes of it is float64, too."""
        there = exactly(scaled.seen)
        logits = exactly(self._rates.rows(roughly(self._figures(values, there))))
        x, o = (_front(part, self._pad) for part in (values, there))
        begun, seasons = self._begin(x, o)
        bare, levels, state = self._turns(self._prepare(x, o, logits), self._state(begun, seasons))
        last = op.squeeze(state[0], constant([2]))
        errors = op.sub(bare, op.concat([begun, _columns(levels, 0, -1)], axis=1))
        spread = op.add(_mean(op.abs(errors), o), constant(QUIET, np.float64))
        residuals = op.div(op.mul(op.sub(bare, last), o), spread)
        ahead = op.expand(last, constant([1, self._horizon]))
        parts = iter(state[1:])
        for season, pieces in zip(self._seasons, self._pieces, strict=True):
            whole = [op.squeeze(next(parts), constant([2])) for _ in range(pieces)]
            ring = whole[0] if pieces == 1 else op.concat(whole, axis=1)
            ahead = op.add(ahead, _again(ring, np.arange(self._horizon) % season))
        return Smoothed(_columns(residuals, self._pad), ahead, spread)

    def _figures(self, values: Var, there: Var) -> Var:
        apart = op.sub(values, _mean(values, there))
        quiet = constant(QUIET, np.float64)
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
        begun = op.greater(op.reduce_sum(near, constant([1])), constant(0, np.float64))
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

    def _state(self, level: Var, seasons: Sequence[Var]) -> State:
        state = [op.unsqueeze(level, constant([2]))]
        for part, pieces in zip(seasons, self._pieces, strict=True):
            ring = op.unsqueeze(part, constant([2]))
            state += [ring] if pieces == 1 else op.split(ring, num_outputs=pieces, axis=1)
        return state

    def _prepare(self, x: Var, o: Var, logits: Var) -> Block:
        """All that does not depend on the block before; `logits [rows, 1 + seasons]` of the coefficients."""
        block, two = self._block, constant([2])
        there = op.reshape(o, constant([-1, self._blocks, block]))
        logit = op.unsqueeze(_columns(logits, 0, 1), two)
        steps = op.const(np.triu(np.ones((block, block))))
        count, fade = op.matmul(there, steps), op.neg(_softplus(logit))
        since = op.sub(op.unsqueeze(count, constant([3])), op.unsqueeze(count, two))
        faded = op.exp(op.mul(op.max([since, constant(0, np.float64)]), op.unsqueeze(fade, constant([3]))))
        earlier = op.const(np.tril(np.ones((block, block))))
        rate = op.unsqueeze(op.mul(op.sigmoid(logit), there), two)
        weights = op.mul(op.mul(faded, rate), earlier)
        column = constant([-1, self._blocks * block, 1])
        gains = []
        if self._seasons:
            every = op.mul(op.unsqueeze(o, two), op.unsqueeze(op.sigmoid(_columns(logits, 1)), constant([1])))
            gains = [every] if len(self._seasons) == 1 else list(op.split(every, num_outputs=2, axis=2))
        return Block(
            values=op.unsqueeze(x, two),
            weights=op.reshape(weights, constant([-1, self._blocks * block, block])),
            kept=op.reshape(op.exp(op.mul(count, fade)), column),
            gains=gains,
        )

    def _turns(self, whole: Block, state: State) -> tuple[Var, Var, State]:
        """Steps without their seasons and levels, `[rows, time]`; the last state."""
        arrays = [*whole[:3], *whole.gains]
        if self._blocks > UNROLLED:
            shape = [constant([0, self._blocks, self._block, -1])] * len(arrays)
            apart = [op.reshape(part, to) for part, to in zip(arrays, shape, strict=True)]

            def turn(index: Var, *carried: Var) -> list[Var]:
                now = op.reshape(index, constant([]))
                bare, levels, new = self._turn(
                    [op.gather(part, now, axis=1) for part in apart], list(carried)
                )
                return [*new, bare, levels]

            *last, bares, levels = repeat(constant(self._blocks), state, turn)
            column = constant([-1, self._blocks * self._block])
            bare, level = (op.reshape(op.transpose(x, perm=(1, 0, 2, 3)), column) for x in (bares, levels))
            return bare, level, last
        split = [op.split(part, num_outputs=self._blocks, axis=1) for part in arrays]
        told = []
        for parts in zip(*split, strict=True):
            bare, level, state = self._turn(parts, state)
            told.append((bare, level))
        bare, level = (op.squeeze(op.concat(list(x), axis=1), constant([2])) for x in zip(*told, strict=True))
        return bare, level, state

    def _turn(self, block: Sequence[Var], state: State) -> tuple[Var, Var, State]:
        """One block: its steps without their seasons, its levels, the new state."""
        bare, weights, kept, *gains = block
        rings, taken = [], 1
        for season, pieces in zip(self._seasons, self._pieces, strict=True):
            rings.append(state[taken : taken + pieces])
            bare = op.sub(bare, self._next(rings[-1][0], season))
            taken += pieces
        levels = op.add(op.matmul(weights, bare), op.mul(kept, state[0]))
        off, new = op.sub(bare, levels), [_columns(levels, -1)]
        for season, ring, gain in zip(self._seasons, rings, gains, strict=True):
            told = op.add(self._next(ring[0], season), op.mul(gain, off))
            cut = season % self._block
            new += [op.concat([_columns(ring[0], self._block), told], axis=1)] if cut else [*ring[1:], told]
        return bare, levels, new

    def _next(self, ring: Var, season: int) -> Var:
        """A season's part for the block's steps; its first piece where blocks fill the season."""
        return _columns(ring, 0, self._block) if season % self._block else ring


def _front(values: Var, steps: int) -> Var:
    """Zeros before the first step of `[rows, time]`."""
    return op.pad(values, constant([0, steps, 0, 0]), constant(0, np.float64)) if steps else values


def _columns(values: Var, start: int, end: int = _END) -> Var:
    return op.slice(values, constant([start]), constant([end]), constant([1]))


def _again(part: Var, phases: np.ndarray[Any, np.dtype[np.int64]]) -> Var:
    """Columns of a season by their phase."""
    return op.gather(part, op.const(phases.astype(np.int64)), axis=1)


def _softplus(values: Var) -> Var:
    """Of float64, which onnxruntime has no such operator for."""
    zero, one = constant(0, np.float64), constant(1, np.float64)
    return op.add(op.max([values, zero]), op.log(op.add(one, op.exp(op.neg(op.abs(values))))))


def _count(there: Var, axis: int = 1, *, keepdims: int = 1) -> Var:
    total = op.reduce_sum(there, constant([axis]), keepdims=keepdims)
    return op.max([total, constant(1, np.float64)])


def _mean(values: Var, there: Var, axis: int = 1) -> Var:
    return op.div(op.reduce_sum(op.mul(values, there), constant([axis])), _count(there, axis))
