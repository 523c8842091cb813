"""The weights of the last evaluations, and their mean (checkpoint averaging, Junczys-Dowmunt et al. 2016)."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from seqtools.training.files import write_tensors


class LastWeights:
    """Keeps a network's weights at its last evaluations in a folder.

    Args:
        folder: made when something is kept.
        count: how many to keep; 0 keeps none.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count

    def add(self, network: nn.Module, step: int) -> None:
        """Keep the weights as they are at `step`, and drop the oldest."""
        if not self.count:
            return
        self.folder.mkdir(exist_ok=True)
        write_tensors(self.folder / f"{step:09d}.safetensors", network.state_dict())
        for path in self._files()[: -self.count]:
            path.unlink()

    def mean(self) -> dict[str, Tensor]:
        """The mean of what is kept; empty if that is fewer than two."""
        files = self._files()
        if len(files) < 2:
            return {}
        total: dict[str, Tensor] = {}
        for path in files:
            for name, value in load_file(path).items():
                total[name] = total[name] + value if name in total else value.to(torch.float64)
        return {name: (value / len(files)).to(torch.float32) for name, value in total.items()}

    def clear(self) -> None:
        """Delete what is kept."""
        for path in self._files():
            path.unlink()
        if self.folder.is_dir():
            self.folder.rmdir()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors")) if self.count and self.folder.is_dir() else []
