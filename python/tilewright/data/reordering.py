# SPDX-License-Identifier: Apache-2.0
"""The part of Dataset that gives the same elements in another order or number."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from tilewright import random
from tilewright.autograd import Tensor
from tilewright.data import iterators
from tilewright.data.elements import map_structure

AUTOTUNE, INFINITE, UNKNOWN = -1, -1, -2


@dataclass
class ShuffleOrders:
    """The orders of one `shuffle`, one a run: they follow from the seed and the number of the run."""

    seed: int
    runs: int = 0  # how many have begun


class Reordering:
    """Base of Dataset. Works on raw items, so rows of arrays are moved as numbers of rows."""

    _orders: tuple[ShuffleOrders, ...] = ()

    def get_state(self) -> list:
        """Which orders the shuffles of this data set and of those it is made of give next, as plain data."""
        return [[orders.seed, orders.runs] for orders in self._orders]

    def set_state(self, state: list) -> None:
        """Goes on from what `get_state` gave for a data set made in the same way."""
        if len(state) != len(self._orders):
            raise ValueError(
                f"[Dataset.set_state] state is of {len(state)} shuffles, expected {len(self._orders)}"
            )
        for orders, (seed, runs) in zip(self._orders, state, strict=True):
            orders.seed, orders.runs = seed, runs

    def _same_items(self, start, count) -> Reordering:
        """A data set of this one's items in another order or number."""
        raise NotImplementedError

    def shuffle(self, buffer_size, seed=None, reshuffle_each_iteration=True, name=None) -> Reordering:
        """Elements in random order, drawn from a buffer of the next buffer_size; another order each time.

        Parameters
            buffer_size : as many as there are elements for a full shuffle
            seed : of the order; drawn from Tilewright's generator where None
            reshuffle_each_iteration : False keeps the first order
        """
        buffer_size = at_least(1, "shuffle", "buffer_size", buffer_size)
        orders = ShuffleOrders(random.make_seed() if seed is None else int(seed))

        def start():
            run = orders.runs if reshuffle_each_iteration in (True, None) else 0
            orders.runs += 1
            return iterators.shuffled(self._start(), buffer_size, random.host_generator(orders.seed, run))

        shuffled = self._same_items(start, self._count)
        shuffled._orders = (*self._orders, orders)
        return shuffled

    def repeat(self, count=None, name=None) -> Reordering:
        """The elements `count` times over; without end where None or -1."""
        times = None if count is None or count == -1 else at_least(0, "repeat", "count", count)
        total = self._count * times if times is not None and self._count >= 0 else self._count
        if times == 0:
            total = 0
        elif times is None and self._count != 0:
            total = INFINITE
        return self._same_items(lambda: iterators.repeated(self._start, times), total)

    def take(self, count, name=None) -> Reordering:
        """The first `count` elements; all where -1."""
        count = at_least(-1, "take", "count", count)
        if count == -1:
            return self
        total = {UNKNOWN: UNKNOWN, INFINITE: count}.get(self._count, min(count, self._count))
        return self._same_items(lambda: itertools.islice(self._start(), count), total)

    def skip(self, count, name=None) -> Reordering:
        """All but the first `count` elements; none where -1."""
        count = at_least(-1, "skip", "count", count)
        if count == -1:
            return self.take(0)
        total = self._count if self._count < 0 else max(self._count - count, 0)
        return self._same_items(lambda: itertools.islice(self._start(), count, None), total)

    def shard(self, num_shards, index, name=None) -> Reordering:
        """Every num_shards-th element from `index` on."""
        num_shards = at_least(1, "shard", "num_shards", num_shards)
        if not 0 <= index < num_shards:
            raise ValueError(f"[Dataset.shard] index is {index}, expected 0 to {num_shards - 1}")
        total = self._count if self._count < 0 else len(range(index, self._count, num_shards))
        return self._same_items(lambda: itertools.islice(self._start(), index, None, num_shards), total)

    def filter(self, predicate, name=None) -> Reordering:
        """The elements for which predicate(*element) is true."""

        def start():
            return (item for item in self._start() if bool(call_on(predicate, self._element(item))))

        return self._same_items(start, UNKNOWN)

    def take_while(self, predicate, name=None) -> Reordering:
        """The elements before the first for which predicate(*element) is false."""

        def start():
            return itertools.takewhile(
                lambda item: bool(call_on(predicate, self._element(item))), self._start()
            )

        return self._same_items(start, UNKNOWN)

    def cache(self, filename="", name=None) -> Reordering:
        """Keeps the elements of the first full run in memory."""
        if filename:
            raise NotImplementedError(
                "[Dataset.cache] filename is given, expected none: elements are kept in memory"
            )
        return self._same_items(iterators.Remembered(self._start), self._count)


def call_on(function, element):
    """A user's function on an element: its parts as arguments where it is a tuple."""
    tensors = map_structure(lambda a: a if isinstance(a, Reordering) else Tensor(a), element)
    return function(*tensors) if isinstance(tensors, tuple) else function(tensors)


def at_least(lowest: int, method: str, argument: str, value) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = lowest - 1
    if number < lowest or number != value:
        raise ValueError(f"[Dataset.{method}] {argument} is {value!r}, expected an int of at least {lowest}")
    return number
