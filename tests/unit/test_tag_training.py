"""What a tagger is trained on: its words, its batches, its figures; and the simple methods beside it."""

from __future__ import annotations

import json
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools.errors import ConfigError, DataError, UsageError
from seqtools.nn.tagger import Tagger
from seqtools.training.world import World
from seqtools_tag.batches import SentenceBatches, TagBatch, TaggedSentences
from seqtools_tag.floor import PERCEPTRON, USUAL, UsualLabel, fit_floor
from seqtools_tag.labels import LabelSet
from seqtools_tag.lookup import WordLookup
from seqtools_tag.perceptron import Perceptron, described, shape
from seqtools_tag.predicting import Reader, predict, score
from seqtools_tag.prepare import prepare, split_by_hash
from seqtools_tag.recipe import TagRecipe
from seqtools_tag.run_folder import TagRun
from seqtools_tag.schemes import spans
from seqtools_tag.sentences import Sentence
from seqtools_tag.spelling import Spelling
from seqtools_tag.testing import compare, run_floor, table
from seqtools_tag.train import TagExperiment, missing_rates, padded
from seqtools_tag.train_run import train_tag
from seqtools_tag.vocabulary import learn_vocabulary

tiny = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("tiny_sentences.py"))))
SENTENCES: list[Sentence] = tiny.sentences(90)
LABELS = LabelSet.learn([one.labels for one in SENTENCES])
WORDS = [one.words for one in SENTENCES]


def recipe(**network: Any) -> TagRecipe:
    plain = TagRecipe()
    small = {"embedding": 6, "width": 5, "character_embedding": 4, "character_width": 6, **network}
    return replace(plain, network=replace(plain.network, **small))


def read(sentences: list[Sentence] = SENTENCES) -> TaggedSentences:
    vocabulary = learn_vocabulary((one.words for one in SENTENCES), recipe())
    spelling = Spelling.learn(word for one in SENTENCES for word in one.words)
    return TaggedSentences(sentences, WordLookup(vocabulary.tokenizer), spelling, LABELS)


READ = read()


def batches(size: int = 7, seed: int = 1, **options: Any) -> SentenceBatches:
    return SentenceBatches(READ, batch_size=size, seed=seed, **options)


def same(one: TagBatch, other: TagBatch) -> bool:
    return torch.equal(one.labels, other.labels) and all(map(torch.equal, one.words, other.words))


def rows(batch: TagBatch) -> list[tuple[int, ...]]:
    lengths = batch.words.lengths.tolist()
    return [tuple(batch.words.ids[:length, row].tolist()) for row, length in enumerate(lengths)]


def test_the_words_of_the_training_sentences_come_first(tmp_path: Path) -> None:
    path = tiny.write_vectors(tmp_path / "v.txt", ["the", "Rome", "rome", "paris", "1999", "<unk>", "a" * 50])
    learned = learn_vocabulary(WORDS, recipe(vectors=str(path)))
    lookup = WordLookup(learned.tokenizer)
    total = learned.tokenizer.vocab_size
    assert lookup.ids_of(["the", "Paris", "2024"]) == [total - 3, total - 2, total - 1]
    assert learned.fixed == 3
    assert lookup.ids_of(["ROME"])[0] < total - 3
    assert lookup.ids_of(["<unk>", "never"]) == [0, 0]
    own = learn_vocabulary(WORDS, recipe(vectors=str(path), vectors_vocabulary=False))
    assert own.fixed == 0
    assert own.tokenizer.vocab_size == total - 3


def test_rare_words_are_those_seen_once_without_a_vector(tmp_path: Path) -> None:
    sentences = [("One", "one", "two", "three"), ("One",)]
    path = tiny.write_vectors(tmp_path / "v.txt", ["three"])
    learned = learn_vocabulary(sentences, recipe(vectors=str(path)))
    assert list(learned.rare) == WordLookup(learned.tokenizer).ids_of(["two"])


