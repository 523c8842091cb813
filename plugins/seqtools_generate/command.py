"""`seqtools generate`: options; what they do is in `program`, imported when it runs."""

from __future__ import annotations

from typing import Any

import click

from seqtools.run_options import run_options

_STOP_HELP = "End at this text, which is not printed; may be given several times."
_BIAS_HELP = "Add BIAS to the score of a token, named by its text or as #ID; -inf forbids it. Several times."
_LENGTH_HELP = "Tokens to write; -1 has no end."
_NGRAM_HELP = "Never write an n-gram of N tokens twice; 0 is off."
_LAST_HELP = "Last tokens that the penalty and the n-gram ban look at."


@click.command("generate")
@click.argument("prompt", required=False)
@click.option("-f", "--file", "file", metavar="FILE", help="Read the prompt from a file; - is stdin.")
@click.option("-m", "--model", metavar="MODEL", help="Model file.  [default: the bundled one]")
@click.option(
    "-n", "--max-tokens", "--max-new-tokens", type=int, default=300, show_default=True, help=_LENGTH_HELP
)
@click.option(
    "--temperature", "--temp", type=float, default=0.8, show_default=True, help="Randomness; 0 is greedy."
)
@click.option(
    "--top-k", type=int, default=0, show_default=True, help="Choose among the K likeliest; 0 is off."
)
@click.option(
    "--top-p",
    type=float,
    default=1.0,
    show_default=True,
    help="Choose among the likeliest that hold this probability; 1 is off.",
)
@click.option(
    "--min-p",
    type=float,
    default=0.0,
    show_default=True,
    help="Drop what is less likely than this share of the likeliest; 0 is off.",
)
@click.option(
    "--typical",
    type=float,
    default=1.0,
    show_default=True,
    help="Locally typical sampling: the mass to keep; 1 is off.",
)
@click.option(
    "--repetition-penalty",
    "--repeat-penalty",
    type=float,
    default=1.0,
    show_default=True,
    help="Make tokens seen lately less likely; 1 is off.",
)
@click.option("--repeat-last-n", type=int, default=1024, show_default=True, help=_LAST_HELP)
@click.option("--no-repeat-ngram", type=int, default=0, show_default=True, metavar="N", help=_NGRAM_HELP)
@click.option("--logit-bias", multiple=True, metavar="TOKEN=BIAS", help=_BIAS_HELP)
@click.option("-r", "--stop", multiple=True, metavar="TEXT", help=_STOP_HELP)
@click.option("--ignore-eos", is_flag=True, help="Go on after the end token of a model of lines.")
@click.option("-N", "--num-samples", type=int, default=1, show_default=True, help="Texts to write.")
@click.option(
    "--best-of",
    type=int,
    default=0,
    show_default=True,
    metavar="N",
    help="Write N texts, keep the likeliest by mean log-probability; 0 is off.",
)
@click.option(
    "--beam",
    type=int,
    metavar="N",
    help="Search the likeliest text with N hypotheses instead of drawing one; 1 is greedy.",
)
@click.option(
    "--n-best", type=int, default=1, show_default=True, metavar="N", help="With --beam: texts to write."
)
@click.option(
    "--length-penalty",
    type=click.Choice(["none", "average", "wu", "power"]),
    default="power",
    show_default=True,
    help="With --beam: how texts of different lengths compare.",
)
@click.option(
    "--alpha", type=float, default=1.0, show_default=True, help="With --beam: strength of wu and power."
)
@click.option(
    "-s", "--seed", type=int, help="Same seed, same text; -1 is random.  [default: random, printed on stderr]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, one line a sample.")
@click.option("--no-display-prompt", is_flag=True, help="Print what is new only.")
@click.option("--save-state", metavar="FILE", help="Write where the text stands, to go on from later.")
@click.option("--load-state", metavar="FILE", help="Go on from a saved state (PROMPT is then read after it).")
@run_options
def command(**options: Any) -> None:
    """Write text that goes on from PROMPT (or -f FILE, or stdin when it is piped in).

    Text appears as it is written. With several samples a line `---` stands between them, except for
    models of lines, which print one line a sample. The seed is printed on stderr when it is random.

    \b
    seqtools generate "ROMEO:" -n 500
    seqtools generate -m names.onnx -N 20 --temperature 1
    seqtools generate "JULIET:" --stop "ROMEO:" --seed 7 --json
    seqtools generate -m names.onnx --beam 10 --n-best 5
    """
    from seqtools_generate.program import Request, generate

    context = click.get_current_context()
    typed = click.core.ParameterSource.COMMANDLINE
    given = frozenset(name for name in options if context.get_parameter_source(name) is typed)
    try:
        generate(Request(**options, given=given))
    except BrokenPipeError as error:  # click would call it a failure; `| head` has what it wanted
        raise click.exceptions.Exit(0) from error
