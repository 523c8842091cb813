"""What a translator must beat to have earned its place: copying the source, and a word-by-word dictionary."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqtools.plugin import Reporter
from seqtools_translate.dictionary import Dictionary
from seqtools_translate.scores import validation_scores

if TYPE_CHECKING:
    from seqtools_translate.run_folder import TranslateRun

COPYING, DICTIONARY = "copying the source", "word-by-word dictionary"


def floor_translations(sources: Sequence[str], dictionary: Dictionary | None) -> dict[str, list[str]]:
    """What each simple method makes of the sources, by its name.

    Args:
        dictionary: learnt from the same pairs as the model; None leaves that method out.
    """
    made = {COPYING: list(sources)}
    if dictionary is not None:
        made[DICTIONARY] = [dictionary.translate(source) for source in sources]
    return made


def run_floor(run: TranslateRun, report: Reporter) -> dict[str, Any]:
    """The simple methods on the validation pairs that the network was judged by.

    The dictionary is kept in the run's dictionary.json, so that the model file can carry it.

    Args:
        run: its training pairs are what the dictionary is learnt from.
        report: gets one line.

    Returns:
        JSON-safe: `systems` (name to `bleu` and `chrf`), `pairs` scored, `seconds`.
    """
    began = time.perf_counter()
    texts = zip(run.texts("train", "source"), run.texts("train", "target"), strict=True)
    dictionary = Dictionary.learn(texts)
    count = getattr(run.recipe().training, "valid_pairs", 0) or None
    sources, references = (run.texts("valid", side)[:count] for side in ("source", "target"))
    systems = {
        name: validation_scores(lines, references)
        for name, lines in floor_translations(sources, dictionary).items()
    }
    seconds = round(time.perf_counter() - began, 2)
    told = ", ".join(f"{name} {figures['bleu']:.2f}" for name, figures in systems.items())
    report(f"floor: BLEU of {told} ({seconds:.1f} s)")
    run.write_json("dictionary.json", dictionary.payload())
    return {"systems": systems, "pairs": len(references), "seconds": seconds}
