"""Why words get their labels: against asking by hand, against sums, in any text, and what cannot be told."""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("spox")

import seqtools
from seqtools.errors import ModelFileError, UsageError
from seqtools.explaining.explanation import Explanation
from seqtools_tag import explanation
from seqtools_tag.explanation import HIDDEN, log_odds
from seqtools_tag.run import Tagger

tiny: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_tagger.py"))))
TEXT = "I've met Jane O'Brien in Berlin-Mitte!"
WORDS = ["I", "'ve", "met", "Jane", "O'Brien", "in", "Berlin", "-", "Mitte", "!"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tagger]:
    """One of spans, one of them in eight bits, one of plain labels."""
    folder = tmp_path_factory.mktemp("taggers")
    kinds: dict[str, dict[str, Any]] = {
        "spans": {},
        "int8": {"profile": "int8"},
        "plain": {"scheme": "plain", "crf": False},
    }
    return {
        name: seqtools.load(tiny.write(folder / f"{name}.onnx", **options)) for name, options in kinds.items()
    }


def pieces(one: Explanation) -> list[str]:
    return [one.text[piece.start : piece.end] for piece in one.pieces]


@pytest.mark.parametrize("kind", ["spans", "int8"])
def test_each_span_is_explained(models: dict[str, Tagger], kind: str) -> None:
    person, place = models[kind].explain(TEXT)
    assert (person.label, person.subject, person.about) == ("PER", "Jane O'Brien", (9, 21))
    assert (place.label, place.subject) == ("LOC", "Berlin-Mitte")
    assert pieces(person) == pieces(place) == WORDS
    told = models[kind].tag(TEXT).spans
    assert [one.probability for one in (person, place)] == pytest.approx(
        [span.probability for span in told], abs=1e-5
    )
    assert person.log_odds == pytest.approx(math.log(person.probability / (1 - person.probability)), abs=0.01)
    effects = {name: piece.effect for name, piece in zip(WORDS, person.pieces, strict=True)}
    assert effects["O'Brien"] > 1 and abs(effects["!"]) < 0.5


def test_an_effect_is_what_hiding_the_word_changes(models: dict[str, Tagger]) -> None:
    model = models["spans"]
    person = model.explain(TEXT)[0]
    for place, piece in enumerate(person.pieces):
        words = [*WORDS[:place], HIDDEN, *WORDS[place + 1 :]]
        told = model.tag(" ".join(words), pretokenized=True, top_k=len(model.classes))
        assert told.words == tuple(words) and told.alternatives is not None  # no word has moved
        rows = [dict(row) for row in told.alternatives[3:5]]
        shares = (rows[0]["B-PER"], rows[1]["I-PER"])
        odds = min(math.log(share / (1 - share)) for share in shares)
        assert piece.effect == pytest.approx(person.log_odds - odds, abs=0.01)


def test_a_hidden_word_is_unknown_in_every_way() -> None:
    parts = tiny.tiny_tagger()
    table: Any = parts.tokenizer
    assert HIDDEN not in table.ids and HIDDEN not in parts.spelling.characters


@pytest.mark.parametrize("kind", ["spans", "plain"])
def test_gradients_sum_to_log_odds_beyond_nothing(models: dict[str, Tagger], kind: str) -> None:
    model = models[kind]
    told, hidden = model.explain(TEXT, method="gradients"), model.explain(TEXT)
    assert [one.log_odds for one in told] == [one.log_odds for one in hidden]
    assert {one.method for one in told} == {"gradients"}
    feeds = {
        "text": np.array([" ".join(WORDS)], object),
        "pretokenized": np.array([True]),
        "word_weights": np.zeros((len(WORDS), 1, 1), np.float32),
    }
    (nothing,) = model.fading.run(["class_probabilities"], feeds)
    chosen = np.array([model.classes.index(label) for label in model.tag(TEXT).labels])
    odds, starts = log_odds(nothing, chosen)[0], [start for start, _ in model.tag(TEXT).offsets]
    for one in told:
        first, past = one.about or (0, 0)
        least = min(value for value, start in zip(odds, starts, strict=True) if first <= start < past)
        assert sum(piece.effect for piece in one.pieces) == pytest.approx(one.log_odds - least, abs=0.5)


