# SPDX-License-Identifier: Apache-2.0
"""MNIST: 60,000 training and 10,000 test images of handwritten digits, 28x28."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from tilewright.datasets._files import data_folder, find, is_own_path, keras_file
from tilewright.datasets._unpickle import load_npz

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_NPZ_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_DTYPES = {8: np.uint8, 9: np.int8, 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path) -> np.ndarray:
    """The array of an idx file, gzipped or not: two zero bytes, dtype, rank, big-endian sizes, elements.

    Raises   FileNotFoundError: no such file.  ValueError: no idx file, or truncated, or longer than its
    header says
    """
    path = Path(path)
    data = path.read_bytes()
    if path.suffix == ".gz" or data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"[read_idx] {path} is no whole gzip file: {error}") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _DTYPES:
        raise ValueError(
            f"[read_idx] {path} starts with {data[:4].hex() or 'nothing'}, "
            "expected an idx header (0000, dtype, rank)"
        )
    dtype, rank = np.dtype(_DTYPES[data[2]]), data[3]
    start = 4 + 4 * rank
    if len(data) < start:
        raise ValueError(
            f"[read_idx] {path} has {len(data)} bytes, expected at least {start} for a header of rank {rank}"
        )
    shape = struct.unpack(f">{rank}I", data[4:start])
    expected = start + dtype.itemsize * math.prod(shape)
    if len(data) != expected:
        raise ValueError(
            f"[read_idx] {path} has {len(data)} bytes, expected {expected} for shape {shape} of {dtype.name}"
        )
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def load_data(path="mnist.npz"):
    """MNIST as ((x_train, y_train), (x_test, y_test)): uint8 images (n, 28, 28) and uint8 labels (n,).

    Parameters
        path : folder of the four .gz files, or an .npz file as Keras has it; else the name of that file in
            the cache. Where nothing is given: the .gz files in $TILEWRIGHT_DATA/mnist or in the cache, else
            Keras's file is fetched
    Raises    FileNotFoundError: a file is missing.  ValueError: a file is truncated or holds something else.
              OSError: no connection
    """
    if is_own_path(path) and not Path(path).is_file():
        return read_folder("mnist", data_folder("mnist", path))
    folder = None if is_own_path(path) else find("mnist", FILES)
    if folder is not None:
        return read_folder("mnist", folder)
    file = keras_file("mnist", path, "mnist.npz", _NPZ_SHA256)
    names = ("x_train", "y_train", "x_test", "y_test")
    return checked("mnist", load_npz(file, names, "mnist.load_data"))


def read_folder(name: str, folder: Path):
    """The four arrays from the four idx files in a folder."""
    arrays = []
    for file in FILES:
        found = next((f for f in (folder / file, (folder / file).with_suffix("")) if f.exists()), None)
        if found is None:
            raise FileNotFoundError(
                f"[{name}.load_data] {folder / file} does not exist, expected the files {', '.join(FILES)}"
            )
        arrays.append(read_idx(found))
    return checked(name, arrays)


def checked(name: str, arrays):
    """The arrays as Keras nests them. Raises ValueError for what cannot be 28x28 images of 10 classes."""
    for images, labels, kind in ((arrays[0], arrays[1], "training"), (arrays[2], arrays[3], "test")):
        if images.ndim != 3 or images.shape[1:] != (28, 28) or images.dtype != np.uint8:
            raise ValueError(
                f"[{name}.load_data] {kind} images have shape {images.shape} and dtype {images.dtype}, "
                "expected (n, 28, 28) uint8"
            )
        if labels.shape != images.shape[:1] or labels.dtype != np.uint8 or labels.max(initial=0) > 9:
            raise ValueError(
                f"[{name}.load_data] {kind} labels have shape {labels.shape} and largest value "
                f"{labels.max(initial=0)}, expected {images.shape[:1]} and at most 9"
            )
    return (arrays[0], arrays[1]), (arrays[2], arrays[3])
