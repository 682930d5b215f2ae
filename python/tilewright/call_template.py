# SPDX-License-Identifier: Apache-2.0
"""Arguments and results of a step: their arrays, and the structure that holds them with a place for each."""

from __future__ import annotations

import numpy as np

from tilewright import backend, nest
from tilewright.autograd import Tensor


class _Itself:
    """An object as part of a key: equal to itself only, and alive as long as the key."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value

    def __hash__(self):
        return id(self.value)

    def __eq__(self, other):
        return isinstance(other, _Itself) and other.value is self.value


class Place:
    """Stands for array number `index` in a nested structure."""

    __slots__ = ("index",)

    def __init__(self, index: int):
        self.index = index


def split(value, leaves: list, static: list):
    """`value` with a Place for each array; arrays go to `leaves`, all else that matters to `static`."""
    if isinstance(value, Tensor):
        if hasattr(value, "assign"):  # a variable is a place, not a value
            static.append(_Itself(value))
            return value
        leaves.append(value.array)
        return Place(len(leaves) - 1)
    if isinstance(value, np.ndarray):
        leaves.append(value if type(value) is np.ndarray else np.asarray(value))
        return Place(len(leaves) - 1)
    if value is None:
        static.append(None)
        return None
    if nest.is_nested(value):
        static.append((type(value), tuple(value) if isinstance(value, dict) else len(value)))
        return nest.like(value, [split(part, leaves, static) for part in nest.children(value)])
    if isinstance(value, np.generic) or hasattr(value, "__dlpack__"):
        leaves.append(backend.array("record", "argument", value))
        return Place(len(leaves) - 1)
    static.append((type(value), value))
    return value


def build(template, arrays: list):
    """The structure that `split` took apart, with `arrays` in place of its arrays."""
    return nest.map_leaves(lambda leaf: arrays[leaf.index] if type(leaf) is Place else leaf, template)


def same(a, b) -> bool:
    """Whether two structures that `split` gave have the same form, places and values."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Place):
        return a.index == b.index
    if nest.is_nested(a):
        alike = list(a) == list(b) if isinstance(a, dict) else len(a) == len(b)
        return alike and all(map(same, nest.children(a), nest.children(b)))
    return a is b or bool(a == b)