def test_gradients_of_eight_bits_are_almost_the_same(models: dict[str, Tagger]) -> None:
    exact, rough = (models[kind].explain(TEXT, method="gradients")[0] for kind in ("spans", "int8"))
    pairs = zip(exact.pieces, rough.pieces, strict=True)
    assert max(abs(one.effect - other.effect) for one, other in pairs) < 0.3


def test_of_plain_labels_every_word_is_explained(models: dict[str, Tagger]) -> None:
    told = models["plain"].explain("They like Paris")
    assert [(one.subject, one.label) for one in told] == [("They", "X"), ("like", "X"), ("Paris", "Z")]
    assert [max(one.pieces, key=lambda piece: piece.effect).start for one in told] == [0, 5, 10]


def test_words_may_be_chosen(models: dict[str, Tagger]) -> None:
    model = models["spans"]
    told = model.explain("Jane met Jane", [1, "Jane", 0])
    assert [one.about for one in told] == [(5, 8), (0, 4), (9, 13)]
    assert [one.label for one in told] == [model.tag("Jane met Jane").labels[place] for place in (1, 0, 2)]
    assert model.explain("Jane met Jane", []) == []
    result = model.tag("Jane met")
    assert model.explain(result, ["met"]) == model.explain("Jane met", [1])
    assert model.explain("Jane,met", ["Jane,met"], pretokenized=True)[0].subject == "Jane,met"


def test_a_sentence_is_read_twice_whatever_is_explained(
    models: dict[str, Tagger], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, sizes = models["plain"], []
    real = model.session.run

    def run(names: Any, feeds: Any) -> Any:
        sizes.append(len(feeds["text"]))
        return real(names, feeds)

    result = model.tag(TEXT)
    monkeypatch.setattr(model.session, "run", run)
    assert len(model.explain(result)) == len(WORDS)
    assert sizes == [1, len(WORDS)]


@pytest.mark.parametrize("text", ["", "  ", "\0Jane\0 met\x07", "\u200b", HIDDEN, "x" * 2500])
def test_any_text_can_be_explained(models: dict[str, Tagger], text: str) -> None:
    told = models["plain"].explain(text)
    assert len(told) == len(models["plain"].tag(text).words)
    assert all(math.isfinite(piece.effect) for one in told for piece in one.pieces)


def test_a_long_text_is_explained_in_the_parts_that_it_is_read_in(models: dict[str, Tagger]) -> None:
    text = "Jane likes it. " * 200
    result = models["spans"].tag(text)
    assert result.parts == 2
    last = len(result.words) - 4
    first, second = models["spans"].explain(result, [0, last])
    assert first.pieces[-1].end <= 2000 < second.pieces[-1].end
    assert first.pieces[0].start == 0 and first.pieces[-1].end <= second.pieces[0].start
    assert second.about == result.offsets[last]
    many = models["plain"].explain("a " * 600, [3])
    assert len(many[0].pieces) == 300 and many[0].text[slice(*many[0].about or ())] == "a"


def test_what_cannot_be_told(
    models: dict[str, Tagger], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models["spans"]
    with pytest.raises(UsageError, match=r"'Ode' is none of the text's\. Use one of: Jane met"):
        model.explain("Jane met", ["Ode"])
    with pytest.raises(UsageError, match="7 is none"):
        model.explain("", [7])
    with pytest.raises(UsageError, match="guessing"):
        model.explain("Jane", method="guessing")
    monkeypatch.setattr(explanation, "_FIRST_LAYER", "elsewhere")
    fresh: Tagger = seqtools.load(model.file.path)
    with pytest.raises(ModelFileError, match="Explain by occlusion"):
        fresh.explain("Jane", [0], method="gradients")
