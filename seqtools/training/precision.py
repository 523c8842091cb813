"""Number formats: bf16 autocast on CUDA, fp32 elsewhere; losses are always computed in fp32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from seqtools.errors import DeviceError, UsageError


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """A reusable context for the forward pass; `auto` is bf16 on CUDA and fp32 elsewhere.

    bf16 has fp32's range, so no gradient scaling is needed. Weights, gradients and optimiser state stay
    fp32. On CUDA, fp32 matrix products outside autocast use TF32 unless `fp32` was asked for by name.

    Raises:
        DeviceError: bf16 is asked for without a CUDA device.
        UsageError: unknown name.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise UsageError(f"precision '{precision}'", "no such precision", "Choose auto, fp32 or bf16")
    on_cuda = device.type == "cuda"
    if precision == "bf16" and not on_cuda:
        raise DeviceError("precision 'bf16'", f"it needs CUDA and the device is {device.type}", "Use fp32")
    if not on_cuda or precision == "fp32":
        return nullcontext()
    torch.set_float32_matmul_precision("high")
    return torch.autocast("cuda", dtype=torch.bfloat16)
