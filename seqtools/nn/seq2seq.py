"""An encoder, a decoder, and what both share: sequences to sequences (Sutskever et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from seqtools.errors import ConfigError
from seqtools.nn.attention import NoAttention
from seqtools.nn.decoder import Decoder, DecoderState, Drawn, Source
from seqtools.nn.dropout import Dropout
from seqtools.nn.embedding import TokenEmbedding
from seqtools.nn.encoder import RecurrentEncoder, TransformerEncoder
from seqtools.nn.head import Head
from seqtools.recipe import Seq2SeqConfig

if TYPE_CHECKING:
    from jaxtyping import Float, Int

ENCODERS = ("recurrent", "transformer")


class Seq2SeqOutput(NamedTuple):
    """What a forward pass gives."""

    logits: Float[Tensor, "time batch target_vocab"]
    """for the token after each one fed"""
    attention: Float[Tensor, "time batch source"]
    """where each step looked (the mean over heads)"""


class Seq2Seq(nn.Module):
    """Source tokens in, logits of target tokens out.

    A source ends with the end id, which the caller appends; a target begins with the start id.

    Args:
        config: the network.
        source_vocab, target_vocab: numbers of tokens; equal, and one vocabulary, if embeddings are shared.
    """

    def __init__(self, config: Seq2SeqConfig, source_vocab: int, target_vocab: int) -> None:
        super().__init__()
        _check(config, source_vocab, target_vocab)
        self.config, self.source_vocab, self.target_vocab = config, source_vocab, target_vocab
        self.target_embedding = TokenEmbedding(
            target_vocab, config.embedding, spread=config.embedding**-0.5 if config.tied else 1.0
        )
        self.source_embedding = self.target_embedding
        if not config.shared:
            self.source_embedding = TokenEmbedding(source_vocab, config.embedding)
        # Embeddings that are the output layer too are small; what the cells read should not be.
        self.scale = config.embedding**0.5 if config.tied else 1.0
        self.source_scale = self.scale if config.shared else 1.0
        encoder = RecurrentEncoder if config.encoder == "recurrent" else TransformerEncoder
        self.encoder = encoder(config, config.embedding)
        readout = config.embedding if config.tied else config.width
        self.decoder = Decoder(config, config.embedding, self.encoder.width, self.encoder.width, readout)
        self.head = Head(readout, target_vocab, self.target_embedding if config.tied else None)
        self.drop_embedding = Dropout(config.dropout_embedding, locked=config.locked)

    def encode(self, source: Int[Tensor, "source batch"], lengths: Int[Tensor, " batch"]) -> Source:
        """Read the source, once for all steps of all its hypotheses."""
        x = self._embed(self.source_embedding, source, self.source_scale, self.config.dropout_source)
        reading = self.encoder(x, lengths)
        attention = self.decoder.attention
        if isinstance(attention, NoAttention):
            whole = reading.summary[:, None]
            return Source(whole, whole, reading.mask, reading.summary)
        memory = self.decoder.dropout(reading.memory.transpose(0, 1)).transpose(0, 1)
        return Source(attention.keys(memory), attention.values(memory), reading.mask, reading.summary)

    def forward(
        self,
        source: Int[Tensor, "source batch"],
        lengths: Int[Tensor, " batch"],
        target: Int[Tensor, "time batch"],
        own: float = 0.0,
    ) -> Seq2SeqOutput:
        """Logits after each of the `target` tokens, which are fed whatever the network would have said.

        Args:
            source: ids, padded with anything.
            lengths: how many of each row count.
            target: ids, the start id first.
            own: probability that a step is fed the network's own choice instead (scheduled sampling, Bengio
                et al. 2015).
        """
        read = self.encode(source, lengths)
        x = self._embed(self.target_embedding, target, self.scale, self.config.dropout_target)
        if own:
            readouts, attention = self.decoder.walk(_Feed(self, x, own), len(x), read)
        else:
            readouts, attention = self.decoder(x, read)
        return Seq2SeqOutput(self.head(readouts), attention)

    def start(self, source: Source) -> DecoderState:
        """The state before the start id is fed."""
        return self.decoder.start(source)

    def step(
        self, tokens: Int[Tensor, " rows"], state: DecoderState, source: Source, drawn: Drawn | None = None
    ) -> tuple[DecoderState, Float[Tensor, "rows source"]]:
        """Feed one token a row: the new state and where the step looked."""
        x = self.target_embedding(tokens[None])[0] * self.scale
        return self.decoder.step(x, state, source, drawn or self.decoder.draw(source))

    def logits(self, state: DecoderState) -> Float[Tensor, "rows target_vocab"]:
        """Logits of the token that follows a state."""
        logits: Tensor = self.head(state.readout)
        return logits

    def _embed(self, table: TokenEmbedding, tokens: Tensor, scale: float, missing: float) -> Tensor:
        x: Tensor = table(tokens) * scale
        if self.training and missing:
            x = x * (torch.rand(tokens.shape, device=tokens.device) >= missing)[:, :, None]
        dropped: Tensor = self.drop_embedding(x)
        return dropped


class _Feed:
    """Scheduled sampling: a row is fed its own choice, at any step but the first, with probability `own`."""

    def __init__(self, network: Seq2Seq, x: Tensor, own: float) -> None:
        self.network, self.x, self.own = network, x, own

    @torch.no_grad()
    def _chosen(self, state: DecoderState) -> Tensor:
        chosen: Tensor = self.network.logits(state).argmax(dim=-1)
        return chosen

    def __call__(self, time: int, state: DecoderState) -> Tensor:
        """What step `time` is fed, `[rows, input]`."""
        given = self.x[time]
        if time == 0:
            return given
        said = self.network.target_embedding(self._chosen(state)[None])[0] * self.network.scale
        mine = torch.rand(len(given), 1, device=given.device) < self.own
        return torch.where(mine, said, given)


def _check(config: Seq2SeqConfig, source_vocab: int, target_vocab: int) -> None:
    if config.encoder not in ENCODERS:
        raise ConfigError(
            "network.encoder", f"'{config.encoder}' is not known", f"Use {' or '.join(ENCODERS)}"
        )
    if config.shared and source_vocab != target_vocab:
        raise ConfigError(
            "network.shared",
            f"source and target have vocabularies of their own ({source_vocab} and {target_vocab} ids)",
            "Use a joint tokenizer (data.joint = true), or network.shared = false",
        )
