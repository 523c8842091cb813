"""Why a text gets its label: integrated gradients (Sundararajan, Taly & Yan 2017), from the file alone.

What the network reads of all words is faded in together, from nothing to everything. On the way a word's part
of the growing log-odds is what a little more or a little less of it makes of them, so that the effects sum to
what the whole text has beyond nothing. The linear model of a blend counts words, and has no gradient; there a
word is left out, and its effect is added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqtools.errors import ModelFileError
from seqtools.explaining.gradients import integrated
from seqtools.weighed_file import Knob, weighed
from seqtools_sentiment.opening import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqtools.plugin import FloatArray
    from seqtools_sentiment.run import Classifier

_TOKENS, _NETWORK = "token_weights", "network_weight"


class Fading:
    """A classifier whose tokens can be faded in, and whose network can be turned off.

    Args:
        model: its file is copied with knobs.

    Attributes:
        blended: whether there is a linear model in it.

    Raises:
        ModelFileError: the file is made otherwise.
    """

    def __init__(self, model: Classifier) -> None:
        self._model, data = model, model.file.data
        table = "embedding.scale" if b"embedding.scale" in data else "embedding"
        self.blended = b"calibration.linear" in data
        knobs = {table: Knob(_TOKENS, ("read", "rows", 1)), "calibration.network": Knob(_NETWORK, ())}
        try:
            self._session = model.opened(weighed(data, knobs))
        except KeyError as error:
            cause = f"no part of it is called {error}, so nothing can be faded in"
            raise ModelFileError(str(model.file.path), cause, "Explain by occlusion") from error

    def counts(self, texts: Sequence[str], batch_size: int) -> list[int]:
        """Tokens that are read of each text."""
        found: list[int] = []
        for begin in range(0, len(texts), batch_size):
            feeds = self._model.feeds(texts[begin : begin + batch_size])
            found += self._model.session.run(["token_counts"], feeds)[0].tolist()
        return found

    def logits(self, text: str, weights: FloatArray, batch_size: int) -> FloatArray:
        """Logits `[rows, outputs]` of one text under rows of weights of its tokens, `[rows, time]`."""
        found = []
        for begin in range(0, len(weights), batch_size):
            some = weights[begin : begin + batch_size]
            found.append(self._run([text] * len(some), np.ascontiguousarray(some.T)[:, :, None], 1))
        return np.concatenate(found)

    def linear_logits(self, texts: Sequence[str], batch_size: int) -> FloatArray:
        """Logits of texts `[texts, outputs]` without the network."""
        every = np.ones((1, 1, 1), np.float32)
        starts = range(0, len(texts), batch_size)
        return np.concatenate([self._run(texts[at : at + batch_size], every, 0) for at in starts])

    def _run(self, texts: Sequence[str], tokens: FloatArray, network: float) -> FloatArray:
        feeds = {**self._model.feeds(texts), _TOKENS: tokens, _NETWORK: np.array(network, np.float32)}
        logits: FloatArray = self._session.run(["logits"], feeds)[0]
        return logits


def faded_in(
    fading: Fading,
    text: str,
    spans: Sequence[tuple[int, int]],
    odds: Callable[[FloatArray], NDArray[np.float64]],
    without: Sequence[str],
    batch_size: int,
) -> NDArray[np.float64]:
    """Effects of the pieces of a text, in nats.

    Args:
        fading: the model.
        text: as given.
        spans: where the pieces stand.
        odds: log-odds of the label from logits.
        without: the text without each of them.
        batch_size: texts run at once.
    """
    owners = _owners(fading, text, spans, batch_size)
    effects = integrated(lambda rows: odds(fading.logits(text, rows, batch_size)), owners, len(spans))
    if fading.blended:
        told = odds(fading.linear_logits([text, *without], batch_size))
        effects += told[0] - told[1:]
    return effects


def _owners(
    fading: Fading, text: str, spans: Sequence[tuple[int, int]], batch_size: int
) -> NDArray[np.int64]:
    """Which piece each token is of: the text up to the end of a piece has so many tokens."""
    ends = [*(text[:end] for _, end in spans[:-1]), text]
    counts = np.array(fading.counts([plain(end) for end in ends], batch_size))
    upto = np.minimum(np.maximum.accumulate(counts), counts[-1])
    return np.repeat(np.arange(len(spans)), np.diff(upto, prepend=0))
