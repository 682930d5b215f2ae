# SPDX-License-Identifier: Apache-2.0
"""Batches: what the user trains on (arrays, generators, sequences) as a stream of (x, y, sample_weight)."""

from __future__ import annotations

import inspect
import itertools
import math
import operator
from functools import partial

import numpy as np

from tilewright import nest, random
from tilewright.autograd import Tensor
from tilewright.data import INFINITE_CARDINALITY, Dataset
from tilewright.data.elements import take_rows
from tilewright.data.threads import ordered_map
from tilewright.keras import config


def unpack_x_y_sample_weight(data):
    """x, (x,), (x, y) or (x, y, sample_weight) as a triple with None for what is missing."""
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(f"[data] a batch has {len(data)} parts, expected x, (x, y) or (x, y, sample_weight)")
    return (*data, None, None)[:3]


def pack_x_y_sample_weight(x, y=None, sample_weight=None):
    """The reverse of `unpack_x_y_sample_weight`."""
    if y is None:
        return (x,) if nest.is_nested(x) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


class Batches:
    """Base of what gives batches. `steps` is None where only running through tells."""

    steps: int | None = None
    endless = False
    batch_size: int | None = None
    follows_from_pass = False  # the state is where a pass that has begun leaves it, perhaps by a thread

    def epoch(self):
        """An iterator over the batches of one epoch."""
        raise NotImplementedError

    def epoch_ended(self) -> None:
        """Called after each epoch."""

    def get_state(self):
        """What decides the order of the next epochs besides the global random numbers, as plain data."""
        return None

    def set_state(self, state) -> None:
        """Goes on from what `get_state` gave."""


class ArrayBatches(Batches):
    """Slices of arrays in memory, shuffled anew each epoch.

    Parameters
        x, y, sample_weight : arrays, or nested lists, tuples or dicts of arrays; y and sample_weight may be
            None
        name : of the function, for messages
    Raises    ValueError: arrays of different lengths, or without any axis
    """

    def __init__(self, name, x, y=None, sample_weight=None, batch_size=None, shuffle=False):
        self._parts = tuple(
            None if part is None else nest.map_leaves(lambda a, r=role: as_data(name, r, a), part)
            for role, part in (
                ("x", as_arrays(x)),
                ("y", as_arrays(y)),
                ("sample_weight", as_arrays(sample_weight)),
            )
        )
        sizes = {}
        for role, part in zip(("x", "y", "sample_weight"), self._parts, strict=True):
            for i, array in enumerate(nest.leaves(part) if part is not None else ()):
                label = f"{role}[{i}]" if nest.is_nested(part) else role
                if array.ndim == 0:
                    raise ValueError(f"[{name}] {label} has shape (), expected at least a batch axis")
                sizes[label] = array.shape[0]
        if len(set(sizes.values())) > 1:
            lengths = ", ".join(f"{label} has {n} samples" for label, n in sizes.items())
            raise ValueError(f"[{name}] {lengths}, expected as many in each")
        self.samples = next(iter(sizes.values()), 0)
        batch_size = 32 if batch_size is None else batch_size
        if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"[{name}] batch_size is {batch_size!r}, expected an int of at least 1")
        self.batch_size, self._shuffle = int(batch_size), shuffle
        self.steps = math.ceil(self.samples / self.batch_size)

    def epoch(self):
        return ArrayEpoch(self._parts, self.samples, self.batch_size, self._shuffle)


