"""Scores against sacreBLEU called by hand, and the literature's protocol against its own files."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
import sacrebleu

from seqtools.errors import DataError
from seqtools_translate.protocols import detokenized, literature, moses
from seqtools_translate.scores import differences, figures, looks_tokenized, validation_scores

REFERENCES = [
    "The quick brown fox jumps over the lazy dog.",
    'She said: "I don\'t know, really."',
    "Two men in hats stand near a river.",
    "A boy plays football on the beach.",
] * 5
GOOD = [line.replace("river", "lake") for line in REFERENCES]
POOR = [" ".join(line.split()[:-2]) for line in REFERENCES]

# Tokens and characters (line ends included) of the official files multi30k/dataset data/task1/tok/*.
OFFICIAL = {
    "test_2016_flickr.de": (12_103, 70_777),
    "test_2017_flickr.de": (10_758, 64_128),
    "test_2017_mscoco.de": (5_158, 29_973),
    "test_2016_flickr.en": (12_968, 63_307),
    "test_2016_flickr.fr": (13_988, 75_145),
}


def test_plain_figures_are_sacrebleus() -> None:
    found = {figure.name: figure for figure in figures(GOOD, [REFERENCES], detokenized())}
    assert found["BLEU"].value == pytest.approx(sacrebleu.corpus_bleu(GOOD, [REFERENCES]).score)
    assert found["chrF2"].value == pytest.approx(sacrebleu.corpus_chrf(GOOD, [REFERENCES]).score)
    assert found["TER"].value == pytest.approx(sacrebleu.corpus_ter(GOOD, [REFERENCES]).score)
    assert found["TER"].lower_is_better and not found["BLEU"].lower_is_better
    for part in ("nrefs:1", "bs:1000", "case:mixed", "tok:13a", "smooth:exp", "version:"):
        assert part in found["BLEU"].signature
    expected = sacrebleu.BLEU().corpus_score(GOOD, [REFERENCES], n_bootstrap=1000)
    assert found["BLEU"].interval == pytest.approx(expected._ci) and expected._ci > 0


def test_capitals_count_unless_asked_not_to() -> None:
    shouted = [line.upper() for line in REFERENCES]
    assert figures(shouted, [REFERENCES], detokenized(), resamples=0)[0].value < 20
    bleu, chrf, ter = figures(shouted, [REFERENCES], detokenized(lowercase=True), resamples=0)
    assert bleu.value == pytest.approx(100) and chrf.value == pytest.approx(100) and ter.value == 0
    assert "case:lc" in bleu.signature and bleu.interval is None


def test_each_of_several_references_may_match() -> None:
    other = [line.replace("river", "lake") for line in REFERENCES]
    assert figures(GOOD, [REFERENCES, other], detokenized(), resamples=0)[0].value == pytest.approx(100)
    assert "nrefs:2" in figures(GOOD, [REFERENCES, other], detokenized(), resamples=0)[0].signature


def test_the_literature_has_bleu_on_its_own_tokens() -> None:
    (bleu,) = figures(GOOD, [REFERENCES], literature("en"), resamples=0)
    prepare = moses("en")
    by_hand = sacrebleu.corpus_bleu(
        [prepare(line) for line in GOOD],
        [[prepare(line) for line in REFERENCES]],
        tokenize="none",
        force=True,
    )
    assert bleu.value == pytest.approx(by_hand.score) and "tok:none" in bleu.signature
    assert (bleu.name, bleu.protocol) == ("BLEU", "lc-tok")


def test_moses_lowers_normalises_tokenizes_and_escapes() -> None:
    assert moses("en")("He said: “don’t” – twice!") == "he said : &quot; don &apos;t &quot; - twice !"
    assert moses("fr")("L’été, c'est «beau».") == "l&apos; été , c&apos; est &quot; beau &quot; ."


@pytest.mark.data
@pytest.mark.parametrize("name", OFFICIAL)
def test_the_official_multi30k_files_are_reproduced(shared_data: Callable[[str], Path], name: str) -> None:
    raw = gzip.decompress((shared_data("multi30k") / f"{name}.gz").read_bytes()).decode()
    lines = [moses(name[-2:])(line) for line in raw.split("\n")[:-1]]
    assert (sum(len(line.split()) for line in lines), sum(len(line) + 1 for line in lines)) == OFFICIAL[name]


def test_paired_bootstrap_tells_a_better_system_from_an_equal_one() -> None:
    found = {item.name: item for item in differences(GOOD, POOR, [REFERENCES], detokenized(), resamples=200)}
    assert set(found) == {"BLEU", "chrF2", "TER"}
    assert found["BLEU"].value > found["BLEU"].other and found["BLEU"].p < 0.05
    assert found["TER"].value < found["TER"].other
    (same,) = differences(GOOD, GOOD, [REFERENCES], literature("en"), resamples=200)
    assert same.value == same.other and same.p > 0.5


def test_the_bootstrap_is_the_same_each_time() -> None:
    assert figures(POOR, [REFERENCES], detokenized()) == figures(POOR, [REFERENCES], detokenized())


def test_blank_references_alone_in_a_resample_are_no_failure() -> None:
    found = figures(["a b c", "x", ""], [["a b c", "", ""]], detokenized())
    assert all(figure.interval is not None for figure in found)


def test_long_texts_get_fewer_resamples() -> None:
    many = REFERENCES * 250
    (bleu,) = figures(many, [many], detokenized(), names=("BLEU",))
    assert "bs:500" in bleu.signature


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["a man , a dog .", "two dogs .", "no stop", "yes ."], True),
        (["a man&apos;s dog", "two &quot; x &quot;", "three &amp; four"], True),
        (["ein@@ e frau", "zw@@ ei", "dr@@ ei hunde"], True),
        (["A man, a dog.", "Two dogs.", "No stop", "1 . 2"], False),
        (["Vraiment ?", "Oui !", "Il dit : non.", "Bien ; bon."], False),
        (["no stops", "at all"], False),
        ([], False),
    ],
)
def test_tokenized_text_is_recognised(lines: list[str], expected: bool) -> None:
    assert looks_tokenized(lines) is expected


def test_validation_scores() -> None:
    found = validation_scores(POOR, REFERENCES)
    assert found == {
        "bleu": pytest.approx(sacrebleu.corpus_bleu(POOR, [REFERENCES]).score),
        "chrf": pytest.approx(sacrebleu.corpus_chrf(POOR, [REFERENCES]).score),
    }
    assert validation_scores([""] * 20, REFERENCES) == {"bleu": 0.0, "chrf": 0.0}


def test_counts_must_agree() -> None:
    with pytest.raises(DataError, match="there are 1 translations and 20 references"):
        validation_scores(["a"], REFERENCES)
    with pytest.raises(DataError, match="there is nothing to score"):
        validation_scores([], [])
