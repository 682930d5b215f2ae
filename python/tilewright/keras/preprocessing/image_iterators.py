# SPDX-License-Identifier: Apache-2.0
"""What ImageDataGenerator.flow... give: iterators over batches, read by threads ahead of training.

The order of the images and every random change follow from the seed, the number of the pass over the data and the
number of the batch, so they do not depend on threads, and two iterators with one seed go side by side.
"""

from __future__ import annotations

import itertools
import math
import os
import warnings

import numpy as np

from tilewright import backend, ops, random
from tilewright.data import folders, images
from tilewright.data.threads import ordered_map, usable_cores
from tilewright.keras.preprocessing import image_tables
from tilewright.keras.pydataset import PyDataset

FORMATS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
_MOST_WORKERS = 4
# Images, as they are before any change, are kept from the first pass where all of them fit into so many bytes:
# decoding 20 JPEG files of 150x150 costs 17 ms of a core, changing them 5.
_KEPT_BYTES = 256 << 20


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

    def _batch(self, number, order, index):
        rows = order[index * self.batch_size : (index + 1) * self.batch_size]
        return self._samples(rows, random.host_generator(self._base, number, 1 + index))

    def _samples(self, rows, rng):
        """The batch of these samples; what the kinds of iterators define."""
        raise NotImplementedError

    def on_epoch_end(self) -> None:
        """The next pass has another order."""
        self._pass += 1

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


class _ImageBatches(Iterator):
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


class NumpyArrayIterator(_ImageBatches):
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
        if y is not None and not ignore_class_split and set(map(str, y[:cut])) != set(map(str, y[cut:])):
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


class _FileBatches(_ImageBatches):
    """Base of batches of image files. Subclasses set filepaths, class_mode, and what labels need, before."""

    def __init__(
        self, image_data_generator, target_size, color_mode, interpolation, keep_aspect_ratio, **kwargs
    ):
        self.target_size = tuple(int(n) for n in target_size)
        if len(self.target_size) != 2 or any(n < 1 for n in self.target_size):
            raise ValueError(f"[ImageDataGenerator] target_size is {target_size!r}, expected (rows, cols)")
        channels = images.check_color_mode("ImageDataGenerator", color_mode)
        images.check_interpolation("ImageDataGenerator", interpolation)
        self.color_mode, self.interpolation, self.keep_aspect_ratio = (
            color_mode,
            interpolation,
            keep_aspect_ratio,
        )
        first = image_data_generator.data_format == "channels_first"
        self.image_shape = (channels, *self.target_size) if first else (*self.target_size, channels)
        super().__init__(image_data_generator, len(self.filepaths), **kwargs)
        self._keeps = len(self.filepaths) * math.prod(self.image_shape) <= _KEPT_BYTES
        self._kept: dict = {}

    sample_weight = None

    def _image(self, row):
        """One image in its final size, before any change."""
        x = self._kept.get(row)
        if x is None:
            x = self._read(self.filepaths[row])
            if self._keeps and x.dtype == np.uint8:
                self._kept[row] = x
        return x

    def _read(self, path):
        x = images.read_bytes(
            path, self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio
        )
        return ops.transpose(x, (2, 0, 1)) if self.data_format == "channels_first" else x

    def _samples(self, rows, rng):
        found = [self._image(row) for row in rows.tolist()]
        if all(x.dtype == np.uint8 for x in found):
            batch = ops.stack(found, out=backend.empty((len(found), *self.image_shape), np.uint8))
        else:
            batch = ops.stack([ops.cast(x, "float32") for x in found])
        batch = self._augmented(batch, rows, rng)
        labels = self._labels(batch, rows)
        if labels is None:
            return batch
        if self.sample_weight is None:
            return batch, labels
        return batch, labels, self.sample_weight[rows]

    def _labels(self, batch, rows):
        if self.class_mode is None:
            return None
        if self.class_mode == "input":
            return ops.copy(batch)
        if self.class_mode in ("raw", "multi_output"):
            several = self.class_mode == "multi_output"
            return tuple(part[rows] for part in self.labels) if several else self.labels[rows]
        if self.class_mode in ("binary", "sparse"):
            return ops.cast(np.array([self.classes[row] for row in rows]), self.dtype)
        return image_tables.one_hot_labels(
            [self.classes[row] for row in rows], len(self.class_indices), self.dtype
        )


