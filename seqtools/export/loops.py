"""A loop that may stop before its trip count."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence

import spox.opset.ai.onnx.v20 as op

from seqtools.export.graph import Var, constant


def repeat_while(
    times: Var, go: Var, carried: Sequence[Var], body: Callable[..., Iterable[Var]]
) -> Sequence[Var]:
    """`Loop` of at most `times` turns that stops as soon as nobody wants to go on.

    Args:
        times: int64 scalar.
        go: bool `[1]`, whether there is a first turn.
        carried: what the first turn starts from.
        body: `(turn int64 [1] or scalar, *carried) -> [go on bool [1], *carried, *collected]`.

    Returns:
        The carried values after the last turn, then each collected value stacked on a new first axis, whose
        length is the number of turns that were made.
    """

    def turn(index: Var, _: Var, *values: Var) -> Iterable[Var]:
        return body(index, *values)

    trips = op.reshape(times, constant([1]))
    with warnings.catch_warnings():
        # spox forgets the rank of what a loop carries when a dimension's name is lost on the way round.
        warnings.filterwarnings("ignore", message="Output type for variable .* not concrete")
        final = op.loop(trips, go, list(carried), body=turn)
    kept = [op.reshape(last, op.shape(first)) for first, last in zip(carried, final, strict=False)]
    return [*kept, *final[len(carried) :]]
