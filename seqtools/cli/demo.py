"""`seqtools demo [TASK]`: train, export, check and run a small model; `generate` if none is named."""

from __future__ import annotations

from seqtools.cli.lazy import PluginGroup

command = PluginGroup(
    "demo",
    parent="demo",
    default="generate",
    help="Train, export, check and run a small model in about two minutes (default: generate).",
)
