"""The shapes that signatures state, checked at every call of a few networks by jaxtyping and beartype."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("torch")
pytest.importorskip("jaxtyping")
pytest.importorskip("beartype")

# Annotations name jaxtyping under TYPE_CHECKING only, so that it is no dependency: here they are evaluated.
PROGRAM = """
import typing
import beartype, jaxtyping, torch
import seqtools.loader, seqtools.recipe

@jaxtyping.jaxtyped(typechecker=beartype.beartype)  # both packages load the rest of themselves
def loaded(x: jaxtyping.Float[torch.Tensor, "time batch"]) -> torch.Tensor:
    return x

loaded(torch.zeros(1, 1))
typing.TYPE_CHECKING = True
with jaxtyping.install_import_hook("seqtools.nn", "beartype.beartype"):
    from seqtools.nn.cells import gru, lstm, rnn
    from seqtools.nn.language_model import LanguageModel
    from seqtools.nn.stack import RecurrentStack
typing.TYPE_CHECKING = False
from seqtools.recipe import NetworkConfig

tokens, rates = torch.randint(7, (5, 3)), {
    f"dropout_{place}": 0.2 for place in ("input", "hidden", "output", "embedding", "weight")
}
for cell in ("lstm.v1", "gru.v1", "rnn_tanh.v1", "rnn_relu.v1"):
    for more in (
        {"embedding": 0}, {"embedding": 4, "tied": True, **rates}, {"layer_norm": "cell", "last_width": 6}
    ):
        network = LanguageModel(NetworkConfig(cell=cell, layers=2, width=8, learned_state=True, **more), 7)
        network.logits_from(network(tokens, network.start(3)).state)
    both = RecurrentStack(NetworkConfig(cell=cell, layers=2, width=8), 4, bidirectional=True)
    both(torch.randn(5, 3, 4), both.start(3), torch.tensor([5, 1, 0]))

for wrong in (
    lambda: network(tokens.float(), network.start(3)),
    lambda: network(tokens[0], network.start(3)),
    lambda: both(torch.randn(5, 3, 4), both.start(3), torch.tensor([5, 1])),
    lambda: lstm.LSTM.step(torch.randn(3, 8), torch.randn(2, 8), (torch.randn(3, 2),) * 2),
):
    try:
        wrong()
    except jaxtyping.TypeCheckError:
        print("refused")
"""


def test_shapes_are_as_the_signatures_say() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["refused"] * 4
