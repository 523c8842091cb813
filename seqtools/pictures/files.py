"""Pictures into files that are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path


def write_picture(path: Path, data: bytes) -> None:
    """Write a picture's bytes in one go."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
