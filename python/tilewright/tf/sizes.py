# SPDX-License-Identifier: Apache-2.0
"""Whole numbers that the host knows: shapes, and what programs put together from them.

`tf.reshape(x, tf.concat([tf.shape(x)[:1], [4]], 0))` reads no memory, so a step that is recorded may do it.
"""

from __future__ import annotations

import operator

import numpy as np

from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.tensor_shape import TensorShape


class Known(Tensor):
    """A row of whole numbers as a Tensor, kept beside it: `numpy()` is no look at what a step computes."""

    __slots__ = ("sizes",)

    def __init__(self, sizes: tuple[int, ...], dtype="int32"):
        super().__init__(np.array(sizes, dtype_of(dtype)))
        self.sizes = sizes

    def numpy(self) -> np.ndarray:
        """The numbers as an array of their own."""
        return np.array(self.sizes, self.dtype)


class Sizes(Known):
    """What `tf.shape` gives: one size taken out of it, `tf.shape(x)[0]`, is an int."""

    __slots__ = ()

    def __getitem__(self, key):
        found = self.sizes[key] if isinstance(key, (int, slice)) else None
        if found is None:
            return super().__getitem__(key)
        return Sizes(found, self.dtype) if isinstance(found, tuple) else Size(found)

    def __iter__(self):
        return map(Size, self.sizes)

    def __len__(self):
        return len(self.sizes)

    def __index__(self):
        return operator.index(self.sizes[0]) if len(self.sizes) == 1 else super().__index__()


class Size(int):
    """One size out of `shape`: an int that also answers to a scalar Tensor's `numpy`, `shape` and `dtype`."""

    dtype = np.dtype(np.int32)
    shape = TensorShape(())

    def numpy(self):
        """The size as a NumPy scalar."""
        return np.int32(self)


def known_row(value, dtype=None) -> Known | None:
    """A list of ints as Known where int32 holds them; None for anything else."""
    if not isinstance(value, (list, tuple)) or not value or dtype not in (None, "int32", np.int32):
        return None
    if any(type(n) not in (int, Size) or not -(2**31) <= n < 2**31 for n in value):
        return None
    return Known(tuple(int(n) for n in value))


def joined(parts) -> Known | None:
    """Rows of known numbers one after another; None where a part is none, or of another dtype."""
    rows = [part if isinstance(part, Known) else known_row(part) for part in parts]
    if not rows or any(row is None for row in rows) or len({row.dtype for row in rows}) > 1:
        return None
    of_shapes = any(isinstance(row, Sizes) for row in rows)
    return (Sizes if of_shapes else Known)(sum((row.sizes for row in rows), ()), rows[0].dtype)
