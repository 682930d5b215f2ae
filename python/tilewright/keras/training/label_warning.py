# SPDX-License-Identifier: Apache-2.0
"""A word where labels cannot belong to the loss, which takes them all the same."""

from __future__ import annotations

import warnings

from tilewright import nest, ops
from tilewright.keras import losses
from tilewright.keras.training.data import ArrayBatches

_BINARY = ("binary_crossentropy", "binarycrossentropy")


def look(loss, batches) -> None:
    """Warns of labels outside 0 to 1 under the binary crossentropy; class numbers mean another loss."""
    binary = loss in _BINARY if isinstance(loss, str) else isinstance(loss, losses.BinaryCrossentropy)
    if not (binary or loss is losses.binary_crossentropy) or not isinstance(batches, ArrayBatches):
        return
    for y in nest.leaves(batches.labels) if batches.labels is not None else ():
        if y.size == 0 or y.dtype.kind not in "fiu":
            continue
        low, high = float(ops.min(y)), float(ops.max(y))
        if low < 0 or high > 1:
            warnings.warn(
                f"[fit] y has values from {low:g} to {high:g}, expected 0 to 1 for binary_crossentropy; for "
                "class numbers use sparse_categorical_crossentropy and an output for each class",
                stacklevel=4,
            )
