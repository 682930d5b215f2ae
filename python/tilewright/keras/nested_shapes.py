# SPDX-License-Identifier: Apache-2.0
"""Nested lists, tuples and dicts of shapes: a shape is a tuple of sizes, and itself no structure."""

from __future__ import annotations


def is_shape(value) -> bool:
    """Whether a value is one shape: a tuple or list of sizes."""
    return isinstance(value, (list, tuple)) and all(n is None or isinstance(n, int) for n in value)


def as_shapes(structure):
    """Shapes read from JSON as tuples, in the same structure."""
    if structure is None:
        return None
    if is_shape(structure):
        return tuple(structure)
    if isinstance(structure, dict):
        return {key: as_shapes(value) for key, value in structure.items()}
    return [as_shapes(part) for part in structure]


def flatten_shapes(structure) -> list:
    """The shapes in nested lists, tuples and dicts of shapes."""
    if is_shape(structure):
        return [tuple(structure)]
    parts = structure.values() if isinstance(structure, dict) else structure
    return [shape for part in parts for shape in flatten_shapes(part)]
