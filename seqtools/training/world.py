"""Who trains: one process, or one of several started by `torchrun`, and on which device.

`torchrun` tells each process its place through the environment (RANK, WORLD_SIZE, LOCAL_RANK, and where
to meet). Gradients travel over gloo on the CPU and NCCL on CUDA; small host-side values always over gloo.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from seqtools.errors import DeviceError
from seqtools.plugin import Reporter

# Rank 0 evaluates alone while the others wait for it; an evaluation may take long.
PATIENCE = timedelta(hours=6)

Value = TypeVar("Value")


def resolve_device(name: str, local_rank: int = 0) -> torch.device:
    """The torch device behind `auto`, `cpu`, `cuda` or `cuda:N`; `auto` takes CUDA where it works.

    Raises:
        DeviceError: CUDA is asked for and not there, there is no such card, or the name is unknown.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cpu":
        return torch.device("cpu")
    kind, _, index = name.partition(":")
    if kind != "cuda" or (index and not index.isdigit()):
        raise DeviceError(f"device '{name}'", "no such device", "Choose auto, cpu or cuda")
    if not torch.cuda.is_available():
        build = "the CPU build of torch" if torch.version.cuda is None else "no usable CUDA card"
        raise DeviceError(
            f"device '{name}'",
            f"CUDA is not available here ({build}, {torch.__version__})",
            "Use --device cpu, or install a CUDA build of torch and check `nvidia-smi`",
        )
    card, cards = int(index) if index else local_rank, torch.cuda.device_count()
    if card >= cards:
        raise DeviceError(f"device '{name}'", f"card {card} is asked for and there are {cards}", "Use fewer")
    return torch.device("cuda", card)


@dataclass(frozen=True)
class World:
    """This process's place among those that train together.

    Attributes:
        rank: 0 writes and prints.
        size: number of processes.
        device: where this process's network lives.
        host: gloo group for values on the host; None when alone.
    """

    rank: int
    size: int
    device: torch.device
    host: dist.ProcessGroup | None = None

    @classmethod
    def start(cls, device: str = "auto") -> World:
        """Join the processes that `torchrun` started, or be alone without it.

        Raises:
            DeviceError: see `resolve_device`.
        """
        rank, size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        where = resolve_device(device, int(os.environ.get("LOCAL_RANK", "0")))
        if where.type == "cuda":
            torch.cuda.set_device(where)
        if size == 1:
            return cls(0, 1, where)
        if not dist.is_initialized():
            backend = "nccl" if where.type == "cuda" else "gloo"
            dist.init_process_group(backend, rank=rank, world_size=size, timeout=PATIENCE)
        host = dist.new_group(backend="gloo", timeout=PATIENCE)
        return cls(rank, size, where, host)

    @property
    def leads(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def reporter(self, report: Reporter) -> Reporter:
        """`report` in the process that leads, silence in the others."""
        return report if self.leads else _silent

    def close(self) -> None:
        """Leave the group."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its mean over the processes, in one flat all-reduce.

        A parameter that got no gradient here counts as zero, so that all ranks send the same length; one that
        is frozen, on all ranks alike, is left out.
        """
        if self.size == 1:
            return
        gradients = []
        for parameter in parameters:
            if not parameter.requires_grad:
                continue
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            gradients.append(parameter.grad)
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat.div_(self.size)
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [p.view_as(g) for p, g in zip(parts, gradients, strict=True)])

    def sum(self, values: Tensor) -> Tensor:
        """Sum of a device tensor over the processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def copy_from_leader(self, tensors: Iterable[Tensor]) -> None:
        """Give every process rank 0's values, so that all start from one point."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def any(self, holds: bool) -> bool:
        """Whether it holds on any rank, told to every rank."""
        if self.size == 1:
            return holds
        flag = torch.tensor(int(holds))
        dist.all_reduce(flag, dist.ReduceOp.MAX, group=self.host)
        return bool(flag)

    def tell(self, value: Value) -> Value:
        """Rank 0's value, on every rank."""
        if self.size == 1:
            return value
        box: list[Any] = [value]
        dist.broadcast_object_list(box, 0, group=self.host)
        told: Value = box[0]
        return told

    def collect(self, value: Value) -> list[Value]:
        """Every rank's value in order of rank, on rank 0; an empty list elsewhere."""
        if self.size == 1:
            return [value]
        boxes: list[Any] | None = [None] * self.size if self.leads else None
        dist.gather_object(value, boxes, 0, group=self.host)
        return boxes or []


def _silent(line: str) -> None:
    """The report of processes that do not lead."""
