# SPDX-License-Identifier: Apache-2.0
"""Work done ahead of its use by threads: maps that keep their order, and iterators run in the background."""

from __future__ import annotations

import collections
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(function: Callable, items: Iterable, workers: int, ahead: int | None = None) -> Iterator:
    """function(item) for each item, in order, computed by `workers` threads up to `ahead` results in advance.

    An error is raised where its result would have come. Closing the iterator drops what has not begun.
    """
    ahead = 2 * workers if ahead is None else max(ahead, 1)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="tilewright-data")
    waiting: collections.deque = collections.deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        pool.shutdown(wait=False, cancel_futures=True)


def in_background(iterable: Iterable, ahead: int) -> Iterator:
    """The items of `iterable`, taken from it by a thread up to `ahead` in advance."""
    shelf = _Shelf(max(ahead, 1))
    threading.Thread(target=shelf.fill, args=(iterable,), daemon=True, name="tilewright-data").start()
    try:
        while True:
            kind, value = shelf.take()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        shelf.close()


class _Shelf:
    """A bounded queue that either side may leave."""

    def __init__(self, size: int):
        self._items: collections.deque = collections.deque()
        self._size, self._closed = size, False
        self._changed = threading.Condition()

    def fill(self, iterable) -> None:
        """The thread's work: takes items until the end, an error, or `close`."""
        iterator = None
        try:
            iterator = iter(iterable)
            for item in iterator:
                if not self._put(("item", item)):
                    return
            self._put(("end", None))
        except BaseException as error:
            self._put(("error", error))
        finally:
            if hasattr(iterator, "close"):
                iterator.close()

    def _put(self, entry) -> bool:
        with self._changed:
            while len(self._items) >= self._size and not self._closed:
                self._changed.wait()
            if self._closed:
                return False
            self._items.append(entry)
            self._changed.notify_all()
            return True

    def take(self):
        with self._changed:
            while not self._items:
                self._changed.wait()
            entry = self._items.popleft()
            self._changed.notify_all()
            return entry

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
