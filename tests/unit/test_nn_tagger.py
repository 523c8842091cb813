"""The CRF against every path written out; spellings and sentences alone and in a batch; what is forbidden."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqtools.errors import ConfigError
from seqtools.nn.char_words import CharWords
from seqtools.nn.crf import CRF
from seqtools.nn.tagger import Tagger, Words
from seqtools.recipe import TaggerConfig


def crf(labels: int, seed: int, *, spread: float = 1.0) -> CRF:
    torch.manual_seed(seed)
    field = CRF(labels)
    for weight in field.parameters():
        torch.nn.init.normal_(weight, std=spread)
    return field


def every_path(field: CRF, emissions: Tensor) -> dict[tuple[int, ...], Tensor]:
    """Score of each path through one sentence's emissions, `[time, labels]`."""
    moves, scores = field.matrix(), {}
    for path in product(range(field.labels), repeat=len(emissions)):
        score = field.starts()[path[0]] + field.ends()[path[-1]]
        score = score + sum(emissions[time, label] for time, label in enumerate(path))
        scores[path] = score + sum(moves[one, two] for one, two in pairwise(path))
    return scores


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 4), st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 99))
def test_the_crf_is_what_every_path_together_says(labels: int, rows: list[int], seed: int) -> None:
    field, lengths = crf(labels, seed).requires_grad_(False), torch.tensor(rows)
    emissions = torch.randn(max(rows), len(rows), labels)
    gold = torch.randint(0, labels, emissions.shape[:2])
    likelihood = field.log_likelihood(emissions, gold, lengths)
    best, marginals = field.viterbi(emissions, lengths), field.marginals(emissions, lengths)
    for row, length in enumerate(rows):
        scores = every_path(field, emissions[:length, row])
        total = torch.logsumexp(torch.stack(list(scores.values())), 0)
        torch.testing.assert_close(likelihood[row], scores[tuple(gold[:length, row].tolist())] - total)
        assert tuple(best[:length, row].tolist()) == max(scores, key=lambda path: float(scores[path]))
        for time in range(length):
            for label in range(labels):
                through = [score for path, score in scores.items() if path[time] == label]
                share = (torch.logsumexp(torch.stack(through), 0) - total).exp()
                torch.testing.assert_close(marginals[time, row, label], share, atol=1e-5, rtol=1e-4)


def test_gradients_are_those_of_every_path() -> None:
    field, emissions = crf(3, 4), torch.randn(4, 1, 3, requires_grad=True)
    weights = [emissions, *field.parameters()]
    lengths = torch.tensor([4])
    ours = torch.autograd.grad(field.log_partition(emissions, lengths).sum(), weights)
    scores = every_path(field, emissions[:, 0])
    theirs = torch.autograd.grad(torch.logsumexp(torch.stack(list(scores.values())), 0), weights)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_long_sentences_and_large_scores_stay_finite() -> None:
    field = crf(5, 1, spread=3.0)
    emissions = (50 * torch.randn(400, 3, 5)).requires_grad_()
    lengths = torch.tensor([400, 1, 37])
    gold = torch.randint(0, 5, (400, 3))
    likelihood = field.log_likelihood(emissions, gold, lengths)
    likelihood.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(likelihood).all()
    assert (likelihood <= 1e-3).all()
    assert emissions.grad is not None
    assert torch.isfinite(emissions.grad).all()


def test_forbidden_moves_are_never_made_and_have_no_share() -> None:
    field = crf(3, 2)
    moves = torch.tensor([[False, True, False], [False, False, True], [True, False, False]])
    field.forbid(moves, torch.tensor([True, False, False]), torch.tensor([False, True, False]))
    emissions, lengths = 5 * torch.randn(9, 40, 3), torch.randint(2, 10, (40,))
    best = field.viterbi(emissions, lengths)
    for row, length in enumerate(lengths.tolist()):
        path = best[:length, row].tolist()
        assert path[0] != 0
        assert path[-1] != 1
        assert not any(moves[one, two] for one, two in pairwise(path))
    marginals = field.marginals(emissions, lengths)
    assert float(marginals[0, :, 0].detach().max()) < 1e-9
    legal = torch.logsumexp(
        torch.stack([score for path, score in every_path(field, emissions[:4, 0]).items() if score > -1e3]), 0
    )
    torch.testing.assert_close(field.log_partition(emissions[:4, :1], torch.tensor([4]))[0], legal)


