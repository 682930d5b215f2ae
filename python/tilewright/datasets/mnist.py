# SPDX-License-Identifier: Apache-2.0
"""MNIST from its four idx files: 60,000 training and 10,000 test images of handwritten digits, 28x28."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from tilewright.datasets._files import data_folder

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
_DTYPES = {8: np.uint8, 9: np.int8, 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path) -> np.ndarray:
    """The array of an idx file, gzipped or not: two zero bytes, dtype, rank, big-endian sizes, then the
    elements.

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
            f"[read_idx] {path} starts with {data[:4].hex()}, expected an idx header (0000, dtype, rank)"
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


def load_data(path=None):
    """MNIST as ((x_train, y_train), (x_test, y_test)): uint8 images (n, 28, 28) and uint8 labels (n,).

    Parameters
        path : folder of the four .gz files; where None, $TILEWRIGHT_DATA/mnist or
            ~/.tilewright/datasets/mnist
    Raises    FileNotFoundError: a file is missing.  ValueError: a file is truncated or holds something else
    """
    folder = data_folder("mnist", path)
    arrays = []
    for name in FILES:
        file = folder / name
        if not file.exists():
            file = file.with_suffix("")
        if not file.exists():
            raise FileNotFoundError(
                f"[mnist.load_data] {folder / name} does not exist, expected the files {', '.join(FILES)}"
            )
        arrays.append(read_idx(file))
    for images, labels, kind in ((arrays[0], arrays[1], "training"), (arrays[2], arrays[3], "test")):
        if images.ndim != 3 or images.shape[1:] != (28, 28) or images.dtype != np.uint8:
            raise ValueError(
                f"[mnist.load_data] {kind} images have shape {images.shape} and dtype {images.dtype}, "
                "expected (n, 28, 28) uint8"
            )
        if labels.shape != images.shape[:1] or labels.dtype != np.uint8 or labels.max(initial=0) > 9:
            raise ValueError(
                f"[mnist.load_data] {kind} labels have shape {labels.shape} and largest value "
                f"{labels.max(initial=0)}, "
                f"expected {images.shape[:1]} and at most 9"
            )
    return (arrays[0], arrays[1]), (arrays[2], arrays[3])
