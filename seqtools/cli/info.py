"""`seqtools info MODEL`: what is in a model file, and does it compute here what it computed at home?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from seqtools.errors import ModelFileError

if TYPE_CHECKING:
    from seqtools.model_file import ModelFile

_DEADLINE = 60.0  # seconds; a test vector takes milliseconds


@click.command("info")
@click.argument("model", metavar="MODEL")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on one line.")
@click.option("--check", is_flag=True, help="Run the stored test vector and print the largest difference.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="cpu",
    show_default=True,
    help="Where --check runs the model.",
)
def command(model: str, as_json: bool, check: bool, device: str) -> None:
    """Describe a model file: card, task, tokenizer, inputs and outputs, sizes.

    Without --check the file is only read, never run.
    """
    from seqtools import describe
    from seqtools.model_file import ModelFile

    found = ModelFile.open(model)
    checked = _check(found, device) if check else None
    if as_json:
        told = describe.as_json(found)
        click.echo(json.dumps(told | {"check": checked} if checked else told, ensure_ascii=False))
    else:
        for line in describe.as_lines(found):
            click.echo(line)
        if checked:
            click.echo(_line(checked))
    if checked and not checked["ok"]:
        raise ModelFileError(
            model,
            f"this computer does not reproduce its test vector ({_line(checked)})",
            "Update onnxruntime, or export the model again; 'seqtools doctor' checks the installation",
        )


def _check(model: ModelFile, device: str) -> dict[str, Any]:
    """Largest difference over all cases, and the names of outputs that differ outright."""
    from seqtools import parity
    from seqtools.runtime.session import Session

    fused = model.form == "fused"
    session = Session(
        model.data, subject=str(model.path), device=device, deadline=_DEADLINE, extensions=fused
    )
    found = parity.compare(session.run, model.parity, str(model.path))
    largest = max(case.largest for case in found)
    limit = parity.tolerance(model.parity)
    unequal = sorted({f"{case.case}.{output}" for case in found for output in case.unequal})
    return {
        "cases": [case.case for case in found],
        "largest_difference": largest if largest != float("inf") else None,
        "tolerance": limit,
        "unequal": unequal,
        "ok": largest <= limit and not unequal,
    }


def _line(checked: dict[str, Any]) -> str:
    largest = checked["largest_difference"]
    told = "infinite" if largest is None else f"{largest:.1e}"
    rest = f"; differing outright: {', '.join(checked['unequal'])}" if checked["unequal"] else ""
    return (
        f"{'check':<12}{len(checked['cases'])} cases, largest difference {told} "
        f"(tolerance {checked['tolerance']:.0e}){rest}"
    )
