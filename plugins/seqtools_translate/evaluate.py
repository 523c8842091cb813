"""`seqtools evaluate` for translators: BLEU, chrF2 and TER as the world computes them, and a floor."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqtools.errors import UsageError
from seqtools.output import counting, detail, note, warn
from seqtools.run_options import evaluate_options
from seqtools.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqtools.model_file import ModelFile
    from seqtools_translate.dictionary import Dictionary
    from seqtools_translate.eval_data import EvaluationData
    from seqtools_translate.pairs import Pairs

_WINDOW = 1024  # sentences translated between two words of progress
_FILE = click.Path(path_type=Path)


@click.command("evaluate")
@click.option("-m", "--model", required=True, help="Model file.")
@click.argument("files", metavar="[PAIRS]...", nargs=-1, type=_FILE)
@click.option("--source", type=_FILE, metavar="FILE", help="Sentences to translate, one a line.")
@click.option(
    "--target",
    "targets",
    type=_FILE,
    multiple=True,
    metavar="FILE",
    help="Their translations, line for line; several files are several references.",
)
@click.option("--source-field", default="source", show_default=True, help="Field of JSON Lines PAIRS.")
@click.option("--target-field", default="target", show_default=True, help="Field of JSON Lines PAIRS.")
@click.option("--hypotheses", type=_FILE, metavar="FILE", help="Score these translations; translate nothing.")
@click.option("--against", type=_FILE, metavar="FILE", help="Paired bootstrap against these translations.")
@click.option("-o", "--output", type=_FILE, metavar="FILE", help="Keep the translations here.")
@click.option("-b", "--beam-size", type=int, metavar="N", help="Beam.  [default: the file's, else 5]")
@click.option("--alpha", type=float, metavar="A", help="Length penalty.  [default: the file's, else 1]")
@click.option("--batch-size", type=int, metavar="N", help="Sentences translated at once.  [default: 32]")
@click.option("--shortlist/--no-shortlist", default=None, help="Predict likely tokens only.")
@click.option("--language", metavar="CODE", help="Target language.  [default: card, or the file's ending]")
@click.option("--lowercase", is_flag=True, help="Lower-case the plain protocol too.")
@click.option(
    "--resamples",
    type=click.IntRange(0),
    default=1000,
    show_default=True,
    help="Bootstrap resamples for the 95 % intervals; 0 for none. Fewer above 2,500 sentences.",
)
@click.option(
    "--floor/--no-floor", default=True, show_default=True, help="Score copying and a dictionary too."
)
@click.option(
    "--train-source", "train_sources", type=_FILE, multiple=True, metavar="FILE",
    help="Pairs to learn the dictionary from (alone: with both sides).  [default: the file's own]",
)  # fmt: skip
@click.option(
    "--train-target", "train_targets", type=_FILE, multiple=True, metavar="FILE",
    help="Their translations.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on one line.")
@evaluate_options
def command(
    model: str,
    files: tuple[Path, ...],
    source: Path | None,
    targets: tuple[Path, ...],
    source_field: str,
    target_field: str,
    hypotheses: Path | None,
    against: Path | None,
    output: Path | None,
    language: str | None,
    lowercase: bool,
    resamples: int,
    floor: bool,
    train_sources: tuple[Path, ...],
    train_targets: tuple[Path, ...],
    as_json: bool,
    device: str,
    threads: int,
    **decoding: Any,
) -> None:
    """Translate --source with the model's .onnx file and score it against --target, or translate PAIRS that
    hold both sides (`source TAB target` lines, JSON Lines). All may be gzipped.

    Two protocols: plain text as sacreBLEU scores it (13a), with chrF2 and TER; and lower-cased, normalised
    Moses tokens (lc-tok), as Multi30k results are published. The two BLEU must not be compared. Beside
    them stand copying the source and a word-by-word dictionary, which a model has to beat.
    """
    import sacrebleu  # noqa: F401  (a missing package is told now, not after the translating)

    from seqtools.model_file import ModelFile
    from seqtools_translate import protocols as known
    from seqtools_translate.eval_data import check_count, read_lines
    from seqtools_translate.eval_table import table
    from seqtools_translate.evaluation import evaluate, verdict
    from seqtools_translate.pairs import Pairs

    if output and not output.parent.is_dir():
        raise UsageError(str(output), "its folder does not exist", "Make it first")
    opened = ModelFile.open(model, expect_task="translate")
    data = _read(files, source, targets, source_field, target_field)
    code = language or _language(opened, targets)
    protocols = known.detokenized(code, lowercase=lowercase), known.literature(code)
    rival = read_lines(against) if against else None
    if rival is not None:
        check_count(len(data.sources), data.names[0], len(rival), str(against))
    taught = Pairs(train_sources, train_targets, source_field, target_field)
    dictionary = _dictionary(opened, taught) if floor else None
    _remark(data, targets)
    if hypotheses:
        lines, seconds = read_lines(hypotheses), 0.0
        check_count(len(data.sources), data.names[0], len(lines), str(hypotheses))
    else:
        lines, seconds = _translate(opened, data.sources, device, threads, decoding)
    if output:
        _keep(output, lines)
    result = evaluate(
        data.sources,
        lines,
        data.references,
        protocols,
        resamples=resamples,
        floor=floor,
        dictionary=dictionary,
        against=rival,
    )
    if as_json:
        told = {
            "model": model,
            "files": data.names,
            "hypotheses": str(hypotheses) if hypotheses else None,
            "decoding": {name: value for name, value in decoding.items() if value is not None},
            "language": code,
            "seconds": round(seconds, 3),
            **result.as_json(),
            "verdict": verdict(result),
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    what = str(hypotheses) if hypotheses else Path(model).name
    for line in table(result, what, data, protocols, str(against or "")):
        click.echo(line)
    click.echo(verdict(result))


def _read(
    files: Sequence[Path], source: Path | None, targets: Sequence[Path], source_field: str, target_field: str
) -> EvaluationData:
    from seqtools_translate.eval_data import read_pairs, read_parallel
    from seqtools_translate.pairs import Pairs

    if files and (source or targets):
        raise UsageError("PAIRS", "they are given besides --source and --target", "Give one or the other")
    if files:
        return read_pairs(Pairs(tuple(files), (), source_field, target_field))
    if not source or not targets:
        missing = "--target" if source else "--source"
        raise UsageError(missing, "it is not given", "Name both, or PAIRS that hold both sides")
    return read_parallel(source, targets)


def _language(model: ModelFile, targets: Sequence[Path]) -> str:
    """The target language's code: from the card, or the ending of the reference file (`val.de.gz`)."""
    told = model.card.get("languages")
    code = told.get("target") if isinstance(told, dict) else ""
    if not code and targets:
        ending = targets[0].name.removesuffix(".gz").rpartition(".")[2]
        code = ending if len(ending) == 2 and ending.isalpha() and ending.isascii() else ""
    if not code:
        note("The target language is unknown: tokens are split as in English. Say it with --language CODE.")
    return str(code or "en").lower()


