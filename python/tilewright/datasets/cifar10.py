# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10: 50,000 training and 10,000 test photos of ten kinds of things, 32x32 (Krizhevsky, 2009)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tilewright.datasets._cifar import read_batches
from tilewright.datasets._files import folders, obtain
from tilewright.datasets._unpickle import load_npz

LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ARCHIVE, SUBSET = "cifar-10-python.tar.gz", "cifar10_subset.npz"
_URL = "https://www.cs.toronto.edu/~kriz/" + ARCHIVE
_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
_TRAINING, _TEST = [f"data_batch_{i}" for i in range(1, 6)], ["test_batch"]


def load_data(path=None):
    """CIFAR-10 as ((x_train, y_train), (x_test, y_test)): images (n, 32, 32, 3) and labels (n, 1), uint8.

    Parameters
        path : the .tar.gz file, a folder that holds it or its batches, or an .npz file with x_train, y_train,
            x_test and y_test; where None, $TILEWRIGHT_DATA/cifar10 (the archive, its batches, or
            cifar10_subset.npz, a part of the images), the cache, or fetched
    Raises    FileNotFoundError: a file is missing.  ValueError: a file is truncated or holds something else.
              OSError: no connection
    """
    places = [Path(path)] if path is not None else folders("cifar10")
    for place in places:
        for candidate in (place / ARCHIVE, place / "cifar-10-batches-py", place, place / SUBSET):
            if candidate.is_file() and candidate.suffix == ".npz":
                return _from_npz(candidate)
            if candidate.is_file() or (candidate / _TEST[0]).is_file():
                return _from_batches(candidate)
    if path is not None:
        raise FileNotFoundError(
            f"[cifar10.load_data] {path} holds neither {ARCHIVE} nor its batches nor {SUBSET}"
        )
    return _from_batches(obtain("cifar10", ARCHIVE, _URL, _SHA256))


def _from_batches(path):
    training, test = read_batches("cifar10", path, (_TRAINING, _TEST), "labels")
    return training, test


def _from_npz(path):
    arrays = load_npz(path, ("x_train", "y_train", "x_test", "y_test"), "cifar10.load_data")
    for x, y in (arrays[:2], arrays[2:]):
        if x.ndim != 4 or x.shape[1:] != (32, 32, 3) or x.dtype != np.uint8 or y.size != len(x):
            raise ValueError(
                f"[cifar10.load_data] {path} holds images of shape {x.shape} {x.dtype} and labels {y.shape}, "
                "expected (n, 32, 32, 3) uint8 and (n,)"
            )
    x_train, y_train, x_test, y_test = arrays
    return (x_train, y_train.reshape(-1, 1)), (x_test, y_test.reshape(-1, 1))
