# SPDX-License-Identifier: Apache-2.0
"""Nested lists, tuples and dicts of values: flattened, mapped and packed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def is_nested(structure) -> bool:
    """Whether `structure` holds others rather than being a value itself."""
    return isinstance(structure, (list, tuple, dict))


def flatten(structure) -> list:
    """The values in order; dicts in the order of their keys' insertion."""
    if isinstance(structure, dict):
        return [leaf for value in structure.values() for leaf in flatten(value)]
    if isinstance(structure, (list, tuple)):
        return [leaf for value in structure for leaf in flatten(value)]
    return [structure]


def flatten_sorted(structure) -> list:
    """The values, those of dicts in the order of their sorted keys, which is Keras's order."""
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten_sorted(structure[key])]
    if isinstance(structure, (list, tuple)):
        return [leaf for value in structure for leaf in flatten_sorted(value)]
    return [structure]


def map_structure(function: Callable, structure):
    """`function` of every value, in the same structure."""
    if isinstance(structure, dict):
        return {key: map_structure(function, value) for key, value in structure.items()}
    if isinstance(structure, (list, tuple)):
        mapped = [map_structure(function, value) for value in structure]
        return type(structure)(*mapped) if hasattr(structure, "_fields") else type(structure)(mapped)
    return function(structure)


def pack(structure, leaves: Iterator):
    """The structure with its values taken from `leaves`, one after the other."""
    leaves = iter(leaves)
    return map_structure(lambda _: next(leaves), structure)


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
