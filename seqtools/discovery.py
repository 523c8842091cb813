"""Entry points of installed distributions, read straight from their folders.

`importlib.metadata` gives the same answer for some 50 ms of CPU at start (it loads csv, email and
zipfile); `seqtools --help` has 120 ms in all, so the few lines that matter are read here.
"""

# ruff: noqa: PTH118, PTH119, PTH123, PTH208 - os.path, for the same reason
from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

SUFFIXES = (".dist-info", ".egg-info")


@dataclass(frozen=True)
class EntryPoint:
    """One line of a distribution's `entry_points.txt`.

    Attributes:
        name: left of the equals sign, how a person calls the plugin.
        target: `"module"` or `"module:attribute"`.
        distribution: name of the distribution, normalised (`seqtools-suite`).
        version: its version, or "" where its folder does not tell.
    """

    name: str
    target: str
    distribution: str
    version: str

    def __str__(self) -> str:
        owner = f"{self.distribution} {self.version}".strip()
        return f"plugin '{self.name}' ({owner})" if owner else f"plugin '{self.name}'"


def entry_points(group: str, path: Sequence[str] | None = None) -> list[EntryPoint]:
    """Entry points of one group along `path` (default: `sys.path`), sorted by name.

    Of a distribution found twice the first wins, as for imports.
    """
    found: list[EntryPoint] = []
    seen: set[str] = set()
    for folder in sys.path if path is None else path:
        for info in _metadata_folders(folder or "."):
            distribution, version = _identity(os.path.basename(info))
            if distribution in seen:
                continue
            seen.add(distribution)
            for name, target in _read(info, group):
                found.append(EntryPoint(name, target, distribution, version))
    return sorted(found, key=lambda entry: (entry.name, entry.distribution))


def _metadata_folders(folder: str) -> Iterator[str]:
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIXES))
    except OSError:  # a zip, or a folder that is gone: nothing to find there
        return
    for name in names:
        yield os.path.join(folder, name)


def _identity(folder: str) -> tuple[str, str]:
    """`seqtools_suite-0.1.0.dist-info` -> ("seqtools-suite", "0.1.0")."""
    stem = folder.rpartition(".")[0]
    name, _, version = stem.partition("-")
    return name.replace("_", "-").replace(".", "-").lower(), version.partition("-")[0]


def _read(folder: str, group: str) -> Iterator[tuple[str, str]]:
    try:
        with open(os.path.join(folder, "entry_points.txt"), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError):  # most distributions have none
        return
    section = ""
    for line in lines:
        text = line.strip()
        if text.startswith("["):
            section = text.strip("[]").strip()
        elif section == group and "=" in text and not text.startswith(("#", ";")):
            name, _, target = text.partition("=")
            yield name.strip(), target.partition("[")[0].replace(" ", "")
