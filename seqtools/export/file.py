"""The finished model: metadata, checks, and a file that is whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

import seqtools
from seqtools.errors import ExportError
from seqtools.export.graph import set_text
from seqtools.model_file import FORMAT


def set_card(model: onnx.ModelProto, card: Mapping[str, Any]) -> None:
    """Put the card, now that the file is verified, in the place of the one that the graph was built with."""
    set_text(model, "card.json", json.dumps(card, ensure_ascii=False))


def meanings(model: onnx.ModelProto, words: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """What the inputs and outputs that a model has mean, in file order.

    Args:
        words: "inputs" and "outputs" -> name -> words, of all that a task's files may have.
    """
    ports = {"inputs": model.graph.input, "outputs": model.graph.output}
    return {side: {port.name: words[side][port.name] for port in there} for side, there in ports.items()}


def describe(model: onnx.ModelProto, entries: Mapping[str, Any]) -> None:
    """Fill in producer and metadata: each entry becomes `seqtools.KEY`, anything but a string as JSON."""
    model.producer_name, model.producer_version = "seqtools", seqtools.__version__
    told = {"format": str(FORMAT), **entries, "sha256": weights_sha256(model)}
    onnx.helper.set_model_props(
        model,
        {
            f"seqtools.{key}": value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for key, value in told.items()
        },
    )


def weights_sha256(model: onnx.ModelProto) -> str:
    """SHA-256 over all numeric initializers: name, type, shape and bytes of each, by name."""
    digest = hashlib.sha256()
    for tensor in sorted(model.graph.initializer, key=lambda tensor: tensor.name):
        if tensor.data_type != onnx.TensorProto.STRING:
            digest.update(f"{tensor.name} {tensor.data_type} {list(tensor.dims)}\n".encode())
            digest.update(onnx.numpy_helper.to_array(tensor).tobytes())
    return digest.hexdigest()


def check(model: onnx.ModelProto) -> None:
    """Let onnx check the whole model, shapes included.

    Raises:
        ExportError: it finds a fault.
    """
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        fault = str(error).strip().splitlines()[0]
        raise ExportError("the graph", f"onnx refuses it ({fault})", "Please report this") from error


def save(model: onnx.ModelProto, path: Path) -> int:
    """Write a model atomically and return its size in bytes.

    Raises:
        ExportError: the folder is missing or full; a file that was there before stays as it was.
    """
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    data = model.SerializeToString()
    try:
        with temp.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temp.replace(path)
    except OSError as error:
        raise ExportError(
            str(path),
            f"cannot be written ({error.strerror or error})",
            "Give a file in an existing folder with enough room",
        ) from error
    finally:
        temp.unlink(missing_ok=True)
    return len(data)