def test_small_vocabularies_and_options_that_suit_no_tagger() -> None:
    few = replace(recipe(), tokenizer=replace(recipe().tokenizer, vocab_size=8))
    assert learn_vocabulary(WORDS, few).tokenizer.vocab_size == 8
    stemmed = replace(recipe(), tokenizer=replace(recipe().tokenizer, options={"stemmer": "english"}))
    with pytest.raises(UsageError, match="'stemmer' is none of a tagger"):
        learn_vocabulary(WORDS, stemmed)
    never = replace(recipe(), tokenizer=replace(recipe().tokenizer, options={"min_count": 1000}))
    with pytest.raises(DataError, match="none occurs 1000 times"):
        learn_vocabulary(WORDS, never)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 100), st.integers(0, 5))
def test_a_pass_shows_every_sentence_once(size: int, seed: int) -> None:
    walk, seen = batches(size, seed), []
    for _ in range(walk.steps_per_epoch):
        batch = walk.next()
        assert batch.labels.shape[1] <= size
        seen += rows(batch)
    plain = READ.batch(range(len(SENTENCES)))
    assert sorted(seen) == sorted(rows(plain))


def test_each_different_word_is_spelled_once() -> None:
    batch = READ.batch([0, 1, 2])
    words = {word for one in SENTENCES[:3] for word in one.words}
    assert len(batch.words.spellings) == len(words)
    spelling = Spelling.learn(word for one in SENTENCES for word in one.words)
    for column, one in enumerate(SENTENCES[:3]):
        for time, word in enumerate(one.words):
            spelled = batch.words.spellings[batch.words.spelled[time, column]]
            assert spelled[spelled > 0].tolist() == spelling.ids(word)
            assert batch.words.shapes[time, column] == spelling.shape(word)
        told = [LABELS.shown[label] for label in batch.labels[: len(one.words), column]]
        assert tuple(told) == one.labels


def test_missing_words_are_unknown_and_spelled_all_the_same() -> None:
    rates = np.zeros(60, np.float32)
    always = int(READ.batch([0]).words.ids[0, 0])
    rates[always] = 1.0
    walk, plain = batches(missing=rates), batches()
    for _ in range(walk.steps_per_epoch):
        one, other = walk.next(), plain.next()
        expected = torch.where(other.words.ids == always, READ.unknown, other.words.ids)
        assert torch.equal(one.words.ids, expected)
        assert torch.equal(one.words.spellings, other.words.spellings)


@pytest.mark.parametrize("steps", [0, 1, 5, 30])
def test_a_resumed_walk_goes_on_exactly(steps: int) -> None:
    rates = np.full(60, 0.3, np.float32)
    walk, resumed = batches(missing=rates), batches(missing=rates)
    for _ in range(steps):
        walk.next()
    resumed.load_state_dict(json.loads(json.dumps(walk.state_dict())))
    assert all(same(walk.next(), resumed.next()) for _ in range(20))


def test_ranks_share_a_pass() -> None:
    alone, pair = (
        batches(),
        [SentenceBatches(READ, batch_size=7, seed=1, rank=rank, size=2) for rank in (0, 1)],
    )
    for _ in range(pair[0].steps_per_epoch):
        assert same(alone.next(), pair[0].next())
        assert same(alone.next(), pair[1].next())


def test_no_sentences_is_an_error() -> None:
    with pytest.raises(DataError, match="there are none"):
        read([])


def test_the_split_depends_on_words_alone() -> None:
    train, valid = split_by_hash(SENTENCES, 0.3)
    assert len(train) + len(valid) == len(SENTENCES)
    assert 10 < len(valid) < 45
    assert not {one.words for one in train} & {one.words for one in valid}
    assert split_by_hash(SENTENCES[::-1], 0.3)[1] == valid[::-1]


@pytest.fixture
def run(tmp_path: Path) -> TagRun:
    """A folder that is ready to train: spans, some sentences held out."""
    path = tiny.write(tmp_path / "train.conll.gz", SENTENCES)
    run = TagRun(tmp_path / "run")
    prepare(run, [path], recipe(), lambda line: None)
    run.write_recipe(recipe())
    return run


def test_a_prepared_run_holds_what_training_reads(run: TagRun) -> None:
    train, valid = run.sentences("train"), run.sentences("valid")
    assert len(train) + len(valid) == len(SENTENCES)
    assert {(one.words, one.labels) for one in train + valid} == {
        (one.words, one.labels) for one in SENTENCES
    }
    assert run.labels().names == LABELS.names
    assert run.spelling().count > 20
    assert run.cutter().cut("Anna sings.") == ["Anna", "sings", "."]
    rates = missing_rates(run, recipe(dropout_word=0.1))
    assert rates is not None
    assert rates.min() == pytest.approx(0.1)
    assert missing_rates(run, recipe(dropout_word=0.0, dropout_rare=0.0)) is None
    with pytest.raises(DataError, match="no weights yet"):
        run.tagger()


