# SPDX-License-Identifier: Apache-2.0
"""Iterators over batches of image files: in folders (flow_from_directory) or named in a table."""

from __future__ import annotations

import math
import os

import numpy as np

from tilewright import backend, ops
from tilewright.data import folders, images
from tilewright.keras.preprocessing import image_tables
from tilewright.keras.preprocessing.image_iterators import ImageBatches

FORMATS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff")
# Images, as they are before any change, are kept from the first pass where all of them fit into so many
# bytes: decoding 20 JPEG files of 150x150 costs 17 ms of a core, changing them 5.
_KEPT_BYTES = 256 << 20


class FileBatches(ImageBatches):
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


class DirectoryIterator(FileBatches):
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
                f"[{name}] class_mode is {class_mode!r}, expected 'categorical', 'binary', 'sparse', "
                "'input' or None"
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


class DataFrameIterator(FileBatches):
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
