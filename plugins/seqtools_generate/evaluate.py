"""`seqtools evaluate` for language models: how surprised is the file, and does it beat an n-gram?"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from seqtools.run_options import evaluate_options

if TYPE_CHECKING:
    from seqtools.model_file import ModelFile
    from seqtools.plugin import Tokenizer
    from seqtools_generate.evaluation import Evaluation
    from seqtools_generate.protocols import Score
    from seqtools_generate.sample import Sample

_PROTOCOLS = {"carried": ("carried",), "windows": ("windows",), "both": ("carried", "windows")}


@click.command("evaluate")
@click.option("-m", "--model", default=None, help="Model file.  [default: the bundled one]")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--valid-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=None,
    help="Score this share at the end of the text; the floor learns from the rest.  [default: 0.1]",
)
@click.option("--whole", is_flag=True, help="Score all of the text (it should be text the model never saw).")
@click.option("--train", "train", metavar="FILE", help="Text for the floor to learn from; implies --whole.")
@click.option(
    "--protocol",
    type=click.Choice(list(_PROTOCOLS)),
    default="both",
    show_default=True,
    help="carried: one stream, state never reset. windows: each from a zero state, as nanoGPT.",
)
@click.option(
    "--window",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="Predictions in a window, in tokens.",
)
@click.option("--per-line", is_flag=True, help="Each line is a text of its own.  [default: as the card says]")
@click.option("--floor/--no-floor", default=True, show_default=True, help="Train the n-gram as well.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on one line.")
@evaluate_options
def command(
    model: str | None,
    files: tuple[str, ...],
    valid_fraction: float | None,
    whole: bool,
    train: str | None,
    protocol: str,
    window: int,
    per_line: bool,
    floor: bool,
    as_json: bool,
    device: str,
    threads: int,
) -> None:
    """Score FILEs (text, .gz, JSON Lines, folders, - for stdin) with a language model's .onnx file alone.

    Prints nats and bits per character, perplexity per token and per word, with the state carried
    through the whole text and in zero-state windows that just touch (nanoGPT draws 200 batches of 64
    such windows at random; this is the mean it estimates). Beside them an n-gram trained on the rest.
    """
    from seqtools import output
    from seqtools_generate import evaluation
    from seqtools_generate.sample import read_sample

    if whole and (valid_fraction is not None):
        raise click.UsageError("--whole and --valid-fraction contradict each other.")
    share = 1.0 if whole else valid_fraction or (1.0 if train else 0.1)
    model = model or _bundled()
    opened, tokenizer, score = _open(model, device, threads)
    per_line = per_line or _trained_per_line(opened)
    sample = read_sample(tokenizer, files, [train] if train else [], share, per_line=per_line)
    with output.counting("scored", "tokens", quiet=as_json) as progress:
        result = evaluation.evaluate(
            score,
            tokenizer,
            sample,
            which=_PROTOCOLS[protocol],
            window=window,
            floor=floor,
            report=output.detail,
            progress=progress,
        )
    if as_json:
        told = {
            "model": model,
            "files": list(files),
            "share": share,
            "window": window,
            "per_line": per_line,
            **result.as_json(),
        }
        click.echo(json.dumps({**told, "verdict": evaluation.verdict(result)}, ensure_ascii=False))
        return
    _print(result, model, ", ".join("stdin" if name == "-" else name for name in files), share, window)
    click.echo(evaluation.verdict(result))
    for note in _notes(result, tokenizer, sample):
        output.note(note)


def _bundled() -> str:
    from seqtools import loader
    from seqtools.bundled import bundled_model

    return str(bundled_model(loader.task("generate")))


def _open(path: str, device: str, threads: int) -> tuple[ModelFile, Tokenizer, Score]:
    """The file, its tokenizer and its scoring function."""
    from seqtools import loader
    from seqtools.errors import ModelFileError
    from seqtools.model_file import ModelFile
    from seqtools.runtime.session import Session
    from seqtools_generate.evaluation import file_score

    model = ModelFile.open(path, expect_task="generate")
    width = next((port.shape[-1] for port in model.inputs if port.name == "state" and port.shape), None)
    if not isinstance(width, int):
        cause = "it has no input 'state' of a fixed width"
        raise ModelFileError(path, cause, "Export it again with: seqtools export RUN -o FILE")
    session = Session(model.data, subject=path, device=device, threads=threads)
    return model, loader.tokenizer_from(model.tokenizer), file_score(session.run, width, model.form)


def _trained_per_line(model: ModelFile) -> bool:
    """Whether the card says that each line was a text of its own."""
    told = model.card.get("tokenizer")
    return isinstance(told, dict) and told.get("one_text_a_line") is True


def _print(result: Evaluation, model: str, files: str, share: float, window: int) -> None:
    """The table: one row a metric, one column a protocol or the floor."""
    part = "whole" if share == 1 else f"last {100 * share:g} %"
    heads = {"carried": "carried state", "windows": f"{window}-token windows"}
    if result.floor:
        heads["floor"] = f"{result.floor['name']} floor"
    columns = [(heads[key], figures) for key, figures in result.columns.items()]
    click.echo(
        f"{Path(model).name} on {files} ({part}: {result.tokens:,} tokens, {result.characters:,} characters)"
    )
    click.echo(" " * 20 + "".join(f"{head:>20}" for head, _ in columns))
    for name in columns[0][1]:
        cells = "".join(f"{_number(figures[name]):>20}" for _, figures in columns)
        click.echo(f"{name.replace('_', ' '):<20}{cells}")


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.4f}" if value < 100 else f"{value:,.2f}" if value < 1e7 else f"{value:.3g}"


def _notes(result: Evaluation, tokenizer: Tokenizer, sample: Sample) -> list[str]:
    """What a reader of the figures should know."""
    notes = []
    head = sample.text[:20_000]
    if tokenizer.decode(tokenizer.encode(head)) != head:
        notes.append(
            f"Note: the tokenizer '{tokenizer.kind}' does not keep every character; "
            "figures per character refer to the original text."
        )
    if result.unknown:
        notes.append(
            f"Note: {100 * result.unknown / result.tokens:.1f} % of the tokens are unknown words, "
            "which are easier to predict than the words they stand for."
        )
    if result.floor and result.floor["capped"]:
        notes.append(f"Note: the floor learnt from the last {result.floor['train_tokens']:,} tokens only.")
    return notes
