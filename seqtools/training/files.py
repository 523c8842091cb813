"""Files that are whole or not there: temp file in the same folder, fsync, then a rename over the name."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from seqtools.errors import TrainingError


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temp file beside `path`, force it to disk and give it the name.

    A process killed at any moment leaves the old content or the new, never a half.

    Raises:
        TrainingError: the disk is full or the folder cannot be written; the old content stays.
    """
    temp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temp)
        # safetensors makes files for their owner alone; who may read the folder may read what is in it.
        temp.chmod(path.parent.stat().st_mode & 0o666)
        sync(temp)
        temp.replace(path)
        sync(path.parent)
    except (OSError, SafetensorError) as error:
        raise unwritable(path, error) from error
    finally:
        temp.unlink(missing_ok=True)


def unwritable(path: Path, error: Exception) -> TrainingError:
    """The one-line error for a failed write."""
    reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
    return TrainingError(
        str(path),
        f"cannot be written ({reason})",
        "The last good checkpoint is kept: free some disk space and run the same command again to go on",
    )


def sweep(folder: Path) -> None:
    """Remove temp files that a killed process left in a folder (ours, and those of safetensors)."""
    for pattern in (".*.tmp", ".tmp??????"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Force a file's or folder's content to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_atomic(path, lambda temp: temp.write_text(text, encoding="utf-8"))


def write_gzip(path: Path, text: str) -> None:
    """Write UTF-8 text packed; no time stamp and no name, so the same text gives the same bytes."""
    data = gzip.compress(text.encode(), 6, mtime=0)
    write_atomic(path, lambda temp: temp.write_bytes(data))


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write a safetensors file atomically; views and tied tensors are stored each under their own name."""
    ready: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        flat = tensor.detach().to("cpu").contiguous()
        # safetensors refuses tensors that share memory; a copy keeps every name of a tied weight.
        ready[name] = flat.clone() if flat.data_ptr() in seen else flat
        seen.add(flat.data_ptr())
    write_atomic(path, lambda temp: save_file(ready, temp))
