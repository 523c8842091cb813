"""`seqtools demo tag`: the whole way once, from labelled sentences to a file that labels."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from seqtools import config
from seqtools.demo_options import demo_options, demo_settings
from seqtools.output import note
from seqtools_tag.recipe import TagRecipe

SAMPLE = Path(__file__).with_name("samples") / "english-pos.conll.gz"
SENTENCES = (
    "They refuse to permit us to obtain the refuse permit.",
    "I can't find Jane's can of paint anywhere!",
    "Time flies like an arrow; fruit flies like a banana.",
)

_SIZES = {
    "training.warmup": 50,
    "data.licence": "CC BY-SA 4.0 (annotations), Universal Dependencies English Web Treebank",
}
"""What differs from the preset `pos`."""


@click.command(short_help="Train on English sentences, label words.")
@demo_options("seqtools-demo-tag", time="100s")
def command(output: Path, budget: str, threads: int, seed: int) -> None:
    """Train a tagger of parts of speech on a sample of the English Web Treebank, make one ONNX file of it and
    let it label sentences.

    Takes about two minutes of an ordinary CPU and ends with labelled sentences.
    """
    # torch first: without the [train] extra nothing is written.
    import seqtools
    from seqtools_tag.train_run import train_tag

    flags = demo_settings(budget, threads, seed)
    recipe = config.build(
        config.preset("pos", TagRecipe),
        config.Layer("demo", {**_SIZES, **flags}),
        kind=TagRecipe,
    )
    note(f"1. Training on {SAMPLE.name} (Universal Dependencies EWT, CC BY-SA 4.0) for {budget}.")
    train_tag((SAMPLE,), output, recipe, report=note)
    model = output / "model.onnx"
    note(f"\n2. {model} is the model: cutting into words, network and labels in one file.")
    note("   It was run against the network it came from before it got its name.")
    note("\n3. It labels words:\n")
    for result in seqtools.load(model).tag_batch(SENTENCES):
        click.echo(" ".join(f"{word}/{label}" for word, label in result.pairs))
    quoted = shlex.quote(str(model))
    note("\nWhat to try next:")
    note(f'  seqtools tag -m {quoted} "Buffalo buffalo buffalo." --with-scores')
    note(f'  seqtools tag -m {quoted} "Let it rain." --format conll')
    note(f'  seqtools tag -m {quoted} "Let it rain." --json')
    note(f'  seqtools tag -m {quoted} "Let it rain." --explain --word rain')
    note("  seqtools train tag NER.conll -o runs/mine --preset ner --vectors glove.6B.50d.txt")
