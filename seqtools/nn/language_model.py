"""The recurrent language model (Mikolov et al. 2010): what comes next, given all that came before."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor, nn

from seqtools.errors import ConfigError
from seqtools.nn.dropout import Dropout
from seqtools.nn.embedding import TokenEmbedding
from seqtools.nn.head import Head
from seqtools.nn.stack import RecurrentStack, StackState
from seqtools.recipe import NetworkConfig

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class LanguageModelOutput(NamedTuple):
    """What a forward pass gives."""

    logits: Float[Tensor, "time batch vocab"]
    """for the token after each one read"""
    state: StackState
    """to go on from"""
    raw: Float[Tensor, "time batch width"]
    """top outputs before dropout (temporal activation regularisation)"""
    dropped: Float[Tensor, "time batch width"]
    """the same after dropout (activation regularisation)"""


class LanguageModel(nn.Module):
    """Embedding (or one-hot), recurrent stack, head.

    The logits of the next token depend on the top layer's h alone, which is part of the state: a saved
    state is all it takes to go on.
    """

    def __init__(self, config: NetworkConfig, vocab_size: int) -> None:
        super().__init__()
        if config.tied and not config.embedding:
            raise ConfigError(
                "network.tied", "there is no embedding to share", "Set network.embedding, or tied = false"
            )
        self.config, self.vocab_size = config, vocab_size
        self.embedding: TokenEmbedding | None = None
        if config.embedding:
            # A tied table starts small, since it is the output layer too (AWD-LSTM: +-0.1).
            spread = 0.1 if config.tied else 1.0
            self.embedding = TokenEmbedding(
                vocab_size, config.embedding, dropout=config.dropout_embedding, spread=spread
            )
        inputs = config.embedding or vocab_size
        self.stack = RecurrentStack(config, inputs, one_hot=self.embedding is None)
        self.head = Head(self.stack.width, vocab_size, self.embedding if config.tied else None)
        self.drop_input = Dropout(config.dropout_input, locked=config.locked)
        self.drop_output = Dropout(config.dropout_output, locked=config.locked)

    def start(self, batch: int) -> StackState:
        """The state before anything was read."""
        return self.stack.start(batch)

    def forward(self, tokens: Int[Tensor, "time batch"], state: StackState) -> LanguageModelOutput:
        """Read `tokens`, int64, going on from `state`."""
        if self.embedding is None:
            # Dense, into the fused kernel. Looking columns up would save a fifth of the products, but only
            # a loop written out can take them, and it is no faster (measured: 0.8 to 0.95 of the kernel).
            x = nn.functional.one_hot(tokens, self.vocab_size).to(self.head.bias.dtype)
        else:
            x = self.embedding(tokens)
        raw, state = self.stack(self.drop_input(x), state)
        dropped = self.drop_output(raw)
        return LanguageModelOutput(self.head(dropped), state, raw, dropped)

    def logits_from(self, state: StackState) -> Float[Tensor, "batch vocab"]:
        """Logits of the token that follows a state."""
        logits: Tensor = self.head(self.stack.top(state))
        return logits


def detach(state: StackState) -> StackState:
    """The same state, cut off from the graph that made it: the T in truncated back-propagation."""
    return tuple(tuple(part.detach() for part in layer) for layer in state)
