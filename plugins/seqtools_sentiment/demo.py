"""`seqtools demo sentiment`: the whole way once, from labelled texts to a file that labels others."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqtools import config
from seqtools.demo_options import demo_options, demo_settings
from seqtools.output import note
from seqtools_sentiment.recipe import SentimentRecipe

if TYPE_CHECKING:
    from seqtools.explaining.explanation import Explanation

SAMPLE = Path(__file__).with_name("samples") / "pros-cons.tsv.gz"
REMARKS = (
    "Great picture quality, easy to use.",
    "The battery dies after an hour",
    "Light, but the screen is dim",
    "no viewfinder, and way too heavy",
)

_SIZES = {
    "network.width": 64,
    "network.embedding": 64,
    "tokenizer.vocab_size": 8000,
    "data.max_length": 64,
    "data.licence": "CC BY 4.0, pros and cons dataset by Bing Liu",
}
"""What differs from the preset `short`: remarks of a few words, minutes instead of many."""


@click.command(short_help="Train a judge of pros and cons, let it label and explain.")
@demo_options("seqtools-demo-sentiment", time="100s")
def command(output: Path, budget: str, threads: int, seed: int) -> None:
    """Train an LSTM that reads both ways on 16,000 remarks from product reviews, fit two linear models on the
    same, make one ONNX file of it and let it tell praise from blame.

    Takes about two minutes of an ordinary CPU and ends with labels, and with the words that decided one.
    """
    # torch first: without the [train] extra nothing is written.
    from seqtools_sentiment.train_run import train_sentiment  # isort: skip
    import seqtools

    flags = demo_settings(budget, threads, seed)
    recipe = config.build(
        config.preset("short", SentimentRecipe),
        config.Layer("demo", {**_SIZES, **flags}),
        kind=SentimentRecipe,
    )
    note(f"1. Training on {SAMPLE.name} (Bing Liu, CC BY 4.0) for {budget} at most.")
    train_sentiment((str(SAMPLE),), output, recipe, report=note)
    model = output / "model.onnx"
    note(f"\n2. {model} is the model: strings in, labels and calibrated probabilities out.")
    note("   It was run against the network it came from before it got its name.")
    note("\n3. It labels remarks:\n")
    classifier = seqtools.load(model)
    for one in classifier.classify_batch(REMARKS):
        click.echo(f"{one.label}  {one.probability:.4f}  {one.text}")
    note("\n4. Which words made the third one what it is (blue or above 0: for the label):\n")
    click.echo(_shown(classifier.explain(REMARKS[2])))
    quoted, sample = shlex.quote(str(model)), shlex.quote(str(SAMPLE))
    note("\nWhat to try next:")
    note(f'  seqtools sentiment -m {quoted} "Easy to carry, hard to read" --explain')
    note(f'  seqtools sentiment -m {quoted} "Zooms well" --json --explain-to why.svg')
    note(f"  seqtools evaluate -m {quoted} {sample} --robustness")
    note("  seqtools train sentiment REVIEWS.csv -o runs/mine --preset short")


def _shown(explanation: Explanation) -> str:
    """The weighed words, in as many colours as the terminal has."""
    from seqtools.explaining.ansi import chosen

    return f"{explanation.label}: {chosen(None)(explanation)}"
