"""Guess what a file that is not a model really is, to say so in the error."""

from __future__ import annotations

_MAGIC = (
    (b"version https://git-lfs", "a Git LFS pointer (fetch the real file with: git lfs pull)"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"\x89HDF", "an HDF5 file (Keras weights?)"),
    (b"PK\x03\x04", "a ZIP archive (a PyTorch checkpoint?)"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"GGUF", "a GGUF model"),
    (b"\x7fELF", "a program"),
    (b"<!DOCTYPE html", "a web page"),
    (b"<html", "a web page"),
)


def describe(data: bytes) -> str:
    """A noun phrase such as "a JPEG image", or "" when nothing is recognised."""
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05" and len(data) > 1:
        return "a Python pickle (a PyTorch checkpoint?)"
    if data[8:10] == b'{"' and data[6:8] == b"\0\0":
        return "a safetensors file"
    return "a text file" if _is_text(data[:512]) else ""


def _is_text(head: bytes) -> bool:
    """Printable UTF-8 and white space, allowing a character cut at the end."""
    told = head.decode("utf-8", "ignore")
    if len(told.encode()) < len(head) - 3:
        return False
    return bool(told) and all(char.isprintable() or char in "\t\r\n\f" for char in told)
