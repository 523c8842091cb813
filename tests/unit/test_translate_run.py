"""Translating, streaming and scoring over a network whose answers are known."""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as budget
from hypothesis import strategies as st

from seqtools.errors import ModelFileError, UsageError
from seqtools.model_file import ModelFile
from seqtools_char.tokenizer import CharTokenizer
from seqtools_translate.glossary import Glossary
from seqtools_translate.run import open_ensemble
from seqtools_word.tokenizer import WordTokenizer

copy: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("copy_translator.py"))))
CHAR = CharTokenizer(" abcdefghij.,\n")
WORDS = WordTokenizer(["the", "cat", "sees", "a", "dog", "die", "Katze", "sieht", "einen", "Hund"])
TEXTS = ["abc de", "", "g.", "  ", "a bb ccc dddd", "f", "hij hij hij"]
WORD_BY_WORD = dict(
    zip(WORDS.encode("the cat sees a dog"), WORDS.encode("die Katze sieht einen Hund"), strict=True)
)
quickly = budget(max_examples=25, deadline=None, derandomize=True)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = copy.write_outline(tmp_path_factory.mktemp("copy") / "copy.onnx", CHAR)
    return made


@pytest.fixture
def copier(file: Path) -> Any:
    return copy.open_copy(file, [copy.CopySession(CHAR.vocab_size)])


@pytest.fixture
def worder(tmp_path: Path) -> Any:
    path = copy.write_outline(tmp_path / "words.onnx", WORDS)
    return copy.open_copy(path, [copy.CopySession(WORDS.vocab_size, WORD_BY_WORD, sharp=9.0)])


def test_results_come_in_order_with_blank_ones_blank(copier: Any) -> None:
    found = copier.translate_batch(TEXTS)
    assert [one.text for one in found] == [text.strip() for text in TEXTS]
    assert [one.source for one in found] == TEXTS
    for one in found:
        assert len(one.hypotheses) == len(one.scores) == len(one.attention) == 1
        ids = one.tokens[0]
        told = one.log_probs[0]
        if one.text:
            assert CHAR.decode(ids).strip() == one.text
            assert len(told) == len(ids) + 1 and all(value < 0 for value in told)
            assert one.scores[0] == pytest.approx(math.fsum(told) / len(told), abs=1e-5)
            assert one.attention[0].shape == (len(told), len(one.source.strip()) + 1)
    assert copier.translate_batch("abc de")[0].text == "abc de"
    assert found[1].scores == found[3].scores == [0.0] and found[1].alignment == [[]]


@pytest.mark.parametrize("batch", [(1, "sents"), (3, "sents"), (9, "tokens"), (100, "tokens")], ids=str)
@pytest.mark.parametrize(
    "more", [{}, {"no_repeat_ngram": 9}, {"n_best": 3}, {"sampling_temperature": 1.0, "n_best": 2}], ids=str
)
def test_batches_change_nothing(copier: Any, batch: tuple[int, str], more: dict[str, Any]) -> None:
    whole = copier.translate_batch(TEXTS, **more)
    cut = copier.translate_batch(TEXTS, batch_size=batch[0], batch_type=batch[1], **more)
    for one, other in zip(whole, cut, strict=True):
        assert one.hypotheses == other.hypotheses
        assert one.scores == pytest.approx(other.scores, abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"beam_size": 1},
        {"alpha": 0.0, "n_best": 4},
        {"length_penalty": "average"},
        {"min_length": 7},
        {"max_length": 3},
    ],
    ids=str,
)
def test_outside_the_graph_is_the_same(copier: Any, change: dict[str, Any]) -> None:
    """`prune` at a million nats drops nothing, but the graph cannot do it."""
    inside = copier.translate_batch(TEXTS, **change)
    outside = copier.translate_batch(TEXTS, prune=1e6, **change)
    for one, other in zip(inside, outside, strict=True):
        assert one.hypotheses == other.hypotheses and one.tokens == other.tokens
        assert one.scores == pytest.approx(other.scores, abs=1e-5)
        for left, right in zip(one.log_probs, other.log_probs, strict=True):
            assert left == pytest.approx(right, abs=1e-5)
        for here, there in zip(one.attention, other.attention, strict=True):
            assert np.allclose(here, there, atol=1e-5)


def test_n_best_are_different_and_sorted(copier: Any) -> None:
    found = copier.translate_batch(["abc de"], n_best=5, beam_size=12)[0]
    assert len(found.hypotheses) == len(set(found.hypotheses)) == 5
    assert found.scores == sorted(found.scores, reverse=True)


