# SPDX-License-Identifier: Apache-2.0
"""What the methods of Dataset do to a stream of items, as generators."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterator

import numpy as np

_DRAWS = 4096  # random numbers drawn at once: one at a time costs more than the rest of a shuffle


def shuffled(items: Iterator, buffer_size: int, rng: np.random.Generator) -> Iterator:
    """Items in random order: each leaves a buffer of `buffer_size` from a random place."""
    buffer = list(itertools.islice(items, buffer_size))
    draws: list[int] = []
    for item in items:
        if not draws:
            draws = rng.integers(0, buffer_size, _DRAWS).tolist()
        place = draws.pop()
        buffer[place], item = item, buffer[place]
        yield item
    for place in rng.permutation(len(buffer)).tolist():
        yield buffer[place]


def sampled(streams: list[Iterator], shares, rng: np.random.Generator, stop_on_empty: bool) -> Iterator:
    """Items of streams drawn with probabilities that go like `shares`, among those that have not ended."""
    shares = shares.copy()
    draws: list[int] = []
    while shares.any():
        if not draws:
            draws = rng.choice(len(streams), _DRAWS, p=shares / shares.sum()).tolist()
        chosen = draws.pop()
        try:
            item = next(streams[chosen])
        except StopIteration:
            if stop_on_empty:
                return
            shares[chosen], draws = 0.0, []
            continue
        yield item


def chunks(items: Iterator, size: int, drop_remainder: bool) -> Iterator[list]:
    """Lists of `size` items; the last may be shorter unless dropped."""
    while True:
        chunk = list(itertools.islice(items, size))
        if not chunk or (drop_remainder and len(chunk) < size):
            return
        yield chunk


def repeated(start: Callable[[], Iterator], count: int | None) -> Iterator:
    """start() run through `count` times, or for ever; an empty one ends it."""
    for _ in itertools.count() if count is None else range(count):
        empty = True
        for item in start():
            empty = False
            yield item
        if empty:
            return


def windows(items: Iterator, size: int, shift: int, stride: int, drop_remainder: bool) -> Iterator[list]:
    """Lists of every stride-th of the items from i, i + shift, i + 2 shift, ..."""
    span = (size - 1) * stride + 1
    buffer: collections.deque = collections.deque(itertools.islice(items, span))
    while buffer:
        if len(buffer) < span and drop_remainder:
            return
        yield list(itertools.islice(buffer, 0, None, stride))
        for _ in range(min(shift, len(buffer))):
            buffer.popleft()
        skipped = max(shift - span, 0)
        collections.deque(itertools.islice(items, skipped), maxlen=0)
        buffer.extend(itertools.islice(items, span - len(buffer)))


def interleaved(streams: Iterator[Iterator], cycle_length: int, block_length: int) -> Iterator:
    """Blocks from `cycle_length` streams in turn; the place of one that ends is filled at its next turn."""
    running: list[Iterator | None] = [None] * cycle_length
    ended = False
    for place in itertools.cycle(range(cycle_length)):
        if running[place] is None and not ended:
            running[place] = next(streams, None)
            ended = running[place] is None
        if running[place] is None:
            if ended and not any(running):
                return
            continue
        given = 0
        for item in itertools.islice(running[place], block_length):
            given += 1
            yield item
        if given < block_length:
            running[place] = None


class Elements:
    """A pass over a data set, which answers to TensorFlow's names too."""

    def __init__(self, elements: Iterator):
        self._elements = elements

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._elements)

    next = get_next = __next__


class Remembered:
    """What a stream gave, kept from its first full run."""

    def __init__(self, start: Callable[[], Iterator]):
        self._start, self._items = start, None

    def __call__(self) -> Iterator:
        return iter(self._items) if self._items is not None else self._filling()

    def _filling(self) -> Iterator:
        items = []
        for item in self._start():
            items.append(item)
            yield item
        self._items = items


def rows_of(arrays: list) -> Iterator[tuple]:
    """The rows of one batch, given as arrays of one length."""
    if len({len(a) for a in arrays}) > 1:
        lengths = ", ".join(str(len(a)) for a in arrays)
        raise ValueError(f"[Dataset.unbatch] components have {lengths} rows, expected as many")
    return zip(*arrays, strict=True)
