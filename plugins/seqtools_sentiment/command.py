"""`seqtools sentiment`, also `classify`: options; what they do is in `program`, imported when it runs."""

from __future__ import annotations

from typing import Any

import click

from seqtools.run_options import run_options


@click.command("sentiment")
@click.argument("text", required=False)
@click.option("-m", "--model", metavar="MODEL", help="Model file.  [default: the bundled one]")
@click.option("-i", "--input", metavar="FILE", help="Read lines from a file (.gz too); - is stdin.")
@click.option("-o", "--output", metavar="FILE", help="Write there; - is stdout.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines out, and in where a line is an object.")
@click.option(
    "--text-field",
    metavar="NAME",
    help="Every line is a JSON object; classify this field of it.  [default: text]",
)
@click.option("-k", "--top-k", type=int, metavar="N", help="Print the N most probable labels.")
@click.option(
    "--threshold",
    type=float,
    metavar="P",
    help="Several labels a text: print those that are so probable.  [default: 0.5]",
)
@click.option(
    "--abstain",
    type=float,
    default=0.0,
    metavar="P",
    help="One label a text: say 'unsure' where the best one is less probable; 0 is off.",
)
@click.option("--explain", is_flag=True, help="Print after each label how much each word speaks for it.")
@click.option(
    "--explain-to", metavar="FILE", help="Draw that: a .html page, or a .svg picture, of 200 texts at most."
)
@click.option(
    "--explain-by",
    type=click.Choice(["occlusion", "gradients"]),
    help="occlusion: leave each word out. gradients: fade words in, and integrate.  [default: occlusion]",
)
@click.option(
    "--batch-size", type=int, metavar="N", default=32, show_default=True, help="Texts classified at once."
)
@click.option("--stream", is_flag=True, help="Answer each line as it comes, without reading ahead.")
@run_options
def command(**options: Any) -> None:
    """Label TEXT, a file (-i) or stdin: one line in, one line out, in the same order.

    A line out is the label, a tab and its calibrated probability; a model of several labels a text prints
    all that are probable, and nothing where none is. Empty lines stay empty.

    --explain leaves out each word in turn and asks again: words are coloured on a terminal (blue speaks for
    the label, orange against it), else their effect on the label's log-odds stands behind them. With
    --explain-by gradients effects are integrated gradients, which sum to those log-odds.

    \b
    seqtools sentiment "I loved it"
    seqtools classify -m topics.onnx -i news.txt -o labels.txt --top-k 2
    seqtools sentiment -i reviews.jsonl --text-field review --json --abstain 0.8
    seqtools sentiment "Not bad at all" --explain --explain-to why.svg
    """
    from seqtools_sentiment.program import classify
    from seqtools_sentiment.request import Request

    try:
        classify(Request(**options))
    except BrokenPipeError as error:  # click would call it a failure; `| head` has what it wanted
        raise click.exceptions.Exit(0) from error
