"""`seqtools tag`: options; what they do is in `program`, imported when it runs."""

from __future__ import annotations

from typing import Any

import click

from seqtools.run_options import run_options


@click.command("tag")
@click.argument("text", required=False)
@click.option("-m", "--model", metavar="MODEL", help="Model file, made by `seqtools train tag`.")
@click.option("-i", "--input", metavar="FILE", help="Read lines from a file (.gz too); - is stdin.")
@click.option("-o", "--output", metavar="FILE", help="Write there; - is stdout.")
@click.option("--pretokenized", is_flag=True, help="Words stand between blanks: cut nowhere else.")
@click.option(
    "--threshold",
    type=float,
    default=0.0,
    show_default=True,
    metavar="P",
    help="Leave out spans that are less probable.",
)
@click.option(
    "-k", "--top-k", type=int, default=0, metavar="N", help="Print the N most probable labels of each word."
)
@click.option(
    "--abstain",
    type=float,
    default=0.0,
    metavar="P",
    help="Say 'unsure' of words whose label is less probable, where labels mark no spans; 0 is off.",
)
@click.option(
    "--format",
    type=click.Choice(["inline", "conll", "json"]),
    help="inline: the line with labels in it. conll: a word and its label a line, an empty line after "
    "each text. json: JSON Lines.  [default: inline]",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines out, and in where a line is an object.")
@click.option(
    "--text-field",
    metavar="NAME",
    help="Every line is a JSON object; read this field of it.  [default: text]",
)
@click.option("--with-scores", is_flag=True, help="Print probabilities, too.")
@click.option("--html", metavar="FILE", help="Write a page with the labels in colours, too.")
@click.option(
    "--explain",
    is_flag=True,
    help="Print below each text how much each of its words speaks for the label of each span, or of each "
    "word where labels mark no spans.",
)
@click.option(
    "--word",
    "words",
    multiple=True,
    metavar="TEXT|N",
    help="Explain the label of this word instead, by its text or its number from 1 (repeatable).",
)
@click.option(
    "--explain-to",
    metavar="FILE",
    help="Draw explanations: a .html page, or a .svg picture, of 200 labels at most.",
)
@click.option(
    "--explain-by",
    type=click.Choice(["occlusion", "gradients"]),
    help="occlusion: hide each word. gradients: fade words in, and integrate.  [default: occlusion]",
)
@click.option("--stream", is_flag=True, help="Answer each line as it comes, without reading ahead.")
@click.option(
    "--batch-size", type=int, default=32, show_default=True, metavar="N", help="Lines that are read at once."
)
@run_options
def command(**options: Any) -> None:
    """Label the words of TEXT, of a file (-i) or of stdin: one line in, one line out, in the same order.

    Plain labels stand behind their words (`She/PRON reads/VERB`), spans in brackets with their type in
    front (`[PER Jane Smith] lives in [LOC Paris].`). Empty lines stay empty.

    --explain puts an unknown word in the place of each word in turn and asks again. Below the text comes a
    line for each span, or each word: after a tab its label, its probability, the words that got it, and the
    text with its words coloured on a terminal (blue speaks for the label, orange against it), else with
    their effect on the label's log-odds behind them.

    \b
    seqtools tag -m ner.onnx "Jane Smith lives in Paris."
    seqtools tag -m pos.onnx -i in.txt --format conll -o out.conll
    seqtools tag "The old man the boats." --top-k 2
    cat in.txt | seqtools tag -m ner.onnx --json --threshold 0.8
    seqtools tag -m ner.onnx "Jane Smith lives in Paris." --explain --explain-to why.svg
    seqtools tag "The old man the boats." --explain --word man
    """
    from seqtools_tag.program import tag
    from seqtools_tag.request import Request

    try:
        tag(Request(**options))
    except BrokenPipeError as error:  # click would call it a failure; `| head` has what it wanted
        raise click.exceptions.Exit(0) from error
