"""`seqtools score`: options; what they do is in `score_program`, imported when it runs."""

from __future__ import annotations

from typing import Any

import click

from seqtools.run_options import run_options


@click.command("score")
@click.argument("source", required=False)
@click.argument("target", required=False)
@click.option("-m", "--model", metavar="MODEL", help="Model file.  [default: the bundled one]")
@click.option("-o", "--output", metavar="FILE", help="Write there; - is stdout.")
@click.option(
    "--normalize",
    type=click.Choice(["none", "tokens", "words"]),
    default="none",
    show_default=True,
    help="Divide each log-probability by the number of tokens or words of the target, its end included.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with the score of each token.")
@click.option(
    "--batch-size",
    type=int,
    default=1024,
    show_default=True,
    metavar="N",
    help="Pairs read before they are scored, those of like length together.",
)
@run_options
def command(**options: Any) -> None:
    """How likely is each TARGET line as the translation of its SOURCE line?

    Prints one natural log-probability a pair. SOURCE and TARGET are files, line by line; without TARGET the
    one file (or stdin, -) holds both sides with a tab between them.

    \b
    seqtools score -m en-de.onnx test.en test.de
    paste test.en test.de | seqtools score -m en-de.onnx --normalize tokens
    """
    from seqtools_translate.score_program import Request, score

    try:
        score(Request(**options))
    except BrokenPipeError as error:  # click would call it a failure; `| head` has what it wanted
        raise click.exceptions.Exit(0) from error
