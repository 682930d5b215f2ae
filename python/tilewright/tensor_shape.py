# SPDX-License-Identifier: Apache-2.0
"""TensorShape: a tuple of sizes that also answers to TensorFlow's names."""

from __future__ import annotations


class TensorShape(tuple):
    """The shape of a Tensor. None stands for a size that is not known yet.

    Examples
        >>> TensorShape([2, 3]).as_list(), TensorShape((2, 3)) == (2, 3)
        ([2, 3], True)
    """

    __slots__ = ()

    def as_list(self) -> list:
        """The sizes as a list."""
        return list(self)

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self)

    ndims = rank
    dims = property(lambda self: list(self), doc="the sizes")

    def num_elements(self) -> int | None:
        """The product of the sizes, None where one is not known."""
        count = 1
        for size in self:
            if size is None:
                return None
            count *= size
        return count

    def is_fully_defined(self) -> bool:
        """Whether every size is known."""
        return None not in self

    def is_compatible_with(self, other) -> bool:
        """Whether both may be the shape of one array; None fits any size."""
        other = tuple(other)
        return len(self) == len(other) and all(
            None in (a, b) or a == b for a, b in zip(self, other, strict=True)
        )

    def concatenate(self, other) -> TensorShape:
        """This shape followed by another."""
        return TensorShape((*self, *other))
