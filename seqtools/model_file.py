"""The one file: read its bytes once, check that it is safe and ours, describe it.

Only the standard library is used, so `seqtools info` and every refusal come without loading numpy,
onnx or onnxruntime. What is checked is what onnxruntime would not refuse for us: data kept outside
the file (a hard link would be read), endless loops, operators beyond those a profile names.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from seqtools.errors import ModelFileError
from seqtools.file_kind import describe
from seqtools.onnx_outline import Outline, Port, outline
from seqtools.protobuf import WireError

FORMAT = 1
"""Newest model format that this version reads."""

DEFAULT_LIMIT = 1 << 30
"""Largest file opened unless told otherwise, in bytes; `SEQTOOLS_MAX_MODEL_MB` raises it."""

_DOMAINS = ("", "ai.onnx.ml", "com.microsoft")
_QUANTISED = frozenset({"Tokenizer", "DynamicQuantizeLSTM", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"})
CONTRIB: Mapping[str, frozenset[str]] = {
    "portable": frozenset({"Tokenizer"}),
    "web": frozenset({"Tokenizer"}),
    "fp16": frozenset({"Tokenizer"}),
    "int8": _QUANTISED,
    "int4": _QUANTISED | {"MatMulNBits"},
}
"""Operators of `com.microsoft` that each profile may use."""

_EXTENSIONS: Mapping[str, frozenset[str]] = {
    "fused": frozenset({"SentencepieceTokenizer", "SentencepieceDecoder"})
}
"""Operators of onnxruntime-extensions (`ai.onnx.contrib`) that each form may use."""

_UPGRADE = "Upgrade with: pip install -U seqtools-suite"
_REMAKE = "Export the model again with: seqtools export RUN -o FILE"


@dataclass(frozen=True, eq=False)
class ModelFile:
    """An opened and checked model file.

    Attributes:
        path: where it came from (`<memory>` for bytes).
        data: the whole file, as fed to onnxruntime.
        task: `generate`, …: which plugin runs it.
        format: version of the metadata layout.
        profile: `portable`, `int8`, …: which operators it uses.
        form: `text` (strings in and out), `ids`, or `fused` (text by onnxruntime-extensions).
        io: what the inputs and outputs mean.
        tokenizer: `{"kind": …, "payload": {…}}`, or {}.
        card: data, licence, figures, limits, how it was made.
        parity: a test vector and what it must give.
        producer: program and version that wrote it.
        inputs, outputs: names, types and shapes, in file order.
        opsets: domain -> version.  weights: bytes of all tensors.  metadata: every entry, as text.
    """

    path: Path
    data: bytes = field(repr=False)
    task: str
    format: int
    profile: str
    form: str
    io: dict[str, Any] = field(repr=False)
    tokenizer: dict[str, Any] = field(repr=False)
    card: dict[str, Any] = field(repr=False)
    parity: dict[str, Any] = field(repr=False)
    producer: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    opsets: dict[str, int]
    weights: int
    nodes: int
    metadata: dict[str, str] = field(repr=False)

    @classmethod
    def open(
        cls, path: str | os.PathLike[str], *, expect_task: str = "", limit: int | None = None
    ) -> ModelFile:
        """Read and check a file.

        Args:
            path: the `.onnx` file.
            expect_task: refuse a model of another task.
            limit: largest size in bytes (default: `DEFAULT_LIMIT`, or `SEQTOOLS_MAX_MODEL_MB`).

        Raises:
            ModelFileError: missing, empty, truncated, foreign, unsafe, too big, too new, wrong task.
        """
        return cls.from_bytes(_read(Path(path), _limit(limit)), path, expect_task=expect_task, limit=limit)

    @classmethod
    def from_bytes(
        cls,
        data: bytes,
        path: str | os.PathLike[str] = "<memory>",
        *,
        expect_task: str = "",
        limit: int | None = None,
    ) -> ModelFile:
        """Check a file that is already in memory; see `open`."""
        subject = str(path)
        _check_size(subject, len(data), _limit(limit))
        found = _outline(subject, data)
        format_ = _format(subject, found)
        model = cls(
            path=Path(path),
            data=data,
            task=_required(subject, found, "task"),
            format=format_,
            profile=_required(subject, found, "profile"),
            form=found.metadata.get("seqtools.form", ""),
            io=_json(subject, found, "io"),
            tokenizer=_json(subject, found, "tokenizer"),
            card=_json(subject, found, "card"),
            parity=_json(subject, found, "parity"),
            producer=_producer(found),
            inputs=tuple(found.inputs),
            outputs=tuple(found.outputs),
            opsets=found.opsets,
            weights=found.weights,
            nodes=found.nodes,
            metadata=found.metadata,
        )
        _check_safe(subject, found, model.profile, model.form)
        if expect_task and model.task != expect_task:
            raise ModelFileError(
                subject,
                f"it is a model for '{_shown(model.task)}', not for '{expect_task}'",
                f"Run it with: seqtools {_shown(model.task)} -m {subject}",
            )
        return model

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the whole file, in hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()


def _shown(told: str) -> str:
    """A name out of a file, safe for a one-line message on a terminal."""
    return "".join(char if char.isprintable() else "?" for char in told[:60])


def _producer(found: Outline) -> str:
    return _shown(f"{found.producer} {found.producer_version}".strip())


def _limit(limit: int | None) -> int:
    if limit is not None:
        return limit
    setting = os.environ.get("SEQTOOLS_MAX_MODEL_MB", "")
    return int(setting) << 20 if setting.isdecimal() and setting.isascii() else DEFAULT_LIMIT


def _check_size(subject: str, size: int, limit: int) -> None:
    if size > limit:
        raise ModelFileError(
            subject,
            f"it is larger than the limit of {limit / (1 << 20):,.0f} MB",
            "Raise the limit if you trust it: SEQTOOLS_MAX_MODEL_MB=MEGABYTES",
        )
    if not size:
        raise ModelFileError(subject, "the file is empty", "Download or export it again")


def _read(path: Path, limit: int) -> bytes:
    """The file's bytes, never more than `limit` + 1 of them."""
    try:
        if path.is_dir():
            inside = path / "model.onnx"
            cure = f"Use {inside}" if inside.is_file() else f"Export it with: seqtools export {path} -o FILE"
            raise ModelFileError(str(path), "this is a folder, not a model file", cure)
        with path.open("rb") as stream:
            _check_size(str(path), max(os.fstat(stream.fileno()).st_size, 1), limit)
            return stream.read(limit + 1)
    except FileNotFoundError as error:
        raise ModelFileError(str(path), "no such file", "Check the path given to --model") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelFileError(str(path), f"it cannot be read ({reason})", "Check its permissions") from error


