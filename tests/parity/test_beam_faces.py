"""The two faces of the beam decoder, inside the graph and outside, agree token for token."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from seqtools import loader

graph: Any = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("test_beam_graph.py"))))
Search: Any = loader.decoder("beam").load()
EOS: int = graph.EOS


class Host:
    """The toy of the graph's tests as a step model."""

    def __init__(self, toy: Any, starts: list[int]) -> None:
        self.toy, self.starts = toy, np.array(starts, np.int64)

    def first(self, batch: int) -> tuple[Any, Any]:
        assert batch == len(self.starts)
        return self.toy.log_probs[self.starts], self.starts

    def step(self, tokens: Any, state: Any) -> tuple[Any, Any]:
        state = self.toy.after(state, tokens)
        return self.toy.log_probs[state], state

    def reorder(self, state: Any, rows: Any) -> Any:
        return state[rows]

    def attention(self, state: Any) -> Any:
        return self.toy.attention[state]


@settings(max_examples=12, deadline=None, phases=[Phase.generate])
@given(data=st.data())
def test_both_faces_find_the_same(data: st.DataObject) -> None:
    draw, number = data.draw, st.integers
    coarse = draw(st.booleans())
    toy = graph.toy(draw(number(0, 999)), draw(st.sampled_from([3, 5, 12, 1500])), coarse=coarse)
    batch, beam = draw(number(1, 4)), draw(number(1, 7))
    longest = draw(st.lists(number(0, 9), min_size=batch, max_size=batch))
    shortest = draw(st.lists(number(0, 4), min_size=batch, max_size=batch))
    starts = draw(st.lists(number(0, 36), min_size=batch, max_size=batch))
    alpha = draw(st.sampled_from([0.0, 0.6, 1.0]))
    told = graph.run(graph.lower(toy), graph.feeds(starts, beam, longest, shortest, alpha))
    search = Search(Search.Options(beam_size=beam, n_best=beam, alpha=alpha))
    lengths = {"max_lengths": longest, "min_lengths": shortest}
    found = search.run(Host(toy, starts), batch, eos=EOS, attention=True, **lengths)
    for row, hypotheses in enumerate(found):
        assert (told["scores"][row] > -1e20).sum() == len(hypotheses)
        for place, one in enumerate(hypotheses):
            length, steps = int(told["lengths"][row, place]), len(one.log_probs)
            assert told["tokens"][row, place, :length].tolist() == one.tokens
            np.testing.assert_allclose(told["scores"][row, place], one.score, rtol=1e-6)
            np.testing.assert_array_equal(
                told["log_probs"][row, place, :steps], np.array(one.log_probs, np.float32)
            )
            np.testing.assert_array_equal(told["attention"][row, place, :steps], one.attention)