@pytest.mark.parametrize("more", [{}, {"prune": 1e6}], ids=["graph", "host"])
def test_a_forced_prefix(copier: Any, more: dict[str, Any]) -> None:
    found = copier.translate_batch(["abc de", "fgh"], prefix=["ba", ""], **more)
    assert found[0].text == "bac de" and found[1].text == "fgh"
    assert found[0].tokens[0] == CHAR.encode("bac de").tolist()
    forced = copier.score_batch(["abc de"], ["bac de"])[0]
    assert found[0].log_probs[0] == pytest.approx(forced.log_probs, abs=1e-5)
    assert found[0].attention[0].shape == (7, 7)
    with pytest.raises(UsageError, match="2 are given for 1 texts"):
        copier.translate_batch(["a"], prefix=["a", "b"])


def test_a_biased_prefix_need_not_be_followed(copier: Any) -> None:
    assert copier.translate("abc", prefix="j", prefix_bias=0.001) == "abc"
    assert copier.translate("abc", prefix="j", prefix_bias=0.99).startswith("j")


def test_lengths_are_kept(copier: Any) -> None:
    found = copier.translate_batch(["abcdefgh"], max_length=4)[0]
    assert len(found.tokens[0]) <= 4
    assert len(copier.translate_batch(["ab"], min_length=6)[0].tokens[0]) >= 6


def test_alignments_and_words(worder: Any) -> None:
    found = worder.translate_batch(["the cat sees a dog", "a dog"])
    assert found[0].text == "die Katze sieht einen Hund"
    assert found[0].alignment == [[(n, n) for n in range(5)]]
    words = found[1].word_attention[0]
    assert (words.source, words.target) == (["a", "dog"], ["einen", "Hund"])
    assert words.pharaoh() == "0-0 1-1"
    # What is missing of 1 went to the end of the source, which is no word.
    assert np.allclose(words.matrix.sum(1), 1 - found[1].attention[0][:2, -1])


def test_unknown_words_are_counted_and_replaced(worder: Any) -> None:
    found = worder.translate_batch(["the zyx sees a dog", "a dog"])
    assert [one.unknowns for one in found] == [1, 0]
    assert found[0].text == "die <unk> sieht einen Hund"
    replaced = worder.translate_batch(["the zyx sees a dog"], replace_unk=True, attention=False)[0]
    assert replaced.text == "die zyx sieht einen Hund" and replaced.attention == [None]


def test_unknown_words_are_looked_up_first(tmp_path: Path) -> None:
    from seqtools_translate.dictionary import Dictionary

    words = Dictionary({"zyx": "Zickzack"}).payload()
    path = copy.write_outline(tmp_path / "words.onnx", WORDS, dictionary=words)
    model = copy.open_copy(path, [copy.CopySession(WORDS.vocab_size, WORD_BY_WORD, sharp=9.0)])
    told = model.translate_batch(["the zyx sees a yxz"], replace_unk=True)[0]
    assert told.text == "die Zickzack sieht einen yxz"
    assert told.word_attention[0].target == told.text.split()


def test_glossaries(worder: Any) -> None:
    terms = Glossary.of([("cat", "Hund"), ("sees", "-sieht"), ("", "-dog"), ("a", "nicht im Wortschatz")])
    found = worder.translate_batch(["the cat sees the dog", "a cat", "the dog"], glossary=terms, n_best=2)
    assert all("Hund" in text and "sieht" not in text for text in found[0].hypotheses[:1])
    assert found[0].unmet == ()
    assert [str(entry) for entry in found[1].unmet] == ["'a' -> 'nicht im Wortschatz'"]
    assert "Hund" in found[1].text
    assert found[2].text == "die Hund"
    with_none = worder.translate_batch(["the dog"], glossary=Glossary.of([("cow", "Kuh")]))
    assert with_none[0].text == "die Hund"


def test_a_term_that_does_not_fit_is_told(copier: Any) -> None:
    terms = Glossary.of([("abc", "hhhhhhhh")])
    found = copier.translate_batch(["abc de"], glossary=terms, max_length=4)[0]
    assert [entry.target for entry in found.unmet] == ["hhhhhhhh"]


def test_a_term_may_open_the_translation(copier: Any) -> None:
    found = copier.translate_batch(["abc de", "de abc"], glossary=Glossary.of([("abc", "abj")]))
    assert found[0].text.startswith("abj")
    assert " abj" in found[1].text


