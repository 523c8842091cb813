"""Checks of an installation; each says what it looked at, what it found and what to do.

A check yields `Finding`s and never raises: an installation so broken that a check cannot run is a finding.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata

from seqtools import __version__, loader
from seqtools.provided import describe

OK, NOTE, WARN, FAIL = "ok", "note", "warn", "fail"

BASE = ("onnxruntime", "numpy", "click", "pluggy", "sentencepiece")
TRAIN = ("torch", "onnx", "spox", "safetensors", "rich")
RUNTIMES = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-qnn",
    "onnxruntime-rocm",
)

# The smallest model that a provider must run for real: y = -x, float32 [1], opset 20, IR 8.
PROBE = (
    b'\x08\n:6\n\x0b\n\x01x\x12\x01y"\x03Neg\x12\x05probeZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01'
    b"b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\x14"
)


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        check: what was looked at (`onnxruntime`, `provider CPUExecutionProvider`).
        status: `ok`, `note` (optional, absent), `warn` (works, but not as wished) or `fail`.
        detail: what was found.
        cure: what to do, or "".
    """

    check: str
    status: str
    detail: str
    cure: str = ""


def examine() -> Iterator[Finding]:
    """Run every check, in order."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _versions,
        _base_packages,
        _train_packages,
        _one_runtime,
        _providers,
        _namesake,
        _plugins,
        _bundled,
    )
    for check in checks:
        try:
            yield from check()
        except Exception as error:
            yield Finding(check.__name__.strip("_"), FAIL, f"the check itself failed: {describe(error)}")


def version_of(distribution: str) -> str:
    """Version of an installed distribution, or ""."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _versions() -> Iterator[Finding]:
    installed = version_of("seqtools-suite")
    if installed in ("", __version__):
        yield Finding("seqtools", OK, __version__)
    else:
        cure = "Reinstall with: pip install --force-reinstall seqtools-suite"
        yield Finding("seqtools", FAIL, f"the code is {__version__}, its metadata says {installed}", cure)
    yield Finding("python", OK, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("executable", OK, sys.executable)


def _base_packages() -> Iterator[Finding]:
    for name in BASE:
        found = version_of(name)
        if name == "onnxruntime" and not found:  # any build of it will do
            found = " and ".join(f"{build} {version_of(build)}" for build in RUNTIMES if version_of(build))
        if found:
            yield Finding(name, OK, found)
        else:
            yield Finding(name, FAIL, "not installed", f"Install it with: pip install {name}")


def _train_packages() -> Iterator[Finding]:
    for name in TRAIN:
        found = version_of(name)
        if found:
            yield Finding(name, OK, found)
        else:
            cure = 'To train and export: pip install "seqtools-suite[train]"'
            yield Finding(name, NOTE, "not installed (only training and export need it)", cure)


def _one_runtime() -> Iterator[Finding]:
    """Builds of onnxruntime share one folder: the last one installed overwrites the others' files."""
    builds = [name for name in RUNTIMES if version_of(name)]
    if len(builds) > 1:
        cure = f"Keep one: pip uninstall -y {' '.join(builds)} && pip install {builds[-1]}"
        yield Finding("one onnxruntime", FAIL, f"{' and '.join(builds)} overwrite each other", cure)
    else:
        yield Finding("one onnxruntime", OK, builds[0] if builds else "none installed")


def _providers() -> Iterator[Finding]:
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # its own complaints go to stderr past Python; ours follow
    options.intra_op_num_threads = 1
    for name in onnxruntime.get_available_providers():
        check, broken = f"provider {name}", FAIL if name == "CPUExecutionProvider" else WARN
        try:
            session = onnxruntime.InferenceSession(PROBE, options, providers=[name])
            (answer,) = session.run(None, {"x": np.ones(1, np.float32)})
        except Exception as error:
            yield Finding(check, broken, describe(error), "Check its drivers; the CPU is used meanwhile")
            continue
        if name in session.get_providers() and answer[0] == -1.0:
            yield Finding(check, OK, "opens a session")
        else:
            yield Finding(
                check, broken, "falls back to the CPU", "Check that its drivers and libraries are installed"
            )


def _namesake() -> Iterator[Finding]:
    """The package index has another project called `seqtools`, with the same import name."""
    version = version_of("seqtools")
    if version:
        cure = "pip uninstall -y seqtools && pip install --force-reinstall --no-deps seqtools-suite"
        yield Finding(
            "namesake", FAIL, f"another project's `seqtools` {version} shares our import name", cure
        )
    else:
        yield Finding("namesake", OK, "no other `seqtools` distribution")


def _plugins() -> Iterator[Finding]:
    found = loader.registry()
    yield Finding("plugins", OK, ", ".join(origin.name for origin in found.plugins) or "none")
    if found.disabled:
        names = ", ".join(origin.name for origin in found.disabled)
        yield Finding("disabled plugins", NOTE, names, "Clear SEQTOOLS_DISABLE_PLUGINS to load them")
    for failure in found.failures:
        yield Finding(failure.subject, FAIL, failure.cause, failure.cure)


def _bundled() -> Iterator[Finding]:
    from seqtools.bundled import bundled_model
    from seqtools.errors import SeqtoolsError
    from seqtools.model_file import ModelFile

    for name, provided in loader.registry().tasks.items():
        if not provided.spec.bundled:
            continue
        try:
            path = bundled_model(provided.spec)
            ModelFile.open(path)
        except SeqtoolsError as error:
            yield Finding(f"model of {name}", FAIL, f"{error.subject}: {error.cause}", error.cure)
        else:
            yield Finding(f"model of {name}", OK, f"{path.name}, {path.stat().st_size / 1e6:.2f} MB")
