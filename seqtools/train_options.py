"""The options that every command below `train` has: where the run goes, what is made at its end.

Each is a decorator of its own, so that a command can put its own options between them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

output_option: Decorator = click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Run folder to write."
)
resume_option: Decorator = click.option(
    "--resume", is_flag=True, help="Go on with the run in -o, with the recipe it has."
)
export_option: Decorator = click.option(
    "--export/--no-export", default=True, show_default=True, help="Write model.onnx at the end."
)


def floor_option(told: str) -> Decorator:
    """`--floor/--no-floor`; `told` says what simple methods do beside the network."""
    return click.option("--floor/--no-floor", default=True, show_default=True, help=told)