def test_a_forbidden_word_may_not_open_it_either(copier: Any) -> None:
    found = copier.translate_batch(["abc abc"], glossary=Glossary.of([("", "-abc")]))[0]
    assert "abc" not in found.text.split() and found.unmet == ()


def test_long_sources_are_cut_or_split(copier: Any) -> None:
    text = "abc de. fgh, ij. a b c d"
    cut = copier.translate_batch([text, "ab"], max_source=8)
    assert [one.cut for one in cut] == [True, False]
    assert cut[0].text == "abc de."
    parts = copier.translate_batch([text, "ab"], max_source=8, split_long=True)
    assert [one.cut for one in parts] == [False, False]
    assert parts[0].text == text
    assert len(parts[0].alignment[0]) == len(text.split())
    assert parts[0].alignment[0] == [(n, n) for n in range(len(text.split()))]
    assert parts[0].attention[0].shape[1] > len(text)  # each part has an end of its own


@quickly
@given(texts=st.lists(st.text(max_size=12), max_size=9))
def test_any_texts_give_as_many_results(file: Path, texts: list[str]) -> None:
    made = copy.open_copy(file, [copy.CopySession(CHAR.vocab_size)])
    found = made.translate_batch(texts, beam_size=2, max_length=20)
    assert [one.source for one in found] == texts
    for one in found:
        assert "\n" not in one.text and "\r" not in one.text
        assert bool(one.source.strip()) or one.text == ""


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"prefix": "ba"},
        {"replace_unk": True},
        {"no_repeat_ngram": 3},
        {"split_long": True, "max_source": 8},
    ],
    ids=str,
)
def test_streams_add_up(copier: Any, options: dict[str, Any]) -> None:
    for text in ("abc de", "", " ", "a bb ccc. dddd, ee. f"):
        pieces = list(copier.stream(text, **options))
        assert "".join(pieces) == copier.translate(text, **options)
        assert all(pieces)
    if not options:
        assert len(list(copier.stream("a bb ccc dddd"))) > 1


def test_streaming_with_a_glossary(copier: Any) -> None:
    terms = Glossary.of([("abc", "jj")])
    asked = {"glossary": terms}
    assert "".join(copier.stream("abc de", **asked)) == copier.translate("abc de", **asked)


def test_scores_are_those_of_the_search(copier: Any) -> None:
    found = copier.translate_batch(["abc de", "gh"])
    told = copier.score_batch(["abc de", "gh", ""], [found[0].text, found[1].text, ""])
    for one, other in zip(found, told, strict=False):
        assert one.log_probs[0] == pytest.approx(other.log_probs, abs=1e-5)
        assert other.score("tokens") == pytest.approx(one.scores[0], abs=1e-5)
    assert len(told[2].log_probs) == 1  # the end alone
    assert told[0].score("words") == pytest.approx(told[0].log_prob / 3)
    assert told[0].words.pharaoh() == "0-0 1-1"
    with pytest.raises(UsageError, match="1 sources but 2 targets"):
        copier.score_batch(["a"], ["a", "b"])
    assert copier.score_batch([], []) == []


def test_samples_depend_on_seed_and_line_alone(copier: Any) -> None:
    asked = {"sampling_temperature": 3.0, "seed": 4}
    whole = [one.text for one in copier.translate_batch(TEXTS, **asked)]
    assert [copier.translate_batch([text], first=n, **asked)[0].text for n, text in enumerate(TEXTS)] == whole
    others = [one.text for one in copier.translate_batch(TEXTS, **asked | {"seed": 5})]
    assert others != whole


def test_an_ensemble_of_one_model_twice_is_that_model(file: Path) -> None:
    session = copy.CopySession(CHAR.vocab_size)
    alone = copy.open_copy(file, [session])
    for average in ("probabilities", "log-probabilities"):
        twice = copy.open_copy(file, [session, session], weights=(2.0, 1.0), average=average)
        for one, other in zip(
            alone.translate_batch(TEXTS, n_best=2), twice.translate_batch(TEXTS, n_best=2), strict=True
        ):
            assert one.text == other.text and one.alignment[0] == other.alignment[0]
            assert one.scores == pytest.approx(other.scores, abs=1e-4)
    with pytest.raises(UsageError, match="cannot score"):
        twice.score_batch(["a"], ["a"])
    with pytest.raises(UsageError, match="ensemble has no lexicon"):
        twice.translate("a", shortlist=True)


