"""`seqtools translate`: options; what they do is in `program`, imported when it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from seqtools.run_options import run_options

_MODEL_HELP = "Model file; several translate together.  [default: the bundled one]"
_PENALTY_HELP = "How scores of different lengths are made comparable."
_OWN = "the model's own, else "


Function = Callable[..., Any]


def _own(*names: str, default: object, help: str, **more: Any) -> Callable[[Function], Function]:
    """An option whose default the model's card may set."""
    return click.option(*names, default=None, help=f"{help}  [default: {_OWN}{default}]", **more)


@click.command("translate")
@click.argument("text", required=False)
@click.option("-m", "--model", multiple=True, metavar="MODEL", help=_MODEL_HELP)
@click.option("--weights", metavar="W,W,…", help="How much each of several models counts.")
@click.option(
    "--ensemble-by",
    type=click.Choice(["probabilities", "log-probabilities"]),
    default="probabilities",
    show_default=True,
    help="What is averaged over several models.",
)
@click.option("-i", "--input", metavar="FILE", help="Read lines from a file (.gz too); - is stdin.")
@click.option("-o", "--output", metavar="FILE", help="Write there; - is stdout.")
@_own("-b", "--beam-size", type=int, default=5, help="Hypotheses followed at once; 1 is greedy.")
@click.option("--n-best", type=int, metavar="N", help="Print N different translations of each line.")
@_own(
    "--length-penalty",
    type=click.Choice(["none", "average", "wu", "power"]),
    default="power",
    help=_PENALTY_HELP,
)
@_own("--alpha", type=float, default=1, help="Strength of the length penalties power and wu.")
@_own("--word-reward", type=float, default=0, help="Added to the score for each token.")
@_own(
    "--coverage-penalty",
    type=click.Choice(["none", "wu", "summary"]),
    default="none",
    help="Punish source words left out (wu) or looked at again and again (summary).",
)
@_own("--beta", type=float, default=0.2, help="Strength of the coverage penalty.")
@_own("--max-length", type=int, default=256, help="Most tokens of a translation.")
@_own("--max-length-ratio", type=float, default=2, help="The same for each source token, plus 10; 0 is off.")
@_own("--min-length", type=int, default=0, help="Fewest tokens of a translation.")
@_own("--min-length-ratio", type=float, default=0, help="The same for each source token.")
@_own(
    "--no-repeat-ngram",
    "--no-repeat-ngram-size",
    "no_repeat_ngram",
    type=int,
    metavar="N",
    default=0,
    help="Never write an n-gram of N tokens twice; 0 is off.",
)
@_own("--repetition-penalty", type=float, default=1, help="Make tokens written before less likely; 1 is off.")
@click.option("--prefix", default="", metavar="TEXT", help="Every translation begins with this.")
@_own(
    "--prefix-bias",
    type=float,
    default=0,
    help="Favour the prefix with this weight (0 to 1) instead of forcing it; 0 forces.",
)
@click.option(
    "--glossary",
    metavar="FILE",
    help="Terms and what they become: SOURCE, tab, TARGET a line; -TARGET is never said.",
)
@_own(
    "--diverse-groups", type=int, metavar="N", default=1, help="Groups of hypotheses that avoid each other."
)
@_own("--diversity", type=float, default=0.5, help="How much the groups avoid each other.")
@_own("--patience", type=float, default=0, help="Stop after PATIENCE * beam finished hypotheses; 0 is off.")
@_own(
    "--prune", type=float, metavar="NATS", default=0, help="Drop hypotheses so far below the best; 0 is off."
)
@click.option("--sampling-topk", type=int, metavar="K", help="Draw from the K likeliest tokens, no search.")
@click.option("--sampling-topp", type=float, metavar="P", help="Draw from the likeliest tokens that hold P.")
@click.option("--sampling-temperature", type=float, metavar="T", help="Randomness of drawing; 1 as learned.")
@click.option("-s", "--seed", type=int, help="Same seed, same draws.  [default: random, printed on stderr]")
@click.option(
    "--replace-unk", is_flag=True, default=None, help="Look up or copy the source word for an unknown one."
)
@click.option(
    "--alignment",
    type=click.Choice(["hard", "soft"]),
    help="Print which word comes from which: 0-0 1-2 (hard), or the whole matrix (soft).",
)
@click.option("--with-scores", is_flag=True, help="Print the score after each translation.")
@_own("--max-source", type=int, metavar="N", default=256, help="Longest line in tokens; the rest is cut.")
@click.option("--split-long", is_flag=True, default=None, help="Split longer lines where sentences end.")
@click.option(
    "--shortlist/--no-shortlist",
    default=None,
    help="Predict only tokens that the file's lexicon knows for the line: faster, nearly the same.",
)
@_own(
    "--batch-size",
    type=int,
    metavar="N",
    default="16, or 512 tokens",
    help="Lines (or tokens) translated at once.",
)
@_own("--batch-type", type=click.Choice(["sents", "tokens"]), default="sents", help="What batch-size counts.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines out, and in where a line is an object.")
@click.option(
    "--source-field",
    metavar="NAME",
    help="Every line is a JSON object; translate this field of it.  [default: text]",
)
@click.option(
    "--format",
    type=click.Choice(["text", "nbest", "json"]),
    help="text, or ID ||| TEXT ||| SCORE, or JSON Lines.  [default: text; nbest with --n-best]",
)
@click.option("--stream", is_flag=True, help="Answer each line as it comes, without reading ahead.")
@click.option(
    "--attention-map",
    metavar="FILE",
    help="Draw what the first line looks at: a .svg, .png or .html file, or ansi for the terminal.",
)
@run_options
def command(**options: Any) -> None:
    """Translate TEXT, a file (-i) or stdin: one line in, one line out, in the same order.

    Empty lines stay empty. Lines are read ahead and translated in batches of like length; --stream answers
    each line as it comes.

    \b
    echo "Hello" | seqtools translate -m en-de.onnx
    seqtools translate -m en-de.onnx -i in.txt -o out.txt --beam-size 8
    seqtools translate -m en-de.onnx "A dog runs." --alignment hard --n-best 3
    """
    from seqtools_translate.program import translate
    from seqtools_translate.request import request

    try:
        translate(request(**options))
    except BrokenPipeError as error:  # click would call it a failure; `| head` has what it wanted
        raise click.exceptions.Exit(0) from error