def test_what_is_forbidden_is_kept_with_the_weights() -> None:
    field, again = crf(2, 3), CRF(2)
    field.forbid(torch.eye(2, dtype=torch.bool), torch.zeros(2).bool(), torch.ones(2).bool())
    again.load_state_dict(field.state_dict())
    assert torch.equal(again.matrix(), field.matrix())
    assert torch.equal(again.ends(), field.ends())


@pytest.mark.parametrize("kind", ["cnn", "lstm"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_a_spelling_is_read_alike_alone_and_beside_longer_ones(kind: str, kernel: int) -> None:
    torch.manual_seed(1)
    reader = CharWords(kind, 9, 4, 6, kernel)
    rows = [[2, 3, 4], [5], [2, 8, 8, 7, 6, 3, 2]]
    padded = torch.zeros(3, 7, dtype=torch.int64)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = torch.tensor(ids)
    together = reader(padded)
    assert together.shape == (3, 6)
    for ids, vector in zip(rows, together, strict=True):
        torch.testing.assert_close(reader(torch.tensor([ids]))[0], vector)


def test_the_filters_are_a_convolution() -> None:
    torch.manual_seed(1)
    reader, ids = CharWords("cnn", 9, 4, 6, 3), torch.tensor([[2, 3, 4, 8, 5]])
    assert reader.conv is not None
    convolved = reader.conv(reader.embedding(ids).transpose(1, 2)).amax(dim=2).relu()
    torch.testing.assert_close(reader(ids), convolved)


def test_a_word_without_characters_has_a_vector() -> None:
    for kind in ("cnn", "lstm"):
        assert torch.isfinite(CharWords(kind, 9, 4, 6)(torch.tensor([[0, 0], [3, 4]]))).all()


def test_odd_units_cannot_be_shared() -> None:
    with pytest.raises(ConfigError, match="even"):
        CharWords("lstm", 9, 4, 5)


def sentences(lengths: list[int], seed: int) -> Words:
    draw = torch.Generator().manual_seed(seed)
    shape = max(lengths), len(lengths)
    spellings = torch.randint(2, 12, (7, 5), generator=draw)
    spellings[2, 3:] = 0
    return Words(
        torch.randint(0, 20, shape, generator=draw),
        torch.tensor(lengths),
        spellings,
        torch.randint(0, 7, shape, generator=draw),
        torch.randint(0, 7, shape, generator=draw),
    )


@pytest.mark.parametrize("characters", ["cnn", "lstm", "none"])
@pytest.mark.parametrize("crf", [True, False])
def test_a_sentence_is_tagged_alike_alone_and_in_a_batch(characters: str, crf: bool) -> None:
    torch.manual_seed(5)
    config = TaggerConfig(embedding=8, width=6, layers=2, characters=characters, shape=3, crf=crf)
    tagger, words = Tagger(config, 20, 12, 4, 7).eval(), sentences([5, 2, 9], 1)
    decoded = tagger.decode(words)
    for row, length in enumerate(words.lengths.tolist()):
        alone = Words(
            words.ids[:length, row : row + 1],
            words.lengths[row : row + 1],
            words.spellings,
            words.spelled[:length, row : row + 1],
            words.shapes[:length, row : row + 1],
        )
        labels, shares = tagger.decode(alone)
        assert torch.equal(labels[:, 0], decoded.labels[:length, row])
        torch.testing.assert_close(shares[:, 0], decoded.probabilities[:length, row])


def test_padding_is_no_part_of_the_loss() -> None:
    torch.manual_seed(5)
    for crf in (True, False):
        tagger = Tagger(TaggerConfig(embedding=8, width=6, crf=crf), 20, 12, 4, 7).eval()
        words, gold = sentences([3, 6], 2), torch.randint(0, 4, (6, 2))
        emissions = tagger(words)
        one = tagger.nats(emissions, gold, words.lengths)
        gold[3:, 0], emissions[3:, 0] = 1, 7.0
        torch.testing.assert_close(tagger.nats(emissions, gold, words.lengths), one)


def test_labels_that_do_not_count_are_left_out_without_a_crf() -> None:
    tagger = Tagger(TaggerConfig(embedding=8, width=6, crf=False), 20, 12, 4, 7).eval()
    emissions = torch.randn(2, 1, 4)
    gold = torch.tensor([[2], [-100]])
    alone = tagger.nats(emissions[:1], gold[:1], torch.tensor([1]))
    torch.testing.assert_close(tagger.nats(emissions, gold, torch.tensor([2])), alone)
