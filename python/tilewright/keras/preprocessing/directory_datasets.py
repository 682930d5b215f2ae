# SPDX-License-Identifier: Apache-2.0
"""Datasets of image and text files in folders, a folder a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tilewright import backend, ops, random
from tilewright.data import AUTOTUNE, Dataset, TensorSpec, folders, images
from tilewright.keras import config
from tilewright.keras.preprocessing.image_functions import resized
from tilewright.suggestion import named_arguments

_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_TEXTS = (".txt",)
_BUFFER = 1024  # elements shuffled among each other where there are no batches


@named_arguments
def image_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    color_mode="rgb",
    batch_size=32,
    image_size=(256, 256),
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    interpolation="bilinear",
    follow_links=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    data_format=None,
    format="tf",
    verbose=True,
    skip_broken=False,
):
    """A Dataset of image files: float32 batches (n, rows, cols, channels), values 0 to 255, and labels.

    Parameters
        directory : holds a folder for each class
        labels : "inferred", None, or a list with a label for each file in the order of their names
        label_mode : "int" (int32), "categorical" (one-hot), "binary" (float32, (n, 1)) or None
        class_names : of the folders, in the order of the labels;  color_mode : "rgb", "rgba" or "grayscale"
        batch_size : None gives single images;  image_size : (rows, cols) they are resized to
        shuffle, seed : the order;  validation_split, subset : "training", "validation" or "both" (two
            Datasets)
        interpolation : "bilinear" or "nearest"
        crop_to_aspect_ratio, pad_to_aspect_ratio : cuts or fills instead of stretching
        skip_broken : looks through all files first and leaves out what is no whole image (counted and named);
            else the first such file raises a ValueError that names it
    Returns   Dataset with the attributes class_names and file_paths; images are read by threads ahead of use
    Raises    FileNotFoundError: no such folder.  ValueError: no images, one class only, wrong arguments
    """
    name = "image_dataset_from_directory"
    channels = images.check_color_mode(name, color_mode)
    size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    if len(size) != 2:
        raise ValueError(f"[{name}] image_size is {image_size!r}, expected (rows, cols)")
    interpolation = str(interpolation).lower()
    if interpolation not in ("bilinear", "nearest"):
        raise ValueError(f"[{name}] interpolation is {interpolation!r}, expected 'bilinear' or 'nearest'")
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            f"[{name}] crop_to_aspect_ratio and pad_to_aspect_ratio are set, expected one of them"
        )
    first = config.standard_data_format(data_format) == "channels_first"
    fit = "crop" if crop_to_aspect_ratio else "pad" if pad_to_aspect_ratio else "stretch"
    shape = (channels, *size) if first else (*size, channels)

    def read(paths):
        batch = backend.empty((len(paths), *shape), np.dtype(np.float32))
        for row, path in zip(batch, paths, strict=True):
            image = resized(images.read_bytes(path, color_mode), size, interpolation, fit)
            ops.copy(ops.transpose(image, (2, 0, 1)) if first else image, out=row)
        return batch

    return _from_directory(
        name, directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset,
        follow_links, format, verbose, _IMAGES, read, TensorSpec(shape, np.float32), skip_broken,
    )  # fmt: skip


@named_arguments
def text_dataset_from_directory(
    directory,
    labels="inferred",
    label_mode="int",
    class_names=None,
    batch_size=32,
    max_length=None,
    shuffle=True,
    seed=None,
    validation_split=None,
    subset=None,
    follow_links=False,
    format="tf",
    verbose=True,
):
    """A Dataset of .txt files: batches of strings (dtype object), and labels.

    Parameters
        max_length : bytes of a file that are kept
        others : those of `image_dataset_from_directory`
    """

    def read(paths):
        batch = np.empty(len(paths), object)
        for i, path in enumerate(paths):
            content = Path(path).read_bytes()
            batch[i] = (content if max_length is None else content[:max_length]).decode("utf-8", "ignore")
        return batch

    return _from_directory(
        "text_dataset_from_directory", directory, labels, label_mode, class_names, batch_size, shuffle, seed,
        validation_split, subset, follow_links, format, verbose, _TEXTS, read, TensorSpec((), object), False,
    )  # fmt: skip


def _from_directory(
    name, directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split, subset,
    follow_links, form, verbose, suffixes, read, spec, skip_broken,
):  # fmt: skip
    """The Dataset, or two of them for subset="both"."""
    if label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            f"[{name}] label_mode is {label_mode!r}, expected 'int', 'categorical', 'binary' or None"
        )
    if form != "tf":
        raise ValueError(f"[{name}] format is {form!r}, expected 'tf'")
    if labels is None or label_mode is None:
        labels = label_mode = None
    elif not isinstance(labels, str) and not isinstance(labels, (list, tuple)):
        raise ValueError(f"[{name}] labels is {labels!r}, expected 'inferred', None or a list")
    folders.check_split(name, validation_split, subset, shuffle, seed)
    seed = random.make_seed() % 2**32 if seed is None else seed
    paths, numbers, names = folders.index_directory(
        name, directory, labels, suffixes, class_names, shuffle, seed, follow_links
    )
    if names is not None and len(names) < 2:
        raise ValueError(
            f"[{name}] {directory} holds one class, {names[0]}, expected at least 2; labels=None gives no "
            "labels"
        )
    if label_mode == "binary" and len(names) != 2:
        raise ValueError(
            f"[{name}] {directory} holds {len(names)} classes, expected 2 with label_mode 'binary'"
        )
    if verbose:
        belonging = f" belonging to {len(names)} classes" if names is not None else ""
        print(f"Found {len(paths)} files{belonging}.")
    if skip_broken:
        kept = folders.whole_images(name, paths)
        paths, numbers = [paths[i] for i in kept], None if numbers is None else numbers[kept]

    def dataset(part, shuffled):
        some, their = folders.split_off(name, paths, numbers, validation_split, part)
        if verbose and part is not None:
            print(f"Using {len(some)} files for {part}.")
        made = _dataset(
            some, _labels(their, label_mode, names), batch_size, seed if shuffled else None, read, spec
        )
        made.class_names, made.file_paths = names, some
        return made

    if subset == "both":
        return dataset("training", shuffle), dataset("validation", False)
    return dataset(subset, shuffle)


def _labels(numbers, label_mode, names):
    if numbers is None:
        return None
    if label_mode == "binary":
        return ops.cast(numbers, "float32")[:, None]
    return ops.one_hot(numbers, len(names), dtype="float32") if label_mode == "categorical" else numbers


def _dataset(paths, labels, batch_size, seed, read, spec):
    """Files read by threads, whole batches at a time."""
    rows = np.arange(len(paths))
    ds = Dataset.from_tensor_slices(rows if labels is None else (rows, labels))
    if seed is not None:
        ds = ds.shuffle(_BUFFER if batch_size is None else 8 * batch_size, seed=seed)
    single = batch_size is None

    def load(row, label=None):
        numbers = [int(row)] if single else row.numpy().tolist()
        batch = read([paths[i] for i in numbers])
        batch = np.asarray(batch[0]) if single else batch
        return batch if label is None else (batch, label)

    ds = (ds if single else ds.batch(batch_size)).map(load, num_parallel_calls=AUTOTUNE)
    lead = () if single else (None,)
    given = TensorSpec((*lead, *spec.shape), spec.dtype)
    ds.describe(given if labels is None else (given, TensorSpec((*lead, *labels.shape[1:]), labels.dtype)))
    return ds.prefetch(AUTOTUNE)
