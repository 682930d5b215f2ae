# SPDX-License-Identifier: Apache-2.0
"""The part of Dataset that makes one of several data sets, or of the files of a folder."""

from __future__ import annotations

import glob
import itertools

import numpy as np

from tilewright import random
from tilewright.data import iterators
from tilewright.data.reordering import INFINITE, UNKNOWN, ShuffleOrders
from tilewright.dtype_names import dtype_of
from tilewright.tensor_spec import TensorSpec
from tilewright.text_values import text_array


class Combining:
    """Base of Dataset."""

    @classmethod
    def counter(cls, start=0, step=1, dtype="int64", name=None):
        """start, start + step, ... without end."""
        dtype = dtype_of(dtype)
        return cls(
            lambda: (np.array(n, dtype) for n in itertools.count(start, step)),
            count=INFINITE,
            spec=TensorSpec((), dtype),
        )

    @classmethod
    def list_files(cls, file_pattern, shuffle=None, seed=None, name=None):
        """The names of the files that a pattern, or several, match; in a new order each time, unless
        `shuffle` is False.

        Raises   FileNotFoundError: nothing matches
        """
        patterns = [str(pattern) for pattern in text_array(file_pattern).reshape(-1)]
        names = sorted({found for pattern in patterns for found in glob.glob(pattern)})
        if not names:
            raise FileNotFoundError(f"[Dataset.list_files] nothing matches {', '.join(patterns)}")
        files = cls.from_tensor_slices(np.array(names))
        return files if shuffle is False else files.shuffle(len(names), seed=seed)

    @classmethod
    def sample_from_datasets(
        cls, datasets, weights=None, seed=None, stop_on_empty_dataset=False, rerandomize_each_iteration=True
    ):
        """Elements of data sets drawn at random, with probabilities `weights` (alike where None).

        Parameters
            stop_on_empty_dataset : ends with the first that ends; else the others go on
            rerandomize_each_iteration : False draws alike each time
        """
        shares = np.full(len(datasets), 1.0) if weights is None else np.asarray(weights, np.float64)
        if shares.shape != (len(datasets),) or (shares < 0).any() or not shares.any():
            raise ValueError(
                f"[Dataset.sample_from_datasets] weights is {weights!r}, expected {len(datasets)} numbers of "
                "at least 0, one for each data set"
            )
        orders = ShuffleOrders(random.make_seed() if seed is None else int(seed))

        def start():
            run = orders.runs if rerandomize_each_iteration in (True, None) else 0
            orders.runs += 1
            rng = random.host_generator(orders.seed, run)
            return iterators.sampled([d._elements() for d in datasets], shares, rng, stop_on_empty_dataset)

        counts = [d._count for d in datasets]
        total = INFINITE if INFINITE in counts else UNKNOWN if UNKNOWN in counts else sum(counts)
        count = UNKNOWN if stop_on_empty_dataset else total
        drawn = cls(start, count=count, spec=lambda: datasets[0].element_spec, parents=datasets)
        drawn._orders = (*drawn._orders, orders)
        return drawn

    @classmethod
    def choose_from_datasets(cls, datasets, choice_dataset, stop_on_empty_dataset=True):
        """The next element of the data set whose number is next in `choice_dataset`."""

        def start():
            streams = [d._elements() for d in datasets]
            for number in choice_dataset._elements():
                try:
                    yield next(streams[int(number)])
                except StopIteration:
                    if stop_on_empty_dataset:
                        return

        return cls(start, spec=lambda: datasets[0].element_spec, parents=(*datasets, choice_dataset))