def test_iob1_is_kept_as_bio_and_what_is_odd_is_told(tmp_path: Path) -> None:
    train = tmp_path / "a"
    train.write_text("Bo I-PER\nsings O\n\nBo B-PER\nMoss I-LOC\nRome I-ORG\n\n" * 9)
    valid = tmp_path / "b"
    valid.write_text("Bo I-ART\n\nBo I-PER\nsings O\n")
    said: list[str] = []
    run = TagRun(tmp_path / "run")
    data = replace(recipe().data, valid=str(valid))
    prepare(run, [train], replace(recipe(), data=data), said.append)
    assert run.labels().scheme == "bio"
    assert run.sentences("train")[1].labels == ("B-PER", "B-LOC", "B-ORG")
    told = "\n".join(said)
    assert "I-ART of the validation sentences are in no training sentence" in told
    assert "1 of its sentences stand in the training sentences" in told
    assert "mended in 9 sentences" in told


def network(run: TagRun, **options: Any) -> Tagger:
    torch.manual_seed(1)
    tagger = Tagger(
        recipe(**options).network, run.tokenizer().vocab_size, run.spelling().count, len(run.labels()), 7
    )
    if tagger.crf is not None:
        tagger.crf.forbid(*map(torch.from_numpy, run.labels().forbidden()))
    return tagger


@pytest.mark.parametrize("crf", [True, False])
def test_the_objective_weighs_every_word_alike(run: TagRun, crf: bool) -> None:
    tagger = network(run, crf=crf).eval()
    experiment = TagExperiment(
        tagger, run, recipe(crf=crf, dropout_rare=0, dropout_word=0), World.start("cpu")
    )
    losses = [experiment.loss() for _ in range(experiment.steps_per_epoch)]
    nats = sum(float(loss.nats) for loss in losses)
    count = sum(loss.count for loss in losses)
    assert count == sum(len(one.words) for one in run.sentences("train"))
    mean = sum(float(loss.objective.detach()) for loss in losses) / len(losses)
    assert mean == pytest.approx(nats / count, rel=1e-5)


def test_smoothed_labels_still_tell_plain_nats(run: TagRun) -> None:
    tagger, config = network(run, crf=False).eval(), recipe(crf=False, dropout_rare=0, dropout_word=0)
    smooth = replace(config, training=replace(config.training, label_smoothing=0.2))
    plain, other = (TagExperiment(tagger, run, each, World.start("cpu")).loss() for each in (config, smooth))
    torch.testing.assert_close(plain.nats, other.nats)
    assert float(plain.objective.detach()) != pytest.approx(float(other.objective.detach()), rel=1e-3)
    batch = READ.batch([0, 1])
    assert int((padded(batch) == -100).sum()) == batch.labels.numel() - int(batch.words.lengths.sum())


def test_predictions_come_in_order_and_hold_whole_spans(run: TagRun) -> None:
    tagger, labels = network(run).eval(), run.labels()
    gold = run.sentences("train")
    tagged = Reader.of(run).read(gold)
    _, said = predict(tagger, tagged, labels, torch.device("cpu"))
    assert [len(one) for one in said] == [len(one.words) for one in gold]
    for one, other in zip(gold[:6], said, strict=False):
        _, alone = predict(tagger, Reader.of(run).read([one]), labels, torch.device("cpu"))
        assert alone == [other]
    assert all(row[span.first] == f"B-{span.type}" for row in said for span in spans(row))
    _, first = predict(tagger, tagged, labels, torch.device("cpu"), most=2)
    assert first == said[:2]


def test_labels_that_training_lacks_are_no_part_of_the_loss_and_count_as_wrong(run: TagRun) -> None:
    tagger, labels = network(run).eval(), run.labels()
    known = Sentence(("Bo", "sings"), ("B-PER", "O"))
    odd = Sentence(("Bo", "sings"), ("B-ART", "O"))
    losses = [
        predict(tagger, Reader.of(run).read(gold), labels, torch.device("cpu"))[0]
        for gold in ([known], [known, odd])
    ]
    assert losses[0] == pytest.approx(losses[1])
    assert score([odd], [["O", "O"]], labels).f1 == 0


