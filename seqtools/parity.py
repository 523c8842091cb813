"""The self-test inside a model file: inputs, and what they gave where the file was made.

Metadata `seqtools.parity`, as JSON, readable by any host:

    {"tolerance": 1e-5,
     "cases": [{"name": "greedy",
                "feeds":    {"tokens": {"dtype": "int64", "shape": [1, 3], "data": [5, 6, 7]}, …},
                "expected": {"new_tokens": {…}, …}}, …]}

`data` is flat, in row-major order; null is a NaN, which JSON has no number for. Floats must agree within the
tolerance, everything else exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqtools.errors import ModelFileError

Array = NDArray[Any]
Runner = Callable[[list[str], dict[str, Any]], Sequence[Any]]
"""`(output names, feeds) -> outputs`, as an onnxruntime session runs."""

TOLERANCE = 1e-5
_REMAKE = "Export the model again with: seqtools export RUN -o FILE"


@dataclass(frozen=True)
class Difference:
    """How one case came out here: largest float difference, and names of other outputs that differ."""

    case: str
    largest: float
    unequal: tuple[str, ...]


def pack(array: Array) -> dict[str, Any]:
    """An array as JSON: dtype, shape and flat data; strings have the dtype "string"."""
    array = np.asarray(array)
    dtype = "string" if array.dtype.kind in "OUS" else array.dtype.name
    data = array.reshape(-1).tolist()
    if array.dtype.kind == "f":
        data = [None if value != value else value for value in data]
    return {"dtype": dtype, "shape": list(array.shape), "data": data}


def unpack(stored: Mapping[str, Any]) -> Array:
    """The array behind `pack`'s JSON.

    Raises:
        ValueError, TypeError, KeyError: it is not one.
    """
    dtype = str(stored["dtype"])
    data = np.array(stored["data"], object if dtype == "string" else np.dtype(dtype))
    return data.reshape([int(axis) for axis in stored["shape"]])


def compare(run: Runner, parity: Mapping[str, Any], subject: str) -> list[Difference]:
    """Run every stored case and say how far the outputs are from the stored ones.

    Raises:
        ModelFileError: there is no test vector, or it is damaged.
    """
    cases = parity.get("cases")
    if not cases:
        raise ModelFileError(subject, "it carries no test vector to check", _REMAKE)
    try:
        loaded = [(str(case["name"]), _arrays(case["feeds"]), _arrays(case["expected"])) for case in cases]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(subject, "its test vector is damaged", _REMAKE) from error
    try:
        return [_compare(run, *case) for case in loaded]
    except IndexError as error:  # an array of too few axes
        raise ModelFileError(subject, "its test vector is damaged", _REMAKE) from error


def tolerance(parity: Mapping[str, Any]) -> float:
    """Largest float difference that counts as agreement."""
    told = parity.get("tolerance", TOLERANCE)
    return float(told) if isinstance(told, int | float) else TOLERANCE


def _arrays(stored: Mapping[str, Any]) -> dict[str, Array]:
    return {name: unpack(value) for name, value in stored.items()}


def _compare(run: Runner, name: str, feeds: dict[str, Array], expected: dict[str, Array]) -> Difference:
    names = list(expected)
    largest, unequal = 0.0, []
    for output, found in zip(names, run(names, feeds), strict=True):
        wanted, got = expected[output], np.asarray(found)
        if wanted.shape != got.shape:
            unequal.append(output)
        elif wanted.dtype.kind == "f":
            largest = max(largest, _distance(wanted, got))
        elif not np.array_equal(wanted, got):
            unequal.append(output)
    return Difference(name, largest, tuple(unequal))


def _distance(wanted: Array, got: Array) -> float:
    """Largest absolute difference; equal infinities are no difference, NaN is an infinite one."""
    with np.errstate(invalid="ignore"):  # inf - inf
        apart = np.abs(wanted.astype(np.float64) - got.astype(np.float64))
    apart = np.where(wanted == got, 0.0, apart)
    return float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))
