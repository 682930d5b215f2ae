# SPDX-License-Identifier: Apache-2.0
"""Layers of several inputs: Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate, Dot."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras.annotated import mask_of
from tilewright.keras.layers.layer import Layer


class _Merge(Layer):
    """Base: combines a list of inputs of shapes that broadcast, element by element."""

    casts_integers = True
    supports_masking = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)) or not inputs:
            raise ValueError(f"[{self.name}] got {type(inputs).__name__}, expected a list of inputs")
        rank = max(x.ndim for x in inputs)
        inputs = [
            ops.reshape(x, (x.shape[0], *(1,) * (rank - x.ndim), *x.shape[1:])) if x.ndim < rank else x
            for x in inputs
        ]
        return self._merged(inputs)

    def _merged(self, inputs):
        y = inputs[0]
        for x in inputs[1:]:
            y = self._pair(y, x)
        return y

    def _pair(self, a, b):
        raise NotImplementedError

    def compute_mask(self, inputs, mask=None):
        """Steps that one of the masks counts; no mask where an input has none."""
        if mask is None or any(m is None for m in mask):
            return None
        either = mask[0]
        for m in mask[1:]:
            either = ops.logical_or(either, m)
        return either

    def compute_output_shape(self, input_shape):
        shapes = [tuple(s) for s in input_shape]
        rank = max(map(len, shapes))
        shapes = [(s[0], *(1,) * (rank - len(s)), *s[1:]) for s in shapes]
        return tuple(self._size(axis, [s[axis] for s in shapes], shapes) for axis in range(rank))

    def _size(self, axis, sizes, shapes):
        known = {n for n in sizes if n not in (None, 1)}
        if len(known) > 1:
            raise ValueError(f"[{self.name}] inputs have shapes {shapes}, expected sizes that are equal or 1")
        if known:
            return None if None in sizes and axis == 0 else known.pop()
        return None if None in sizes else 1


class Add(_Merge):
    """The sum of the inputs."""

    def _pair(self, a, b):
        return ops.add(a, b)


class Multiply(_Merge):
    """The product of the inputs; a step that a mask leaves out counts as 1; where all do, the result is 0."""

    def _merged(self, inputs):
        product, counted = None, []
        for x in inputs:
            mask = mask_of(x)
            if mask is not None:
                counted.append(_over(mask, x))
                x = ops.where(counted[-1], x, 1.0)
            product = x if product is None else ops.multiply(product, x)
        if len(counted) < len(inputs):
            return product
        either = counted[0]
        for mask in counted[1:]:
            either = ops.logical_or(either, mask)
        return ops.where(either, product, 0.0)


class _Extreme(_Merge):
    """Base: the largest or smallest of the inputs, among those whose masks count the step."""

    def _merged(self, inputs):
        y, y_mask = inputs[0], mask_of(inputs[0])
        y_mask = None if y_mask is None else _over(y_mask, y)
        for x in inputs[1:]:
            mask = mask_of(x)
            if mask is not None:
                mask = _over(mask, x)
                x = ops.where(mask, x, y)
            if y_mask is not None:
                y = ops.where(y_mask, y, x)
            y_mask = None if mask is None or y_mask is None else ops.logical_or(y_mask, mask)
            y = self._pair(y, x)
        return y


def _over(mask, x):
    """A mask of steps for the features of x."""
    return ops.expand_dims(ops.cast(mask, "bool"), -1)


class Maximum(_Extreme):
    """The largest of the inputs."""

    def _pair(self, a, b):
        return ops.maximum(a, b)


class Minimum(_Extreme):
    """The smallest of the inputs."""

    def _pair(self, a, b):
        return ops.minimum(a, b)


class Average(Add):
    """The mean of the inputs."""

    def _merged(self, inputs):
        return ops.divide(super()._merged(inputs), float(len(inputs)))


class Subtract(_Merge):
    """The first of two inputs less the second."""

    def _merged(self, inputs):
        if len(inputs) != 2:
            raise ValueError(f"[{self.name}] got {len(inputs)} inputs, expected 2")
        return ops.subtract(*inputs)


class Concatenate(_Merge):
    """The inputs one after the other along an axis."""

    config_fields = ("axis",)

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, inputs):
        return ops.concat(list(inputs), axis=self.axis)

    def compute_mask(self, inputs, mask=None):
        """The masks joined as the inputs are; an input without one counts in full."""
        if mask is None or all(m is None for m in mask):
            return None
        parts = []
        for x, m in zip(inputs, mask, strict=True):
            m = ops.full((1,) * x.ndim, True, "bool") if m is None else ops.cast(m, "bool")
            while m.ndim < x.ndim:
                m = ops.expand_dims(m, -1)
            parts.append(ops.copy(ops.broadcast_to(m, x.shape)))
        return ops.any(ops.concat(parts, axis=self.axis), axis=-1)

    def compute_output_shape(self, input_shape):
        shapes = [tuple(s) for s in input_shape]
        rank = len(shapes[0])
        axis = self.axis % rank
        rest = [[n for i, n in enumerate(s) if i not in (0, axis)] for s in shapes]
        alike = all(len(s) == rank for s in shapes) and all(
            n == m or None in (n, m) for other in rest for n, m in zip(rest[0], other, strict=True)
        )
        if not alike:
            raise ValueError(
                f"[{self.name}] inputs have shapes {shapes}, expected them alike but for axis {self.axis}"
            )
        total = None if any(s[axis] is None for s in shapes) else sum(s[axis] for s in shapes)
        return tuple(total if i == axis else n for i, n in enumerate(shapes[0]))


class Dot(_Merge):
    """The scalar products of two inputs along one axis of each (the batch stays).

    Parameters
        axes : int for both, or one for each;  normalize : of vectors scaled to length 1 (cosine similarity)
    """

    config_fields = ("axes", "normalize")

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        self.axes, self.normalize = axes, normalize

    def _axes_of(self, a, b):
        first, second = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        return first % len(a), second % len(b)

    def call(self, inputs):
        if len(inputs) != 2:
            raise ValueError(f"[{self.name}] got {len(inputs)} inputs, expected 2")
        a, b = inputs
        i, j = self._axes_of(a.shape, b.shape)
        if self.normalize:
            a, b = (
                ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=k, keepdims=True), 1e-12)))
                for x, k in ((a, i), (b, j))
            )
        a = ops.transpose(a, (*(k for k in range(a.ndim) if k != i), i))
        b = ops.transpose(b, (0, j, *(k for k in range(1, b.ndim) if k != j)))
        left, right = a.shape[1:-1], b.shape[2:]
        y = ops.matmul(
            ops.reshape(a, (a.shape[0], -1, a.shape[-1])), ops.reshape(b, (b.shape[0], b.shape[1], -1))
        )
        return ops.reshape(y, (a.shape[0], *(left + right or (1,))))

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        a, b = input_shape
        i, j = self._axes_of(a, b)
        if a[i] != b[j] and None not in (a[i], b[j]):
            raise ValueError(
                f"[{self.name}] inputs have shapes {a} and {b}, expected equal sizes along axes {i} and {j}"
            )
        rest = tuple(n for k, n in enumerate(a) if k not in (0, i)) + tuple(
            n for k, n in enumerate(b) if k not in (0, j)
        )
        return (a[0], *(rest or (1,)))


def add(inputs, **kwargs):
    """`Add` of a list."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """`Subtract` of a list of two."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """`Multiply` of a list."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """`Average` of a list."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """`Maximum` of a list."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """`Minimum` of a list."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """`Concatenate` of a list."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """`Dot` of a list of two."""
    return Dot(axes=axes, **kwargs)(inputs)