def test_each_words_usual_label() -> None:
    sentences = [
        Sentence(("a", "b", "c"), ("X", "Y", "Z")),
        Sentence(("a", "a", "d"), ("W", "X", "Z")),
    ]
    method = UsualLabel.learn(sentences)
    assert method.predict(["a", "b", "never"]) == ["X", "Y", "Z"]


def test_the_perceptron_learns_spans_and_never_breaks_one() -> None:
    methods = fit_floor(SENTENCES, LABELS)
    fresh = tiny.sentences(40, seed=9)
    figures = {
        name: score(fresh, [method.predict(one.words) for one in fresh], LABELS)
        for name, method in methods.items()
    }
    assert figures[PERCEPTRON].f1 > 0.95
    assert figures[PERCEPTRON].f1 >= figures[USUAL].f1
    model = Perceptron.learn([(one.words, one.labels) for one in SENTENCES[:3]], LABELS, passes=1)
    for one in fresh:
        said = model.predict(one.words)
        assert all(said[span.first].startswith("B-") for span in spans(said))


def test_the_perceptron_keeps_the_mean_of_its_weights() -> None:
    pairs = [(one.words, one.labels) for one in SENTENCES[:12]]
    model, again = (Perceptron.learn(pairs, LABELS, passes=3, seed=4) for _ in range(2))
    assert np.array_equal(model._weights, again._weights)
    assert not np.array_equal(model._weights, np.round(model._weights))
    assert not model._weights[0].any()


def test_features_of_a_word() -> None:
    (one,) = described(["Rom-9"])
    assert {"w Rom-9", "l rom-9", "p3 rom", "s2 -9", "h Xx-9", "-1 \t", "+1 \t"} <= set(one)
    assert len(set(map(len, described(["a", "Bc", "d"])))) == 1
    assert shape("McDonald's") == "XxXx'x"


def test_a_runs_floor(run: TagRun, tmp_path: Path) -> None:
    said: list[str] = []
    test = tiny.write(tmp_path / "test", tiny.sentences(9, seed=3))
    told = json.loads(json.dumps(run_floor(run, said.append, test)))
    assert set(told["systems"]) == set(told["test"]) == {USUAL, PERCEPTRON}
    assert 0 < told["test"][PERCEPTRON]["f1"] <= 1
    assert told["sentences"] == len(run.sentences("valid"))
    assert said[0].startswith("floor: each word's usual label F1 ")


def test_an_honest_line_and_a_table() -> None:
    floor = {"simple": {"accuracy": 0.9, "f1": 0.8}}
    assert "earns its place" in compare("test", {"accuracy": 0.9, "f1": 0.81}, floor)
    assert "simple method wins" in compare("test", {"accuracy": 0.95, "f1": 0.8}, floor)
    assert compare("test", {"accuracy": 0.5}, {}) == "test: accuracy 50.00 %"
    lines = table(score([Sentence(("a", "b"), ("B-X", "O"))], [["B-X", "B-Y"]], LABELS)).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["X", "Y", "all"]
    assert lines[-1].split()[2:] == ["50.00", "100.00", "66.67", "1"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"training": {"label_smoothing": 0.1}}, "cannot be smoothed"),
        ({"network": {"freeze": True}}, "would stay as it was drawn"),
        ({"network": {"characters": "lstm", "character_width": 7}}, "even"),
    ],
)
def test_recipes_that_make_no_sense(tmp_path: Path, changes: dict[str, dict[str, Any]], told: str) -> None:
    path, wrong = tiny.write(tmp_path / "a", SENTENCES), recipe()
    for section, values in changes.items():
        wrong = replace(wrong, **{section: replace(getattr(wrong, section), **values)})
    with pytest.raises(ConfigError, match=told):
        train_tag([path], tmp_path / "run", wrong, export=False, report=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_vectors_of_another_width_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = tiny.write_vectors(tmp_path / "v", ["a"], width=4)
    with pytest.raises(DataError, match="its vectors have 4 values and the embedding 6"):
        train_tag(
            [tmp_path / "none"], tmp_path / "run", recipe(vectors=str(path)), export=False, report=print
        )
