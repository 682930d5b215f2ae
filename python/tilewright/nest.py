# SPDX-License-Identifier: Apache-2.0
"""`tf.nest`: nested lists, tuples and dicts, leaf by leaf."""

from __future__ import annotations

__all__ = ["assert_same_structure", "flatten", "is_nested", "map_structure", "pack_sequence_as"]


def is_nested(structure) -> bool:
    """Whether it is a list, tuple or dict."""
    return isinstance(structure, (list, tuple, dict))


def _children(structure) -> list:
    return [structure[key] for key in sorted(structure)] if isinstance(structure, dict) else list(structure)


def _like(structure, children: list):
    if isinstance(structure, dict):
        held = dict(zip(sorted(structure), children, strict=True))
        return type(structure)((key, held[key]) for key in structure)
    if hasattr(structure, "_fields"):
        return type(structure)(*children)
    return type(structure)(children)


def flatten(structure, expand_composites=False) -> list:
    """The leaves in order; a dict's by sorted keys.

    Examples
        >>> flatten({"b": [1, 2], "a": 3})
        [3, 1, 2]
    """
    if not is_nested(structure):
        return [structure]
    return [leaf for child in _children(structure) for leaf in flatten(child)]


def pack_sequence_as(structure, flat_sequence, expand_composites=False):
    """`flat_sequence` in the form of `structure`. Raises ValueError where the number of leaves differs."""
    leaves = list(flat_sequence)
    count = len(flatten(structure))
    if count != len(leaves):
        raise ValueError(f"[pack_sequence_as] flat_sequence has {len(leaves)} entries, expected {count}")
    return _packed(structure, iter(leaves))


def _packed(structure, leaves):
    if not is_nested(structure):
        return next(leaves)
    return _like(structure, [_packed(child, leaves) for child in _children(structure)])


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
    for a, b in zip(_children(nest1), _children(nest2), strict=True):
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
