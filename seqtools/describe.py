"""Say in words, or as one JSON object, what a model file holds. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seqtools.model_file import ModelFile
from seqtools.onnx_outline import Port

_INDENT = 2
_LABEL = 12
_DEEPEST = 20


def as_json(model: ModelFile) -> dict[str, Any]:
    """JSON-safe description; `tokenizer` and `parity` are told by kind and size, not in full."""
    return {
        "path": str(model.path),
        "task": model.task,
        "format": model.format,
        "profile": model.profile,
        "form": model.form,
        "producer": model.producer,
        "sha256": model.sha256,
        "bytes": len(model.data),
        "weight_bytes": model.weights,
        "weights_sha256": model.metadata.get("seqtools.sha256", ""),
        "nodes": model.nodes,
        "opsets": model.opsets,
        "tokenizer": {"kind": model.tokenizer.get("kind", ""), "bytes": _stored(model, "tokenizer")},
        "inputs": [_port(port) for port in model.inputs],
        "outputs": [_port(port) for port in model.outputs],
        "io": model.io,
        "parity": {"stored": bool(model.parity), "bytes": _stored(model, "parity")},
        "card": model.card,
    }


def as_lines(model: ModelFile) -> Iterator[str]:
    """Lines for a person: what it is, what goes in and out, its card."""
    form = f", form {model.form}" if model.form else ""
    kind = f"a model for '{model.task}', profile {model.profile}{form} (format {model.format})"
    yield f"{model.path.name}: {kind}"
    opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in sorted(model.opsets.items()))
    tokenizer = model.tokenizer.get("kind")
    rows = {
        "made by": model.producer or "unknown",
        "size": f"{size(len(model.data))}, of it weights {size(model.weights)}",
        "graph": f"{model.nodes} nodes, operators {opsets}",
        "sha256": model.sha256,
        "tokenizer": f"{tokenizer} ({size(_stored(model, 'tokenizer'))})" if tokenizer else "none",
        "parity": f"test vector stored ({size(_stored(model, 'parity'))}); run it with --check"
        if model.parity
        else "no test vector stored",
    }
    for label, value in rows.items():
        yield f"{label:<{_LABEL}}{value}"
    for label, ports in (("inputs", model.inputs), ("outputs", model.outputs)):
        for position, port in enumerate(ports):
            yield f"{label if position == 0 else '':<{_LABEL}}{port}"
    yield "card" if model.card else f"{'card':<{_LABEL}}none"
    yield from _nested(model.card, _INDENT)


def size(count: int) -> str:
    """A number of bytes with a unit, decimal as shops and `ls --si` count."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"


def _stored(model: ModelFile, key: str) -> int:
    return len(model.metadata.get(f"seqtools.{key}", "").encode())


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "dtype": port.dtype, "shape": list(port.shape)}


def _nested(values: Mapping[str, Any], indent: int) -> Iterator[str]:
    """A card is free-form: mappings are indented, lists joined, the rest shown on one line."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            if indent > _DEEPEST:
                yield f"{' ' * indent}{_plain(key)}: …"
                continue
            yield f"{' ' * indent}{_plain(key)}"
            yield from _nested(value, indent + _INDENT)
        else:
            told = ", ".join(map(_plain, value)) if isinstance(value, list) else _plain(value)
            yield f"{' ' * indent}{_plain(key)}: {told}"


def _plain(value: object) -> str:
    """Text that cannot move the cursor or add lines."""
    return "".join(char if char.isprintable() else " " for char in str(value))
