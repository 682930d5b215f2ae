# SPDX-License-Identifier: Apache-2.0
"""Handwritten digits that ship along: 1,797 images of 8x8 pixels (optdigits.md: source and licence)."""

from __future__ import annotations

import gzip
from importlib import resources

import numpy as np


def load_data():
    """All images in their original order, the last fifth from other writers than the first.

    Returns   x : (1797, 8, 8) uint8, 0 (white) to 16 (black);  y : (1797,) uint8, the digits
    """
    data = gzip.decompress(resources.files("tilewright.datasets").joinpath("optdigits.csv.gz").read_bytes())
    rows = np.array([line.split(b",") for line in data.split()], np.uint8)
    return rows[:, :64].reshape(-1, 8, 8), rows[:, 64]


def split_by_class(y, share: float, seed: int):
    """Indices of a training and a test part, the latter with `share` of each class, chosen by `seed`."""
    rng = np.random.Generator(np.random.Philox(seed))
    test = np.concatenate(
        [
            rng.permutation(np.flatnonzero(y == c))[: round(share * np.count_nonzero(y == c))]
            for c in np.unique(y)
        ]
    )
    chosen = np.zeros(len(y), bool)
    chosen[test] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
