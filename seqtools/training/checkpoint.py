"""Checkpoints: one safetensors file for the tensors, one JSON file for the rest, written atomically.

RUN/checkpoint/step-00000200.safetensors is written first and step-00000200.json last: a checkpoint is
there when its JSON is. Older ones are removed after that, so at any moment at least one is complete.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from seqtools.errors import TrainingError
from seqtools.training.files import write_tensors, write_text

FORMAT = 1
TENSOR = "$tensor"


def pack(tree: Any, tensors: dict[str, Tensor], name: str = "") -> Any:
    """The tree with every tensor and array replaced by a reference; these go into `tensors` by path."""
    if isinstance(tree, np.ndarray):
        tree = torch.from_numpy(tree)
    if isinstance(tree, Tensor):
        tensors[name] = tree
        return {TENSOR: name}
    if isinstance(tree, Mapping):
        return {key: pack(value, tensors, f"{name}/{key}") for key, value in tree.items()}
    if isinstance(tree, Sequence) and not isinstance(tree, str):
        return [pack(value, tensors, f"{name}/{index}") for index, value in enumerate(tree)]
    if isinstance(tree, np.generic):
        return tree.item()
    return tree


def unpack(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Undo `pack`; arrays come back as tensors and tuples as lists."""
    if isinstance(tree, dict):
        if TENSOR in tree:
            return tensors[tree[TENSOR]]
        return {key: unpack(value, tensors) for key, value in tree.items()}
    if isinstance(tree, list):
        return [unpack(value, tensors) for value in tree]
    return tree


class CheckpointFolder:
    """The checkpoints of a run, in RUN/checkpoint."""

    def __init__(self, run: Path) -> None:
        self.path = run / "checkpoint"

    def save(self, step: int, state: Mapping[str, Any]) -> None:
        """Write the checkpoint of a step, then remove all others.

        Args:
            step: optimiser steps done.
            state: nested dicts with string keys and sequences of tensors, arrays and JSON values.

        Raises:
            TrainingError: the disk is full; the previous checkpoint stays.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        stem = f"step-{step:08d}"
        tensors: dict[str, Tensor] = {}
        tree = pack(state, tensors)
        files = [self.path / f"{stem}.safetensors", self.path / f"{stem}.json"]
        # Saving a step twice (its evaluation came in) changes only the JSON, so it is whole in between.
        write_tensors(files[0], tensors)
        write_text(files[1], json.dumps({"format": FORMAT, "step": step, "state": tree}))
        for other in self.path.iterdir():
            if other not in files:
                other.unlink(missing_ok=True)

    def newest(self) -> Path | None:
        """JSON file of the newest complete checkpoint, None if there is none."""
        complete = (
            path for path in self.path.glob("step-*.json") if path.with_suffix(".safetensors").exists()
        )
        return max(complete, default=None)

    def load(self) -> dict[str, Any] | None:
        """State of the newest complete checkpoint, tensors on the CPU; None if there is none.

        Raises:
            TrainingError: it was damaged, or written by a newer version.
        """
        path = self.newest()
        if path is None:
            return None
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
            tensors = load_file(path.with_suffix(".safetensors"))
            if whole["format"] != FORMAT:
                raise TrainingError(
                    str(path), f"format {whole['format']} is not known here", "Update seqtools"
                )
            state: dict[str, Any] = unpack(whole["state"], tensors)
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise TrainingError(
                str(path), f"the checkpoint is damaged ({error})", f"Remove {self.path} to start afresh"
            ) from error
        return state
