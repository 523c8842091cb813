"""`seqtools demo translate`: the whole way once, from sentence pairs to a file that translates."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from seqtools import config
from seqtools.demo_options import demo_options, demo_settings
from seqtools.output import note
from seqtools_translate.recipe import TranslateRecipe

SAMPLE = Path(__file__).with_name("samples") / "spanish-english.tsv.gz"
SENTENCES = ("¿Dónde está mi libro?", "No quiero ir a la escuela.", "Ella tiene una casa grande.")

_SIZES = {
    "network.encoder_width": 128,
    "network.width": 160,
    "network.embedding": 160,
    "network.dropout_embedding": 0.1,
    "network.dropout_hidden": 0.1,
    "network.dropout_output": 0.2,
    "tokenizer.vocab_size": 2000,
    "tokenizer.options.sampling": 0.0,
    "training.lr": 5e-3,
    "training.warmup": 100,
    "training.batch_tokens": 700,
    "data.source_language": "es",
    "data.target_language": "en",
    "data.licence": "CC BY 2.0, www.manythings.org/anki and tatoeba.org",
}
"""What differs from the preset `small`: short sentences, many small steps, minutes instead of an hour."""


@click.command(short_help="Train Spanish to English, translate, show the attention.")
@demo_options("seqtools-demo-translate", time="150s")
def command(output: Path, budget: str, threads: int, seed: int) -> None:
    """Train an LSTM with attention on 14,419 short sentence pairs from Tatoeba, make one ONNX file of it and
    let it translate.

    Takes about three minutes of an ordinary CPU and ends with translations, their scores and a picture of
    where the network looked.
    """
    # torch first: without the [train] extra nothing is written.
    import seqtools
    from seqtools_translate.attention_map import write
    from seqtools_translate.prepare import Corpus
    from seqtools_translate.train_run import train_translate

    flags = demo_settings(budget, threads, seed)
    recipe = config.build(
        config.preset("small", TranslateRecipe),
        config.Layer("demo", {**_SIZES, **flags}),
        kind=TranslateRecipe,
    )
    note(f"1. Training on {SAMPLE.name} (Tatoeba, CC BY 2.0) for {budget}.")
    train_translate(Corpus((SAMPLE,)), output, recipe, report=note)
    model = output / "model.onnx"
    note(f"\n2. {model} is the model: network, attention and beam search in one file.")
    note("   It was run against the network it came from before it got its name.")
    note("\n3. It translates:\n")
    told = seqtools.load(model).translate_batch(SENTENCES)
    for sentence, one in zip(SENTENCES, told, strict=True):
        click.echo(f"{sentence}\n  {one.text}  ({one.scores[0]:.2f})")
    note("\n4. Where it looked while it wrote (rows: what it wrote, columns: what it read):\n")
    looked = told[-1].word_attention[0]
    write("ansi", looked.source, looked.target, looked.matrix)
    quoted = shlex.quote(str(model))
    note("\nWhat to try next:")
    note(f'  seqtools translate -m {quoted} "¿Qué hora es?" --n-best 3 --with-scores')
    note(f'  seqtools translate -m {quoted} "Tengo un perro." --attention-map map.svg')
    note("  seqtools train translate --source TRAIN.es --target TRAIN.en -o runs/mine --preset small")
