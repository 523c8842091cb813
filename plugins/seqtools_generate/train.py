"""Training of language models: the task's side of the loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqtools.nn.language_model import LanguageModel, LanguageModelOutput, detach
from seqtools.nn.stack import StackState
from seqtools.plugin import Tokenizer
from seqtools.recipe import Recipe
from seqtools.training.chunks import Chunks
from seqtools.training.experiment import Loss
from seqtools.training.lines import Lines
from seqtools.training.regularisers import activation_penalty, cross_entropy, slowness_penalty
from seqtools.training.token_stream import forget
from seqtools.training.world import World

VALID_ROWS, VALID_CHUNK = 16, 256
VALID_TOKENS = 2_000_000
"""Tokens at the beginning of the validation stream that are evaluated; `seqtools evaluate` reads them all."""
# Logits computed at once in an evaluation: 16 MB of them in fp32.
VALID_LOGITS = 4_000_000


class LanguageModelExperiment:
    """A language model, its stream and its carried state (see `seqtools.training.experiment`).

    The best weights are those with the lowest `valid_loss`.

    Args:
        network: on the world's device.
        train, valid: token streams `[tokens]`.
        recipe: data and training sections are used.
        tokenizer: for samples.
        world: this process's rows are its share of `size * batch_size`.
        renew: see `Chunks`.
    """

    judged_by, higher_is_better = "valid_loss", False
    progress = 0.0

    def __init__(
        self,
        network: LanguageModel,
        train: NDArray[Any],
        valid: NDArray[Any],
        recipe: Recipe,
        tokenizer: Tokenizer,
        world: World,
        renew: Callable[[int], NDArray[Any]] | None = None,
    ) -> None:
        self.network: nn.Module = network
        self.model, self.recipe, self.tokenizer, self.world = network, recipe, tokenizer, world
        self.device = world.device
        config = recipe.training
        kind = partial(Lines, start=tokenizer.bos) if recipe.data.per_line else Chunks
        self.chunks = kind(
            train,
            world.size * config.batch_size,
            mine=slice(world.rank * config.batch_size, (world.rank + 1) * config.batch_size),
            chunk=config.chunk,
            jitter=config.chunk_jitter,
            half=config.half_chunk,
            reset=config.reset,
            seed=config.seed,
            renew=renew,
        )
        self.valid = valid[:VALID_TOKENS]
        self.steps_per_epoch = self.chunks.chunks_per_epoch
        self._state: StackState | None = None

    def loss(self) -> Loss:
        """The next chunk's loss; the state goes on, its gradient does not."""
        config, chunk = self.recipe.training, self.chunks.next()
        tokens, targets = self._tensor(chunk.tokens), self._tensor(chunk.targets)
        state = self._state
        if state is None or chunk.fresh:
            state = self.model.start(tokens.shape[1])
        elif chunk.restart is not None:
            state = restarted(state, self.model.start(tokens.shape[1]), self._tensor(chunk.restart))
        out: LanguageModelOutput = self.model(tokens, state)
        self._state = detach(out.state)
        objective, nats = cross_entropy(out.logits, targets, smoothing=config.label_smoothing)
        if config.ar:
            objective = objective + activation_penalty(out.dropped, config.ar)
        if config.tar:
            objective = objective + slowness_penalty(out.raw, config.tar)
        # A longer chunk is a better estimate of the gradient and may take a longer SGD step (Merity et al.
        # 2017); optimisers that divide by the gradient's size have no use for it.
        rate = len(chunk.tokens) / config.chunk if config.optimizer == "sgd" else 1.0
        return Loss(objective, nats, chunk.targets.size, rate)

    def evaluate(self) -> dict[str, float]:
        """Mean nats per token of the validation stream under carried state, read as a few long rows."""
        nats, tokens = evaluate_carried(self.model, self.valid, self.device)
        forget(self.valid)
        return {"valid_loss": nats / tokens}

    def sample(self) -> str:
        """A text at temperature 0.8, always from the same noise."""
        config = self.recipe.training
        if not config.sample_tokens:
            return ""
        ids = write(self.model, self._prompt(), config.sample_tokens, self.device, per_line=self._eos())
        return config.sample_prompt + self.tokenizer.decode(ids)

    def _prompt(self) -> list[int]:
        if self.recipe.data.per_line:
            return [self.tokenizer.bos, *self.tokenizer.encode(self.recipe.training.sample_prompt).tolist()]
        return list(self.tokenizer.encode(self.recipe.training.sample_prompt or "\n").tolist()) or [0]

    def _eos(self) -> int:
        return self.tokenizer.eos if self.recipe.data.per_line else -1

    def _tensor(self, ids: NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(ids)
        return (
            tensor.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tensor
        )

    def state_dict(self) -> dict[str, Any]:
        """Position in the stream and the carried state."""
        state = [] if self._state is None else [list(layer) for layer in self._state]
        return {"chunks": self.chunks.state_dict(), "state": state}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back `state_dict`."""
        self.chunks.load_state_dict(state["chunks"])
        carried = tuple(tuple(part.to(self.device) for part in layer) for layer in state["state"])
        self._state = carried or None


def restarted(state: StackState, start: StackState, rows: Tensor) -> StackState:
    """`state` with the rows marked in `rows [rows]` taken from `start`."""
    return tuple(
        tuple(torch.where(rows[:, None], new, old) for old, new in zip(*layers, strict=True))
        for layers in zip(state, start, strict=True)
    )


@torch.no_grad()
def evaluate_carried(
    network: LanguageModel, stream: NDArray[Any], device: torch.device, rows: int = VALID_ROWS
) -> tuple[float, int]:
    """Summed nats and number of targets of a stream read as `rows` long rows, each from a fresh state.

    A short stream is read as fewer rows. The few tokens left over at the end are read by the last row alone.
    """
    rows = max(1, min(rows, (len(stream) - 1) // VALID_CHUNK))
    length = (len(stream) - 1) // rows
    nats, state = 0.0, network.start(rows)
    starts = np.arange(rows) * length
    chunk = max(1, min(VALID_CHUNK, VALID_LOGITS // (rows * network.vocab_size)))
    for begin in range(0, length, chunk):
        time = min(chunk, length - begin)
        window = stream[starts[None, :] + begin + np.arange(time + 1)[:, None]].astype(np.int64)
        told, state = _score(network, window, state, device)
        nats += told
    rest = stream[rows * length :].astype(np.int64)
    if len(rest) > 1:
        last = tuple(tuple(part[-1:] for part in layer) for layer in state)
        nats += _score(network, rest[:, None], last, device)[0]
    return nats, len(stream) - 1


def _score(
    network: LanguageModel, window: NDArray[np.int64], state: StackState, device: torch.device
) -> tuple[float, StackState]:
    ids = torch.from_numpy(window).to(device)
    out = network(ids[:-1], state)
    return float(cross_entropy(out.logits, ids[1:])[1]), out.state


@torch.no_grad()
def write(
    network: LanguageModel, prompt: list[int], count: int, device: torch.device, *,
    temperature: float = 0.8, seed: int = 1, per_line: int = -1,
) -> list[int]:  # fmt: skip
    """Sampled ids after a prompt, from the live network; `per_line` is an id that ends the text."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.tensor(prompt, device=device)[:, None]
    state, written = network(ids, network.start(1)).state, []
    for _ in range(count):
        probabilities = (network.logits_from(state)[0].float() / temperature).softmax(-1).cpu()
        token = int(torch.multinomial(probabilities, 1, generator=generator))
        if token == per_line:
            break
        written.append(token)
        state = network(torch.tensor([[token]], device=device), state).state
    return written
