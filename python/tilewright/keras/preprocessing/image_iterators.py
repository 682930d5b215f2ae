# SPDX-License-Identifier: Apache-2.0
"""Iterators over batches of images, made by threads ahead of training; those of arrays.

The order of the images and every random change follow from the seed, the number of the pass over the data and
the number of the batch, so they do not depend on threads, and two iterators with one seed go side by side.
"""

from __future__ import annotations

import itertools
import os
import warnings

import numpy as np

from tilewright import random
from tilewright.data import images
from tilewright.data.threads import ordered_map, usable_cores
from tilewright.keras.pydataset import PyDataset

_MOST_WORKERS = 4


class Iterator(PyDataset):
    """Batches of n samples: by number, or one after another without end by `next`.

    Parameters
        n, batch_size : numbers of samples;  shuffle : another order each pass
        seed : of order and changes; from Tilewright's generator where None
    """

    def __init__(self, n, batch_size, shuffle, seed, workers=None, **kwargs):
        workers = min(_MOST_WORKERS, usable_cores()) if workers is None else workers
        super().__init__(workers=workers, **{"max_queue_size": 2 * workers, **kwargs})
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(
                f"[ImageDataGenerator] batch_size is {batch_size!r}, expected an int of at least 1"
            )
        self.n = self.samples = n
        self.batch_size, self.shuffle, self.seed = batch_size, shuffle, seed
        self._base = random.make_seed() if seed is None else int(seed)
        self._pass = 0
        self.reset()

    def __len__(self):
        return (self.n + self.batch_size - 1) // self.batch_size

    @property
    def index_array(self):
        """The order of the samples in this pass."""
        return self._order(self._pass)

    def _order(self, number: int):
        if not self.shuffle:
            return np.arange(self.n)
        return random.host_generator(self._base, number).permutation(self.n)

    def __getitem__(self, index):
        if not -len(self) <= index < len(self):
            raise IndexError(f"[ImageDataGenerator] index is {index}, expected below {len(self)}")
        return self._batch(self._pass, self.index_array, index % len(self))

    def pass_reader(self):
        """`__getitem__` bound to the pass that runs now, whatever becomes of the iterator meanwhile."""
        number, order = self._pass, self.index_array
        return lambda index: self._batch(number, order, index)

    def _batch(self, number, order, index):
        rows = order[index * self.batch_size : (index + 1) * self.batch_size]
        return self._samples(rows, random.host_generator(self._base, number, 1 + index))

    def _samples(self, rows, rng):
        """The batch of these samples; what the kinds of iterators define."""
        raise NotImplementedError

    def on_epoch_end(self) -> None:
        """The next pass has another order."""
        self._pass += 1

    def get_state(self) -> list:
        """The seed of orders and changes, and the number of the next pass, as plain data."""
        return [self._base, self._pass]

    def set_state(self, state) -> None:
        """Goes on from what `get_state` gave; `next` starts a pass."""
        self._base, self._pass = state
        self.reset()

    def reset(self) -> None:
        """`next` starts a pass."""
        self.batch_index = 0
        self._running = None

    def _endless(self):
        while True:
            order, number = self.index_array, self._pass
            self._pass += 1
            yield from zip(itertools.repeat(number), itertools.repeat(order), range(len(self)))

    def __iter__(self):
        return self

    def __next__(self):
        if self._running is None:
            self._running = ordered_map(
                lambda task: self._batch(*task), self._endless(), self.workers, self.max_queue_size
            )
        batch = next(self._running)
        self.batch_index = (self.batch_index + 1) % len(self)
        return batch

    def next(self):
        """The next batch."""
        return self.__next__()


class ImageBatches(Iterator):
    """Base of what makes batches of images and labels with a generator."""

    def __init__(
        self, image_data_generator, n, batch_size, shuffle, seed, save_to_dir, save_prefix, save_format
    ):
        super().__init__(n, batch_size, shuffle, seed)
        self.image_data_generator = image_data_generator
        self.data_format, self.dtype = image_data_generator.data_format, image_data_generator.dtype
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        if save_to_dir is not None and not os.path.isdir(save_to_dir):
            raise FileNotFoundError(f"[ImageDataGenerator] save_to_dir is {save_to_dir!r}, expected a folder")

    def _save(self, batch, rows, rng):
        for image, row in zip(batch, rows, strict=True):
            name = f"{self.save_prefix}_{row}_{rng.integers(10**7)}.{self.save_format}"
            images.save_img(os.path.join(self.save_to_dir, name), image, self.data_format)

    def _augmented(self, batch, rows, rng):
        batch = self.image_data_generator.augmented(batch, rng)
        if self.save_to_dir is not None:
            self._save(batch, rows, rng)
        return batch


class NumpyArrayIterator(ImageBatches):
    """Batches of arrays in memory (ImageDataGenerator.flow)."""

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        ignore_class_split=False,
    ):
        x, others = (x[0], x[1]) if isinstance(x, (tuple, list)) else (x, [])
        others = [np.asarray(other) for other in (others if isinstance(others, list) else [others])]
        x = np.asarray(x)
        y = None if y is None else np.asarray(y)
        sample_weight = None if sample_weight is None else np.asarray(sample_weight)
        if x.ndim != 4:
            raise ValueError(f"[flow] x has shape {x.shape}, expected 4 dimensions (n, rows, cols, channels)")
        if len(x) == 0:
            raise ValueError("[flow] x has no images, expected at least one")
        for name, array in (
            ("y", y),
            ("sample_weight", sample_weight),
            *(("x[1]", other) for other in others),
        ):
            if array is not None and len(array) != len(x):
                raise ValueError(f"[flow] {name} has {len(array)} entries, expected {len(x)}, as many as x")
        channels = x.shape[image_data_generator.channel_axis]
        if channels not in (1, 3, 4):
            warnings.warn(f"[flow] x has {channels} channels, expected 1, 3 or 4 in an image", stacklevel=3)
        if subset is not None:
            part = self._part(subset, len(x), image_data_generator, y, ignore_class_split)
            x, others = x[part], [other[part] for other in others]
            y, sample_weight = (None if a is None else a[part] for a in (y, sample_weight))
        self.x, self.x_misc, self.y, self.sample_weight = x, others, y, sample_weight
        super().__init__(
            image_data_generator, len(x), batch_size, shuffle, seed, save_to_dir, save_prefix, save_format
        )

    @staticmethod
    def _part(subset, n, generator, y, ignore_class_split) -> slice:
        """The first samples are the validation part."""
        if subset not in ("training", "validation"):
            raise ValueError(f"[flow] subset is {subset!r}, expected 'training' or 'validation'")
        cut = int(n * generator.validation_split)
        if (
            y is not None
            and not ignore_class_split
            and not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:]))
        ):  # of one-hot rows these are 0 and 1, as in Keras
            raise ValueError(
                "[flow] the training and the validation part hold different classes, expected the same: "
                "shuffle x and y before, or pass ignore_class_split=True"
            )
        return slice(0, cut) if subset == "validation" else slice(cut, None)

    def _samples(self, rows, rng):
        batch = self._augmented(self.x[rows], rows, rng)
        given = [batch, *(other[rows] for other in self.x_misc)] if self.x_misc else batch
        if self.y is None:
            return given
        if self.sample_weight is None:
            return given, self.y[rows]
        return given, self.y[rows], self.sample_weight[rows]