def _outline(subject: str, data: bytes) -> Outline:
    try:
        found = outline(data)
    except WireError as error:
        kind = describe(data)
        if kind:
            raise _not_onnx(subject, kind) from error
        if error.truncated and _begins_like_onnx(data):
            cause = f"it is cut short after {len(data):,} bytes ({error})"
            raise ModelFileError(subject, cause, "Download or export it again") from error
        cause = f"this is not an ONNX file, or it is damaged ({error})"
        raise ModelFileError(subject, cause, "Give a file made by: seqtools export") from error
    if not found.graphs or found.ir_version < 1:
        raise _not_onnx(subject, describe(data))
    return found


def _not_onnx(subject: str, kind: str) -> ModelFileError:
    cause = f"this is not an ONNX file; it looks like {kind}" if kind else "this is not an ONNX file"
    return ModelFileError(subject, cause, "Give a file made by: seqtools export")


def _begins_like_onnx(data: bytes) -> bool:
    """ModelProto starts with its IR version (field 1, a small number) in every known writer."""
    return len(data) < 2 or (data[0] == 0x08 and 0 < data[1] < 0x40)


def _format(subject: str, found: Outline) -> int:
    """Version of the metadata, refused when there is none or it is newer than we are."""
    told = found.metadata.get("seqtools.format")
    if told is None:
        writer = f"written by {_producer(found) or 'another program'}"
        cause = f"an ONNX file without seqtools' description ({writer}, or cut short)"
        raise ModelFileError(subject, cause, "Only files made by 'seqtools export' can be run")
    if not (told.isascii() and told.isdecimal() and 0 < len(told) < 10 and int(told)):
        raise ModelFileError(subject, f"its format version {told[:20]!r} makes no sense", _REMAKE)
    if int(told) > FORMAT:
        writer = _producer(found) or "a newer seqtools"
        cause = f"its format is version {told} (by {writer}); this seqtools reads up to version {FORMAT}"
        raise ModelFileError(subject, cause, _UPGRADE)
    return int(told)


def _required(subject: str, found: Outline, key: str) -> str:
    value = found.metadata.get(f"seqtools.{key}", "")
    if not value:
        raise ModelFileError(subject, f"its metadata lacks 'seqtools.{key}'", _REMAKE)
    return value


def _json(subject: str, found: Outline, key: str) -> dict[str, Any]:
    """A metadata entry that holds a JSON object; {} when it is not there."""
    told = found.metadata.get(f"seqtools.{key}", "")
    if not told:
        return {}
    try:
        value = json.loads(told)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(subject, f"its metadata 'seqtools.{key}' is not valid JSON", _REMAKE) from error
    if not isinstance(value, dict):
        raise ModelFileError(subject, f"its metadata 'seqtools.{key}' is not a JSON object", _REMAKE)
    return value


def _check_safe(subject: str, found: Outline, profile: str, form: str) -> None:
    """Refuse what onnxruntime would run or read without asking."""
    cure = "Do not run it unless you know who made it; export it again if it is yours"
    if found.external:
        cause = f"tensor '{_shown(found.external[0])}' keeps its data in another file"
        raise ModelFileError(subject, cause, cure)
    if found.endless:
        raise ModelFileError(subject, f"the loop '{_shown(found.endless[0])}' has no trip count", cure)
    if found.defaulted:
        cause = f"the input '{_shown(found.defaulted[0])}' has a default value, which hosts treat differently"
        raise ModelFileError(subject, cause, _REMAKE)
    allowed = CONTRIB.get(profile)
    if allowed is None:
        raise ModelFileError(
            subject, f"its profile '{_shown(profile)}' is not known to this seqtools", _UPGRADE
        )
    domains = set(found.opsets) | {domain for domain, _ in found.operators}
    extensions = _EXTENSIONS.get(form, frozenset())
    known = {*_DOMAINS, "ai.onnx", *(["ai.onnx.contrib"] if extensions else [])}
    for domain in sorted(domains - known):
        raise ModelFileError(subject, f"it uses operators of the unknown domain '{_shown(domain)}'", cure)
    for domain, operator in sorted(found.operators):
        if domain == "com.microsoft" and operator not in allowed:
            cause = f"the operator com.microsoft.{_shown(operator)} is not allowed in profile '{profile}'"
            raise ModelFileError(subject, cause, cure)
        if domain == "ai.onnx.contrib" and operator not in extensions:
            cause = f"the operator ai.onnx.contrib.{_shown(operator)} is not allowed in form '{form}'"
            raise ModelFileError(subject, cause, cure)
