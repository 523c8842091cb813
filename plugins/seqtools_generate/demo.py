"""`seqtools demo`: the whole way once, from a text to a file that writes."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from seqtools import config
from seqtools.demo_options import demo_options, demo_settings
from seqtools.output import note

SAMPLE = Path(__file__).with_name("samples") / "shakespeare.txt.gz"
PROMPT = "ROMEO:"


@click.command(short_help="Train on Shakespeare, export, check and generate.")
@demo_options("seqtools-demo", time="110s")
def command(output: Path, budget: str, threads: int, seed: int) -> None:
    """Train a character LSTM on 600,000 characters of Shakespeare, make one ONNX file of it and let it write.

    Takes about two minutes of an ordinary CPU and ends with a text and the commands to try next.
    """
    # torch first: without the [train] extra nothing is written.
    import seqtools
    from seqtools_generate.train_run import train_generate

    flags = demo_settings(budget, threads, seed)
    recipe = config.build(config.preset("char-small"), config.Layer("demo", flags))
    note(f"1. Training on {SAMPLE.name} for {budget}.")
    train_generate([SAMPLE], output, recipe, report=note)
    model = output / "model.onnx"
    note(f"\n2. {model} is the model: tokenizer, network, decoding loop in one file of {size(model)}.")
    note("   It was run against the network it came from before it got its name.")
    note("\n3. It writes:\n")
    click.echo(PROMPT, nl=False)
    for piece in seqtools.load(model).stream(PROMPT, max_tokens=400, temperature=0.8, seed=seed):
        click.echo(piece, nl=False)
    click.echo()
    quoted = shlex.quote(str(model))
    note("\nWhat to try next:")
    note(f'  seqtools generate -m {quoted} "JULIET:" --temperature 0.5')
    note(f"  seqtools info {quoted}")
    note("  seqtools train generate YOUR.txt -o runs/mine --max-time 10m")


def size(path: Path) -> str:
    """Size of a file in kB or MB."""
    count = path.stat().st_size
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
