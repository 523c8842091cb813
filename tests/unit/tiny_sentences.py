"""Made-up labelled sentences for tests of taggers: names after titles, places after "in", verbs in -s.

tiny = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_sentences.py"))))
tiny.write(tmp_path / "train.conll", tiny.sentences(200))
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Iterable
from pathlib import Path

from seqtools_tag.sentences import Sentence

FIRST = ["Anna", "Bo", "Carl", "Dora", "Emil", "Fay"]
LAST = ["Holm", "Ingram", "Jones", "Keller", "Lund", "Moss"]
PLACES = ["Oslo", "New York", "Rome", "South Bend", "Lima"]
VERBS = ["sings", "waits", "reads", "sleeps", "works"]


def sentence(draw: random.Random, *, spans: bool = True) -> Sentence:
    """One sentence; its labels are spans of PER and LOC (BIO), or parts of speech."""
    words: list[str] = []
    labels: list[str] = []

    def add(text: str, kind: str, part: str) -> None:
        for place, word in enumerate(text.split()):
            words.append(word)
            labels.append((f"{'I' if place else 'B'}-{kind}" if kind else "O") if spans else part)

    add(draw.choice(["Mr.", "Dr.", "today"]), "", "NOUN")
    add(
        f"{draw.choice(FIRST)} {draw.choice(LAST)}" if draw.random() < 0.6 else draw.choice(LAST),
        "PER",
        "PROPN",
    )
    add(draw.choice(VERBS), "", "VERB")
    if draw.random() < 0.7:
        add("in", "", "ADP")
        add(draw.choice(PLACES), "LOC", "PROPN")
    add(".", "", "PUNCT")
    return Sentence(tuple(words), tuple(labels))


def sentences(count: int = 120, seed: int = 1, *, spans: bool = True) -> list[Sentence]:
    """Some of them."""
    draw = random.Random(seed)
    return [sentence(draw, spans=spans) for _ in range(count)]


def write(path: Path, made: Iterable[Sentence]) -> Path:
    """As columns, gzipped where the name says so."""
    blocks = ("".join(map("{} {}\n".format, one.words, one.labels)) for one in made)
    data = "\n".join(blocks).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_vectors(path: Path, words: Iterable[str], width: int = 6) -> Path:
    """Vectors of some words, as GloVe's files have them."""
    draw = random.Random(2)
    rows = (f"{word} {' '.join(f'{draw.gauss(0, 1):.3f}' for _ in range(width))}" for word in words)
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path
