# SPDX-License-Identifier: Apache-2.0
"""Nested lists, tuples and dicts, leaf by leaf: `tf.nest`, and what other modules take structures apart with.

`tf.nest` takes dicts by sorted keys; `leaves`, `map_leaves` and `pack` take them as they were filled.
"""

from __future__ import annotations

import copy

from tilewright.suggestion import missing

__all__ = ["assert_same_structure", "flatten", "is_nested", "map_structure", "pack_sequence_as"]

CONTAINERS = (list, tuple, dict)


def is_nested(structure) -> bool:
    """Whether it is a list, tuple or dict."""
    return isinstance(structure, CONTAINERS)


def children(structure, by_key=False) -> list:
    """What a container holds; a dict's values as they were put in, or by sorted keys."""
    if isinstance(structure, dict):
        return [structure[key] for key in sorted(structure)] if by_key else list(structure.values())
    return list(structure)


def like(structure, parts: list, by_key=False):
    """A container of the kind of `structure` with `parts` in the order of `children`."""
    if isinstance(structure, dict):
        held = dict(zip(sorted(structure) if by_key else structure, parts, strict=True))
        if type(structure) is dict and not by_key:
            return held
        made = copy.copy(structure)  # keeps the order of keys, and what a defaultdict knows
        made.update(held)
        return made
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def leaves(structure, containers=CONTAINERS, by_key=False) -> list:
    """The values in order: all that is no instance of `containers`.

    Examples
        >>> leaves({"b": [1, 2], "a": 3})
        [1, 2, 3]
    """
    if not isinstance(structure, containers):
        return [structure]
    return [leaf for child in children(structure, by_key) for leaf in leaves(child, containers, by_key)]


def map_leaves(function, first, *others, containers=CONTAINERS, by_key=False):
    """`function` of the values at the same place of each structure, in the form of the first.

    Examples
        >>> map_leaves(lambda a, b: a + b, {"x": 1, "y": [2]}, {"y": [20], "x": 10})
        {'x': 11, 'y': [22]}
    """
    if not isinstance(first, containers):
        return function(first, *others)
    if isinstance(first, dict):
        others = [{key: other[key] for key in first} for other in others]
    columns = zip(children(first, by_key), *(children(other, by_key) for other in others), strict=True)
    parts = [map_leaves(function, *one, containers=containers, by_key=by_key) for one in columns]
    return like(first, parts, by_key)


def pack(structure, values, containers=CONTAINERS, by_key=False):
    """The structure with its values taken from `values`, one after the other."""
    values = iter(values)
    return map_leaves(lambda _: next(values), structure, containers=containers, by_key=by_key)


def flatten(structure, expand_composites=False) -> list:
    """The leaves in order; a dict's by sorted keys.

    Examples
        >>> flatten({"b": [1, 2], "a": 3})
        [3, 1, 2]
    """
    return leaves(structure, by_key=True)


def pack_sequence_as(structure, flat_sequence, expand_composites=False):
    """`flat_sequence` in the form of `structure`. Raises ValueError where the number of leaves differs."""
    values = list(flat_sequence)
    count = len(flatten(structure))
    if count != len(values):
        raise ValueError(f"[pack_sequence_as] flat_sequence has {len(values)} entries, expected {count}")
    return pack(structure, values, by_key=True)


def assert_same_structure(nest1, nest2, check_types=True, expand_composites=False) -> None:
    """Raises ValueError unless both have the same form, TypeError unless of the same kinds."""
    if is_nested(nest1) != is_nested(nest2):
        raise ValueError(
            f"[assert_same_structure] {nest1!r} and {nest2!r} differ, expected the same structure"
        )
    if not is_nested(nest1):
        return
    if check_types and type(nest1) is not type(nest2):
        raise TypeError(
            f"[assert_same_structure] {type(nest1).__name__} and {type(nest2).__name__}, expected one kind"
        )
    dicts = isinstance(nest1, dict) and isinstance(nest2, dict)
    if len(nest1) != len(nest2) or (dicts and set(nest1) != set(nest2)):
        raise ValueError(
            f"[assert_same_structure] {nest1!r} and {nest2!r} differ, expected the same structure"
        )
    for a, b in zip(children(nest1, True), children(nest2, True), strict=True):
        assert_same_structure(a, b, check_types)


def map_structure(func, *structure, **kwargs):
    """`func` of the leaves at the same place of each structure, in the form of the first.

    Examples
        >>> map_structure(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]})
        {'x': 11, 'y': [22]}
    """
    for other in structure[1:]:
        assert_same_structure(structure[0], other, kwargs.get("check_types", True))
    rows = zip(*(flatten(s) for s in structure), strict=True)
    return pack_sequence_as(structure[0], [func(*row) for row in rows])


__getattr__ = missing(__name__, __all__)
