# SPDX-License-Identifier: Apache-2.0
"""CIFAR-100: 50,000 training and 10,000 test photos, 32x32, 100 classes in 20 groups (Krizhevsky, 2009)."""

from __future__ import annotations

from pathlib import Path

from tilewright.datasets._cifar import read_batches
from tilewright.datasets._files import folders, obtain

ARCHIVE = "cifar-100-python.tar.gz"
_URL = "https://www.cs.toronto.edu/~kriz/" + ARCHIVE
_SHA256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"


def load_data(label_mode="fine", path=None):
    """CIFAR-100 as ((x_train, y_train), (x_test, y_test)): images (n, 32, 32, 3) and labels (n, 1), uint8.

    Parameters
        label_mode : "fine", the 100 classes, or "coarse", the 20 groups
        path : the .tar.gz file, or a folder that holds it or its batches; where None,
            $TILEWRIGHT_DATA/cifar100, the cache, or fetched
    Raises    ValueError: another label_mode, a truncated file.  FileNotFoundError: a file is missing.
              OSError: no connection
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"[cifar100.load_data] label_mode is {label_mode!r}, expected 'fine' or 'coarse'")
    for place in [Path(path)] if path is not None else folders("cifar100"):
        for candidate in (place / ARCHIVE, place / "cifar-100-python", place):
            if candidate.is_file() or (candidate / "train").is_file():
                return _read(candidate, label_mode)
    if path is not None:
        raise FileNotFoundError(f"[cifar100.load_data] {path} holds neither {ARCHIVE} nor its batches")
    return _read(obtain("cifar100", ARCHIVE, _URL, _SHA256), label_mode)


def _read(path, label_mode):
    training, test = read_batches("cifar100", path, (["train"], ["test"]), f"{label_mode}_labels")
    return training, test
