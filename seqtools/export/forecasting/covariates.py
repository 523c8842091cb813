"""What stands beside a history, as graph pieces; see `seqtools.nn.forecasting.covariates` and `.calendar`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting import filling
from seqtools.export.forecasting.window import each_target
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, array


@dataclass(frozen=True)
class Window:
    """What a forecaster's graph reads, cut and padded to its window; None where there is none of it.

    Attributes:
        history: `[rows, context]`, raw, NaN where missing.
        position: int64 `[batch]`, of the first step to forecast.
        past: `[batch, context, past]`.  future: `[batch, context + horizon, future]`.
        numbers: `[batch, numbers]`.  categories: int64 `[batch, categories]`, 0 for unknown ones.
    """

    history: Var
    position: Var | None = None
    past: Var | None = None
    future: Var | None = None
    numbers: Var | None = None
    categories: Var | None = None

    def batch(self, targets: int) -> Var:
        """Number of series, int64 `[1]`."""
        rows = op.shape(self.history, start=0, end=1)
        return rows if targets == 1 else op.div(rows, constant([targets]))


class LoweredCovariates:
    """The lowering of a `seqtools.nn.forecasting.covariates.Covariates`.

    Each part is a list of arrays that stand side by side, empty where there is none.
    """

    def __init__(self, context: Context, covariates: Any, name: str = "covariates") -> None:
        self._context, self._module, self._name = context, covariates, name
        self._shape = covariates.shape

    def over_time(self, window: Window) -> tuple[list[Var], list[Var]]:
        """Covariates of the window's steps `[rows, context, …]` and of those ahead `[rows, horizon, …]`."""
        before, ahead, steps = [], [], self._shape.context
        if window.past is not None:
            before.append(self.standard("past", window.past))
        if window.future is not None:
            future = self.standard("future", window.future)
            before.append(op.slice(future, constant([0]), constant([steps]), constant([1])))
            end = steps + self._shape.horizon
            ahead.append(op.slice(future, constant([steps]), constant([end]), constant([1])))
        rows = [[each_target(part, self._shape.targets) for part in parts] for parts in (before, ahead)]
        return rows[0], rows[1]

    @property
    def has_calendar(self) -> bool:
        """Whether there is a calendar to look at."""
        return bool(self._module.phases)

    def calendar(self, window: Window, steps: Sequence[int] | Var) -> Var:
        """Sine and cosine of the place of some steps in each period, `[rows, steps, phases]`.

        Args:
            steps: counted from the first one to forecast; int64 `[steps]` where the graph settles them.
        """
        assert window.position is not None
        given = steps if isinstance(steps, Var) else op.const(np.array(steps, np.int64))
        positions = op.unsqueeze(window.position, constant([1, 2]))
        lengths, pers = (np.array(column, np.int64) for column in zip(*self._shape.periods, strict=True))
        places = op.add(positions, op.unsqueeze(given, constant([1])))
        rest = op.mod(op.mul(places, op.const(pers)), op.const(lengths))
        angle = op.mul(op.cast(rest, to=np.float32), op.const((2 * math.pi / lengths).astype(np.float32)))
        angle = op.unsqueeze(angle, constant([3]))
        waves = op.concat([op.sin(angle), op.cos(angle)], axis=3)
        count = -1 if isinstance(steps, Var) else len(steps)
        whole = op.reshape(waves, constant([0, count, self._module.phases]))
        return each_target(whole, self._shape.targets)

    def of_series(self, window: Window) -> list[Var]:
        """Static numbers, vectors of categories and the target's own, each `[rows, …]`."""
        parts = []
        if window.numbers is not None:
            parts.append(self.standard("numbers", window.numbers))
        for i, table in enumerate(self._module.tables):
            assert window.categories is not None
            ids = op.gather(window.categories, constant(i), axis=1)
            vectors = self._context.weights.add(f"{self._name}.category.{i}", array(table.weight))
            parts.append(op.gather(vectors, ids))
        parts = [each_target(part, self._shape.targets) for part in parts]
        if self._module.names is not None:
            names = self._context.weights.add(f"{self._name}.names", array(self._module.names.weight))
            parts.append(again(names, window.batch(self._shape.targets)))
        return parts

    def standard(self, part: str, values: Var) -> Var:
        """Columns of `past`, `future` or `numbers` less their mean over their spread; zero where missing."""
        module = getattr(self._module, part)
        shift, spread = (
            self._context.weights.add(f"{self._name}.{part}.{figure}", array(getattr(module, figure)))
            for figure in ("shift", "spread")
        )
        return filling.known(op.div(op.sub(values, shift), spread), filling.observed(values))


def again(values: Var, batch: Var) -> Var:
    """`values [targets, …]` as often as there are series, `[rows, …]`."""
    rank = len(values.unwrap_tensor().shape or ())
    return op.tile(values, op.concat([batch, constant([1] * (rank - 1))], axis=0) if rank > 1 else batch)


def side_by_side(parts: Sequence[Var]) -> Var:
    """Arrays next to each other on the last axis."""
    return parts[0] if len(parts) == 1 else op.concat(parts, axis=-1)