class DirectoryIterator(_FileBatches):
    """Batches of image files in folders (ImageDataGenerator.flow_from_directory)."""

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        skip_broken=False,
    ):
        name = "flow_from_directory"
        if class_mode not in ("categorical", "binary", "sparse", "input", None):
            raise ValueError(
                f"[{name}] class_mode is {class_mode!r}, expected 'categorical', 'binary', 'sparse', 'input' or None"
            )
        self.directory, self.class_mode = os.fspath(directory), class_mode
        found = folders.class_folders(name, directory)
        classes = list(classes) if classes else found
        missing = [c for c in classes if not os.path.isdir(os.path.join(self.directory, c))]
        if missing:
            raise ValueError(
                f"[{name}] {self.directory} has no folders {', '.join(missing)}, expected all classes"
            )
        _check_number_of_classes(name, self.directory, classes, class_mode)
        share = _share_of(name, subset, image_data_generator)
        self.class_indices = {c: i for i, c in enumerate(classes)}
        self.num_classes = len(classes)
        files, numbers = folders.list_by_class(name, self.directory, classes, FORMATS, follow_links, share)
        if skip_broken:
            kept = folders.whole_images(name, [os.path.join(self.directory, file) for file in files])
            files, numbers = [files[i] for i in kept], numbers[kept]
        if not files:
            raise ValueError(
                f"[{name}] {self.directory} holds no images for subset {subset!r}, expected some"
            )
        self.filenames, self.classes, self.labels = files, numbers, numbers
        self.filepaths = [os.path.join(self.directory, file) for file in files]
        print(f"Found {len(files)} images belonging to {len(classes)} classes.")
        super().__init__(
            image_data_generator,
            target_size,
            color_mode,
            interpolation,
            keep_aspect_ratio,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
        )


class DataFrameIterator(_FileBatches):
    """Batches of image files named in a table (ImageDataGenerator.flow_from_dataframe)."""

    def __init__(
        self,
        dataframe,
        directory=None,
        image_data_generator=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        keep_aspect_ratio=False,
        skip_broken=False,
    ):
        table = image_tables.read_table(
            dataframe,
            directory or "",
            x_col,
            y_col,
            weight_col,
            classes,
            class_mode,
            validate_filenames,
            FORMATS,
        )
        share = _share_of("flow_from_dataframe", subset, image_data_generator)
        if share is not None:
            table = table.part(slice(int(share[0] * len(table.paths)), int(share[1] * len(table.paths))))
        if skip_broken:
            table = table.part(folders.whole_images("flow_from_dataframe", table.paths))
        if not table.paths:
            raise ValueError("[flow_from_dataframe] dataframe names no image that exists, expected some")
        self.directory, self.class_mode = directory or "", class_mode
        self.filenames, self.filepaths = table.names, table.paths
        self.classes, self.sample_weight = table.classes, table.weights
        self.labels = table.targets if class_mode in ("raw", "multi_output") else table.classes
        if table.class_indices is not None:
            self.class_indices = table.class_indices
        classes_text = f" belonging to {len(table.class_indices)} classes" if table.class_indices else ""
        kind = "validated" if validate_filenames else "non-validated"
        print(f"Found {len(table.paths)} {kind} image filenames{classes_text}.")
        super().__init__(
            image_data_generator,
            target_size,
            color_mode,
            interpolation,
            keep_aspect_ratio,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
        )


def _check_number_of_classes(name, directory, classes, class_mode) -> None:
    if not classes:
        raise ValueError(f"[{name}] {directory} holds no folders, expected one for each class")
    if class_mode in ("categorical", "sparse", "binary") and len(classes) == 1:
        raise ValueError(
            f"[{name}] {directory} holds one folder, {classes[0]}, expected at least 2 with class_mode "
            f"{class_mode!r}; class_mode=None gives images without labels"
        )
    if class_mode == "binary" and len(classes) != 2:
        raise ValueError(
            f"[{name}] {directory} holds {len(classes)} classes, expected 2 with class_mode 'binary'"
        )


def _share_of(name, subset, generator):
    """(from, to): the first files are the validation part."""
    if subset is None:
        return None
    if subset not in ("training", "validation"):
        raise ValueError(f"[{name}] subset is {subset!r}, expected 'training' or 'validation'")
    split = generator.validation_split
    if not split:
        raise ValueError(f"[{name}] subset is {subset!r}, expected a generator with validation_split")
    return (0, split) if subset == "validation" else (split, 1)
