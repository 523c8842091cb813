"""A window in, scaled quantiles out, as graph pieces; see `seqtools.nn.forecasting.forecaster`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import spox.opset.ai.onnx.v20 as op

from seqtools.export.forecasting import filling
from seqtools.export.forecasting.baseline import LoweredBaseline
from seqtools.export.forecasting.core import Channel, Inputs, LoweredCore, mapped, optional
from seqtools.export.forecasting.covariates import LoweredCovariates, Window, again
from seqtools.export.forecasting.heads import lower_head
from seqtools.export.forecasting.scaling import Scaled, exactly, roughly
from seqtools.export.graph import Var, constant
from seqtools.export.linear import Context, Linear, array
from seqtools.nn.forecasting.forecaster import QUIET
from seqtools.plugin import resolve

CORES = {
    "segment": "seqtools.export.forecasting.segment:LoweredSegment",
    "recurrent": "seqtools.export.forecasting.recurrent:LoweredRecurrent",
    "seq2seq": "seqtools.export.forecasting.seq2seq:LoweredSeq2Seq",
    "smoothing": "seqtools.export.forecasting.smoothing:LoweredSmoothingCore",
}


class LoweredForecaster:
    """The lowering of a `seqtools.nn.forecasting.forecaster.Forecaster`.

    Args:
        name: prefix of the weights' names.
    """

    def __init__(self, context: Context, network: Any, name: str) -> None:
        self._context, self._network, self._name = context, network, name
        self._config, self._shape = network.config, network.shape
        self._covariates = LoweredCovariates(context, network.covariates, f"{name}.covariates")
        self._core = self._lower_core()
        self._hidden = optional(context, f"{name}.hidden", network.hidden)
        self._head = lower_head(context, self._config.head, network.head)
        self._baseline: LoweredBaseline | None = None
        matrix, bias = array(network.output.weight).T, array(network.output.bias)
        self._sizes = [matrix.shape[1]]
        if network.baseline is not None:
            self._baseline = LoweredBaseline(
                context, network.baseline, self._core.block, self._shape.context, f"{name}.baseline"
            )
            # What both of them read is the same: one product for both.
            matrix, bias = (
                np.concatenate(parts, axis=-1)
                for parts in zip((matrix, bias), self._baseline.gate, strict=True)
            )
            self._sizes.append(self._baseline.experts)
        self._output = Linear(context, f"{name}.output", matrix, bias)
        self._linear = mapped(context, f"{name}.linear", network.linear)

    def _lower_core(self) -> LoweredCore:
        kind = self._config.kind
        lowered: LoweredCore = resolve(CORES[kind], f"core '{kind}'")(
            self._context, self._network.core, f"{self._name}.core"
        )
        return lowered

    def __call__(self, window: Window, scaled: Scaled) -> Var:
        """Quantiles and, last, the mean, in scaled units: `[rows, horizon, levels + 1]`."""
        values, gain, shift = self._affine(window, scaled)
        told = self.tell(window, scaled, values)
        if gain is None or shift is None:
            return told
        away, over = op.unsqueeze(shift, constant([2])), op.unsqueeze(gain, constant([2]))
        return op.div(op.sub(told, away), over)

    def tell(self, window: Window, scaled: Scaled, values: Var, *figures: Var) -> Var:
        """What comes after scaled windows, in their units.

        Args:
            values: the windows, in float64.
            figures: `[rows, 1]` each, shown to the network.
        """
        values = roughly(values)
        x = self._core(self.inputs(window, scaled, values, *figures))
        if self._hidden is not None:
            x = op.add(x, op.relu(self._hidden.rows(x)))
        outputs, gates = self._output.rows(x), None
        if self._baseline is not None:
            outputs, gates = op.split(outputs, constant(self._sizes), axis=1)
        told = self._head(self._in_steps(outputs))
        centre = self._centre(values, scaled, gates)
        return told if centre is None else op.add(told, centre)

    def inputs(self, window: Window, scaled: Scaled, values: Var, *figures: Var) -> Inputs:
        """What the core reads."""
        static = [*self._covariates.of_series(window), *self._figures(scaled), *figures]
        if self._config.normalise:
            square = filling.mean_where(op.mul(values, values), scaled.seen, scaled.full)
            spread = op.max([op.sqrt(square), constant(QUIET, np.float32)])
            values, static = op.div(values, spread), [*static, op.log(spread)]
        channels = [Channel(values, 1)]
        if self._config.observed:
            channels.append(Channel(op.cast(scaled.seen, to=np.float32), 1))
        if self._network.mixes:
            channels.append(Channel(self._together(values), self._network.mixes))
        before, known = self._covariates.over_time(window)
        widths = [width for width in (self._shape.past, self._shape.future) if width]
        for part, width in zip(before, widths, strict=True):
            channels.append(Channel(part if width > 1 else op.squeeze(part, constant([2])), width))
        calendar = None
        if self._covariates.has_calendar:

            def calendar(steps: Sequence[int]) -> Var:
                return self._covariates.calendar(window, steps)

        return Inputs(channels, known, calendar, static)

    def _figures(self, scaled: Scaled) -> list[Var]:
        figures = []
        if self._config.observed:
            figures.append(op.reduce_mean(op.cast(scaled.seen, to=np.float32), constant([1])))
        if self._config.transform == "log":
            figures.append(roughly(op.log(scaled.scale)))
        return figures

    def _together(self, values: Var) -> Var:
        """Windows of all targets of a series, for each of them: `[rows, context, targets]`."""
        targets, context = self._network.mixes, self._shape.context
        apart = op.transpose(op.reshape(values, constant([-1, targets, context])), perm=(0, 2, 1))
        again = op.tile(op.unsqueeze(apart, constant([1])), constant([1, targets, 1, 1]))
        return op.reshape(again, constant([-1, context, targets]))

    def _affine(self, window: Window, scaled: Scaled) -> tuple[Var, Var | None, Var | None]:
        """Windows after gain and shift in float64, and these, each `[rows, 1]`."""
        network, values = self._network, scaled.exact
        if network.gain is None:
            return values, None, None
        parts = np.exp(array(network.gain).astype(np.float64)).astype(np.float32), array(network.shift)
        gain, shift = (self._context.weights.add(f"{self._name}.{name}", part[:, None])
                       for name, part in zip(("gain", "shift"), parts, strict=True))  # fmt: skip
        if self._shape.targets > 1:
            batch = window.batch(self._shape.targets)
            gain, shift = again(gain, batch), again(shift, batch)
        return op.add(op.mul(values, exactly(gain)), exactly(shift)), gain, shift

    def _in_steps(self, outputs: Var) -> Var:
        """`[rows * blocks, block * outputs]` -> `[rows, horizon, outputs]`."""
        steps, horizon = self._core.blocks * self._core.block, self._shape.horizon
        whole = op.reshape(outputs, constant([-1, steps, self._network.head.outputs]))
        if steps == horizon:
            return whole
        return op.slice(whole, constant([0]), constant([horizon]), constant([1]))

    def _centre(self, values: Var, scaled: Scaled, gates: Var | None) -> Var | None:
        """What outputs are told about, `[rows, horizon, 1]`."""
        centre = None
        if self._baseline is not None and gates is not None:
            shape = constant([-1, self._core.blocks, 1, self._baseline.experts])
            centre = self._baseline(values, scaled, op.reshape(gates, shape))
        if self._linear is None:
            return centre
        mapped = op.unsqueeze(self._linear.rows(values), constant([2]))
        return mapped if centre is None else op.add(centre, mapped)
