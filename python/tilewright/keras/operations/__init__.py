# SPDX-License-Identifier: Apache-2.0
"""What the functions of `keras.ops` compute, one module a group; `declared` says how each is made known."""

from tilewright.keras.operations import (
    bits,
    control,
    creation,
    elementwise,
    linalg,
    nn,
    products,
    rearranging,
    reductions,
    segments,
    selection,
    shapes,
    statistics,
    windows,
)
from tilewright.keras.operations.declared import NODES, PLAIN

__all__ = [
    "NODES", "PLAIN", "bits", "control", "creation", "elementwise", "linalg", "nn", "products", "rearranging",
    "reductions", "segments", "selection", "shapes", "statistics", "windows",
]  # fmt: skip