def _dictionary(model: ModelFile, taught: Pairs) -> Dictionary | None:
    """Learnt from the training pairs that are named, else the file's own."""
    from seqtools_translate.dictionary import Dictionary

    if taught.sources:
        return Dictionary.learn((pair.source, pair.target) for pair in taught.read())
    if taught.targets:
        raise UsageError("--train-target", "it is given without --train-source", "Name both")
    told = model.metadata.get("seqtools.dictionary", "")
    if told:
        return Dictionary.from_payload(json.loads(told))
    note("The file holds no dictionary; --train-source and --train-target name pairs to learn one from.")
    return None


def _remark(data: EvaluationData, targets: Sequence[Path]) -> None:
    """What a reader of the figures should know of the data."""
    from seqtools_translate.scores import looks_tokenized

    if data.dropped:
        note(f"left out: {counted(data.dropped, 'pair')} with a blank side")
    names = [str(target) for target in targets] or [data.names[0]]
    for name, column in zip(names, data.references, strict=True):
        if looks_tokenized(column):
            warn(
                f"{name} looks tokenised: plain-text figures need references as people write them. "
                "Give the original text, or look at lc-tok only."
            )


def _translate(
    opened: ModelFile, sources: list[str], device: str, threads: int, decoding: dict[str, Any]
) -> tuple[list[str], float]:
    """The best translation of each sentence, and the seconds it took."""
    from seqtools_translate.run import open_translator

    translator = open_translator(opened, device=device, threads=threads)
    settings = translator.settings(**decoding)
    began, lines, cut = time.perf_counter(), list[str](), 0
    with counting("translated") as show:
        for begin in range(0, len(sources), _WINDOW):
            window = sources[begin : begin + _WINDOW]
            found = translator.translate_batch(window, attention=False, settings=settings)
            lines += [one.text for one in found]
            cut += sum(one.cut for one in found)
            show(len(lines), len(sources))
    seconds = time.perf_counter() - began
    if cut:
        warn(f"cut: {counted(cut, 'sentence')} longer than the model reads")
    told = counted(len(lines), "sentence")
    detail(f"{told} in {seconds:.1f} s, beam {settings.beam_size}, alpha {settings.alpha:g}")
    return lines, seconds


def _keep(path: Path, lines: list[str]) -> None:
    """Write lines to a file that is whole or not there."""
    import os

    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
