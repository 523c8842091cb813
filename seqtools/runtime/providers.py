"""Which hardware a session runs on: what is asked for, what is there, what really opens."""

from __future__ import annotations

from seqtools.errors import DeviceError, UsageError

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
DEVICES = ("auto", "cpu", "cuda")

_INSTALL = 'Run with --device cpu, or: pip uninstall onnxruntime && pip install "onnxruntime-gpu[cuda,cudnn]"'


def candidates(device: str, available: list[str]) -> list[list[str]]:
    """Provider lists to try, the first that opens wins.

    Args:
        device: `auto`, `cpu` or `cuda`.
        available: what this onnxruntime was built with.

    Raises:
        UsageError: there is no such device.
        DeviceError: CUDA is asked for and this onnxruntime has none.
    """
    if device not in DEVICES:
        raise UsageError("device", f"'{device}' is unknown", f"Use one of {', '.join(DEVICES)}")
    if device == "cuda" and CUDA not in available:
        raise DeviceError("device 'cuda'", "the installed onnxruntime has no CUDA support", _INSTALL)
    if device == "cpu" or CUDA not in available:
        return [[CPU]]
    with_cuda = [CUDA, CPU]
    return [with_cuda] if device == "cuda" else [with_cuda, [CPU]]


def did_not_open(reason: str) -> DeviceError:
    """CUDA is listed and asked for, but no session opens on it."""
    cause = "onnxruntime lists CUDA but cannot open it here"
    return DeviceError(
        "device 'cuda'",
        f"{cause} ({reason})" if reason else cause,
        "Run with --device cpu, or look with: seqtools doctor",
    )
