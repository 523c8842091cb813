"""Windows of lines and batches of texts of like length; nothing is lost, the order comes back by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

WINDOW_LINES = 2048
WINDOW_CHARACTERS = 1 << 20


def windows(
    items: Iterable[T],
    size: Callable[[T], int],
    *,
    longest: int = WINDOW_LINES,
    largest: int = WINDOW_CHARACTERS,
) -> Iterator[list[T]]:
    """Items in groups that bound memory.

    An error of `items` waits until the items before it were handed out: no line is lost to a later one.

    Args:
        items: lines, perhaps without end.
        size: characters of one.
        longest: most items of a window.
        largest: most characters of a window of more than one item.
    """
    window: list[T] = []
    held = 0
    source = iter(items)
    while True:
        try:
            item = next(source)
        except StopIteration:
            break
        except Exception:
            if window:
                yield window
            raise
        if window and (len(window) >= longest or held + size(item) > largest):
            yield window
            window, held = [], 0
        window.append(item)
        held += size(item)
        if longest == 1:  # no wait for the next item
            yield window
            window, held = [], 0
    if window:
        yield window


def batches(lengths: Sequence[int], batch_size: int, batch_type: str = "sents") -> Iterator[list[int]]:
    """Indices of texts to run together: of like length, the longest first.

    Args:
        lengths: tokens of each text.
        batch_size: most texts, or most tokens with their padding; one text always fits.
        batch_type: `sents` or `tokens`.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    batch: list[int] = []
    for index in order:
        # The first of a batch is its longest, and all are padded to it.
        full = len(batch) if batch_type == "sents" else (len(batch) + 1) * lengths[batch[0]] if batch else 0
        if batch and (full >= batch_size if batch_type == "sents" else full > batch_size):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