def test_ensembles_that_make_no_sense(file: Path, tmp_path: Path) -> None:
    other = copy.write_outline(tmp_path / "other.onnx", CharTokenizer("xyz"))
    models = [ModelFile.open(file)] * 2
    with pytest.raises(UsageError, match="3 weights for 2 models"):
        open_ensemble(models, weights=[1, 1, 1])
    with pytest.raises(UsageError, match="weights"):
        open_ensemble(models, weights=[1, -1])
    with pytest.raises(UsageError, match="ensemble-by"):
        open_ensemble(models, average="mean")
    with pytest.raises(UsageError, match="no model"):
        open_ensemble([])
    sessions = [copy.CopySession(CHAR.vocab_size)]
    first, second = copy.open_copy(file, sessions), copy.open_copy(other, sessions)
    from seqtools_translate.opened import Team

    with pytest.raises(ModelFileError, match="target vocabulary"):
        Team((first._team.first, second._team.first))


def test_a_shortlist_is_asked_of_the_lexicon(tmp_path: Path) -> None:
    from seqtools_translate.lexicon import Lexicon

    ids = CHAR.encode("abcde ")
    pairs = [(CHAR.encode(text), CHAR.encode(text)) for text in ("abc", "ab de", "e", "d c b a")]
    lexicon = Lexicon.learn(pairs, CHAR.vocab_size, CHAR.vocab_size, frequent=0)
    path = copy.write_outline(tmp_path / "short.onnx", CHAR, lexicon=lexicon.payload())
    session = copy.CopySession(CHAR.vocab_size)
    model = copy.open_copy(path, [session])
    model.translate("abc")
    assert len(session.runs[-1]["shortlist"]) == 0
    model.translate_batch(["abc"], shortlist=True, prefix="j")
    assert set(session.runs[-1]["shortlist"]) == set(lexicon.candidates([CHAR.encode("abc")])) | {
        *CHAR.encode("j").tolist()
    }
    assert model.translate("abc", shortlist=True, prune=1e6) == "abc"
    assert set(session.runs[-1]["shortlist"]) <= {0, 2, *ids.tolist()}
    without = copy.open_copy(copy.write_outline(tmp_path / "none.onnx", CHAR), [session])
    with pytest.raises(UsageError, match="has no lexicon"):
        without.translate("abc", shortlist=True)


def test_damaged_metadata_is_named(tmp_path: Path) -> None:
    from seqtools.errors import DataError

    for number, (damaged, error) in enumerate(
        (("{", ModelFileError), ("[]", ModelFileError), ("{}", DataError))
    ):
        path = copy.write_outline(tmp_path / f"{number}.onnx", CHAR, lexicon=damaged, dictionary=damaged)
        model = copy.open_copy(path, [copy.CopySession(CHAR.vocab_size)])
        for asked in ({"shortlist": True}, {"replace_unk": True}):
            with pytest.raises(error):
                model.translate("abc", **asked)


def test_the_card_gives_defaults(tmp_path: Path) -> None:
    card = {"decoding": {"beam_size": 2, "max_source": 4}}
    path = copy.write_outline(tmp_path / "card.onnx", CHAR, card=card)
    session = copy.CopySession(CHAR.vocab_size)
    model = copy.open_copy(path, [session])
    assert model.translate("abcdefgh") == "abcd" and session.runs[-1]["beam_size"] == 2
    assert model.translate("abcdefgh", max_source=6, beam_size=1) == "abcdef"
    assert session.runs[-1]["beam_size"] == 1


def test_separate_tokenizers(tmp_path: Path) -> None:
    target = CharTokenizer("ABCDE ")
    path = copy.write_outline(tmp_path / "two.onnx", CHAR, target)
    images = {int(CHAR.encode(c)[0]): int(target.encode(c.upper())[0]) for c in "abcde "}
    model = copy.open_copy(path, [copy.CopySession(target.vocab_size, images, sharp=9.0)])
    assert model.translate("abc de") == "ABC DE"
    assert model.score_batch(["ab"], ["AB"])[0].tokens == target.encode("AB").tolist()


def test_files_that_lack_something(tmp_path: Path) -> None:
    path = copy.write_outline(tmp_path / "no.onnx", CHAR, tokenizer={})
    with pytest.raises(ModelFileError, match="no tokenizer"):
        copy.open_copy(path, [copy.CopySession(9)])
    tiny = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_file.py"))))
    other = ModelFile.open(tiny.write_tiny(tmp_path / "lm.onnx"))
    from seqtools_translate.file_model import FileModel

    with pytest.raises(ModelFileError, match="no usable input 'source'"):
        FileModel(other, copy.CopySession(9), 9)
