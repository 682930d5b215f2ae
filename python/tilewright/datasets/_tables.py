# SPDX-License-Identifier: Apache-2.0
"""What the tables of houses share: a seeded order, cut into a training and a test part."""

from __future__ import annotations

import numpy as np

from tilewright.datasets._files import keras_file
from tilewright.datasets._unpickle import load_npz


def load_table(name: str, path, file_hash: str, test_split: float, seed: int, rows: int | None = None):
    """((x_train, y_train), (x_test, y_test)) in the order that Keras draws for this seed."""
    if not 0 <= test_split < 1:
        raise ValueError(f"[{name}.load_data] test_split is {test_split}, expected at least 0 and below 1")
    x, y = load_npz(keras_file(name, path, f"{name}.npz", file_hash), ("x", "y"), f"{name}.load_data")
    x, y = x[:rows], y[:rows]
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y, cut = x[order], y[order], int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
