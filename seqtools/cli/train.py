"""`seqtools train TASK`: one subcommand for each task that can be trained."""

from __future__ import annotations

from seqtools.cli.lazy import PluginGroup

command = PluginGroup(
    "train",
    parent="train",
    help="Train a model on your own data; each task has its own subcommand.",
)