class ArrayEpoch:
    """The batches of one epoch over arrays, one by one, or several at once as numbers of rows."""

    def __init__(self, parts: tuple, samples: int, batch_size: int, shuffle: bool):
        self._parts, self._samples, self._batch_size = parts, samples, batch_size
        self._order = random.permutation(samples) if shuffle else None
        self._start = 0
        self._sources = [a for part in parts if part is not None for a in nest.leaves(part)]
        self._can_feed = all(a.flags.c_contiguous and a.dtype.kind in "fiub" for a in self._sources)

    def __iter__(self):
        return self

    def __next__(self) -> tuple:
        start, stop = self._start, min(self._start + self._batch_size, self._samples)
        if start >= stop:
            raise StopIteration
        self._start = stop
        if self._order is None:
            rows_of = operator.itemgetter(slice(start, stop))
        else:
            rows_of = partial(take_rows, rows=self._order[start:stop])
        return tuple(None if part is None else nest.map_leaves(rows_of, part) for part in self._parts)

    def ahead(self, limit: int, batch_size: int) -> tuple[list, int]:
        """The next whole batches, at most `limit`: (input number, array, rows (steps, batch_size)) for each
        input, and their number of steps; none where batches have another size."""
        steps = min(limit, (self._samples - self._start) // self._batch_size)
        if steps == 0 or batch_size != self._batch_size or not self._can_feed:
            return [], 0
        if self._order is None:
            self._order = np.arange(self._samples)
        stop = self._start + steps * self._batch_size
        rows = self._order[self._start : stop].reshape(steps, self._batch_size)
        self._start = stop
        return [(port, source, rows) for port, source in enumerate(self._sources)], steps

    @property
    def taken(self) -> int:
        """How many batches were given."""
        return math.ceil(self._start / self._batch_size)

    def go_to(self, taken: int) -> None:
        """The next batch is the one after `taken`."""
        self._start = min(taken * self._batch_size, self._samples)


def as_arrays(part):
    """A list of plain numbers as one array; anything else as it is."""
    if (
        isinstance(part, (list, tuple))
        and part
        and not any(hasattr(leaf, "shape") for leaf in nest.leaves(part))
    ):
        return np.asarray(part)
    return part


def as_data(name: str, role: str, values):
    """User data as a NumPy array: floats in `floatx`, integers, booleans and texts as they are."""
    if isinstance(values, Tensor):
        values = values.numpy()
    if not isinstance(values, np.ndarray):
        if not (
            hasattr(values, "__array__") or hasattr(values, "__dlpack__") or isinstance(values, (int, float))
        ):
            raise TypeError(f"[{name}] {role} is a {type(values).__name__}, expected an array")
        values = np.asarray(values)
    if values.dtype.kind == "f" and values.dtype != config.floatx():
        return values.astype(config.floatx())
    if role == "x" and values.dtype.kind in "USO":
        return values  # texts, for layers that read them
    if values.dtype.kind not in "fiub":
        raise TypeError(f"[{name}] {role} has dtype {values.dtype}, expected numbers")
    if values.dtype.kind in "iu" and values.dtype.name not in ("uint8", "int8", "int32", "int64"):
        return values.astype(np.int64 if values.dtype.itemsize > 2 else np.int32)
    return values


class SequenceBatches(Batches):
    """Batches from an object with __len__ and __getitem__ (Keras's PyDataset or Sequence)."""

    def __init__(self, name, sequence, shuffle=False):
        self._name, self._sequence, self._shuffle = name, sequence, shuffle
        self.steps = len(sequence)

    def epoch(self):
        order = random.permutation(self.steps).tolist() if self._shuffle else range(self.steps)
        workers = getattr(self._sequence, "workers", 1)
        ahead = getattr(self._sequence, "max_queue_size", 2)
        bound = getattr(self._sequence, "pass_reader", None)
        read = self._sequence.__getitem__ if bound is None else bound()
        threaded = isinstance(workers, int) and workers > 1
        for batch in ordered_map(read, order, workers, ahead) if threaded else map(read, order):
            yield _as_batch(self._name, batch)

    def epoch_ended(self):
        ended = getattr(self._sequence, "on_epoch_end", None)
        if ended is not None:
            ended()
        self.steps = len(self._sequence)

    def get_state(self):
        return self._sequence.get_state() if hasattr(self._sequence, "get_state") else None

    def set_state(self, state) -> None:
        if state is not None and hasattr(self._sequence, "set_state"):
            self._sequence.set_state(state)


class IterableBatches(Batches):
    """Batches from any iterable; one that can only be run through once (a generator) goes on over epochs."""

    def __init__(self, name, iterable):
        self._name, self._iterable = name, iterable
        self._once = inspect.isgenerator(iterable) or iter(iterable) is iterable
        try:
            self.steps = None if self._once else len(iterable)
        except TypeError:
            self.steps = None

    def epoch(self):
        for data in self._iterable:
            yield _as_batch(self._name, data)


class DatasetBatches(Batches):
    """Batches from a `tilewright.data.Dataset`."""

    follows_from_pass = True

    def __init__(self, name, dataset):
        self._name, self._dataset = name, dataset
        count = int(dataset.cardinality())
        self.steps = count if count >= 0 else None
        self.endless = count == INFINITE_CARDINALITY

    def epoch(self):
        for element in self._dataset.as_numpy_iterator():
            yield _as_batch(self._name, element)

    def get_state(self):
        return self._dataset.get_state()

    def set_state(self, state) -> None:
        self._dataset.set_state(state)


def _as_batch(name, data):
    parts = unpack_x_y_sample_weight(data)
    return tuple(
        None if part is None else nest.map_leaves(lambda a, r=role: as_data(name, r, a), as_arrays(part))
        for role, part in zip(("x", "y", "sample_weight"), parts, strict=True)
    )


def batches_of(name: str, x, y=None, sample_weight=None, batch_size=None, shuffle=False) -> Batches:
    """The Batches for what the user gave as x (and y)."""
    if isinstance(x, Batches):
        return x
    if isinstance(x, Dataset) and y is None and sample_weight is None:
        return DatasetBatches(name, x)
    structured = (
        isinstance(x, (np.ndarray, Tensor, list, tuple, dict))
        or hasattr(x, "__array__")
        or hasattr(x, "__dlpack__")
    )
    if structured:
        return ArrayBatches(name, x, y, sample_weight, batch_size, shuffle)
    if not (hasattr(x, "__getitem__") and hasattr(x, "__len__")) and not hasattr(x, "__iter__"):
        raise TypeError(
            f"[{name}] x is a {type(x).__name__}, expected arrays, a generator or a sequence of batches"
        )
    if y is not None or sample_weight is not None:
        raise ValueError(
            f"[{name}] y or sample_weight is given beside a {type(x).__name__}, expected batches to hold them"
        )
    if hasattr(x, "__getitem__") and hasattr(x, "__len__"):
        return SequenceBatches(name, x, shuffle)
    return IterableBatches(name, x)


class ClassWeighted(Batches):
    """Batches with a sample weight from each label's class."""

    def __init__(self, name: str, batches: Batches, class_weight: dict):
        self._name, self._batches, self._class_weight = name, batches, class_weight
        self.steps, self.follows_from_pass = batches.steps, batches.follows_from_pass

    def epoch(self):
        for x, y, sample_weight in self._batches.epoch():
            if y is None or sample_weight is not None or nest.is_nested(y):
                raise ValueError(
                    f"[{self._name}] class_weight is given, expected batches of (x, y), y class numbers"
                )
            yield x, y, class_weights_as_sample_weights(self._name, y, self._class_weight)

    def epoch_ended(self):
        self._batches.epoch_ended()
        self.steps = self._batches.steps

    def get_state(self):
        return self._batches.get_state()

    def set_state(self, state) -> None:
        self._batches.set_state(state)


def split_validation(name: str, x, y, sample_weight, share: float):
    """The last `share` of the samples apart from the rest: two triples (x, y, sample_weight)."""
    if not 0 < share < 1:
        raise ValueError(f"[{name}] validation_split is {share}, expected between 0 and 1")
    triple = tuple(
        None if part is None else nest.map_leaves(lambda a: as_data(name, "x", a), as_arrays(part))
        for part in (x, y, sample_weight)
    )
    leaves = [leaf for part in triple if part is not None for leaf in nest.leaves(part)]
    samples = leaves[0].shape[0]
    cut = int(math.floor(samples * (1 - share)))
    if cut == 0 or cut == samples:
        raise ValueError(
            f"[{name}] validation_split is {share} of {samples} samples, expected to leave both parts some"
        )
    first, second = (
        tuple(None if part is None else nest.map_leaves(lambda a, s=keep: a[s], part) for part in triple)
        for keep in (slice(0, cut), slice(cut, None))
    )
    return first, second


def class_weights_as_sample_weights(name: str, y, class_weight: dict):
    """One weight per sample from a dict of class number to weight."""
    labels = as_data(name, "y", y)
    if labels.ndim > 1 and labels.shape[-1] > 1:
        labels = labels.argmax(axis=-1)
    labels = labels.reshape(-1).astype(np.int64)
    table = np.ones(int(max(itertools.chain(labels, class_weight), default=0)) + 1, config.floatx())
    for number, weight in class_weight.items():
        table[int(number)] = weight
    return table[labels]
