# SPDX-License-Identifier: Apache-2.0
"""How the normalisations see an array, (rows, cols), and the second gradients of all of them."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import raw, recording, result, tracked
from tilewright.gradient_tape import GradientTape, own_node
from tilewright.ops import elementwise, reduce, shape
from tilewright.ops._common import axes_tuple, contiguous, destination, kept_by_axis


@kept_by_axis
def _plan(name: str, x_shape: tuple[int, ...], axis):
    """The axes, the order that moves them last, whether it moves anything, sizes of rows and columns."""
    axes = axes_tuple(name, axis, len(x_shape))
    others = tuple(a for a in range(len(x_shape)) if a not in axes)
    order = others + axes
    moved = order != tuple(range(len(x_shape)))
    return axes, order, moved, tuple(x_shape[a] for a in others), tuple(x_shape[a] for a in axes)


def reshaped(a, shape_: tuple[int, ...]):
    """a.reshape, without a new view where the shape is a's."""
    return a if a.shape == shape_ else a.reshape(shape_)


class Rows:
    """An array as (rows, cols): `axes` become the columns, moved last by a copy where they are not."""

    def __init__(self, name: str, x, axis):
        if x.ndim == 0:
            raise ValueError(f"[{name}] x has shape (), expected at least 1 dimension")
        self.name, self.x = name, x
        self.axes, self._order, self.moved, self.rows_shape, self.columns_shape = _plan(name, x.shape, axis)
        self.others = self._order[: x.ndim - len(self.axes)]
        self.shape = (backend.size_of(self.rows_shape), backend.size_of(self.columns_shape))

    def read(self, argument: str, a):
        """An array of x's shape as contiguous (rows, cols)."""
        a = raw(self.name, argument, a)
        if a.shape != self.x.shape:
            raise ValueError(f"[{self.name}] {argument} has shape {a.shape}, expected {self.x.shape} like x")
        return reshaped(contiguous(a.transpose(self._order) if self.moved else a), self.shape)

    def vector(self, argument: str, a, wanted: tuple[int, ...]):
        """A parameter or statistic of shape `wanted` as one contiguous axis; None stays None."""
        if a is None:
            return None
        a = raw(self.name, argument, a)
        if a.shape != wanted:
            raise ValueError(f"[{self.name}] {argument} has shape {a.shape}, expected {wanted}")
        return flat(contiguous(a))

    def empty(self, shape_: tuple[int, ...]):
        """Memory of x's dtype."""
        return backend.empty(shape_, self.x.dtype, self.x)

    def destination(self, argument_out):
        """(y, rows): the result, and the (rows, cols) memory that a kernel writes for it."""
        y = destination(self.name, argument_out, self.x.shape, self.x.dtype, self.x)
        if not self.moved and y.flags.c_contiguous:
            return y, reshaped(y, self.shape)
        return y, self.empty(self.shape)

    def finish(self, y, rows) -> None:
        """Copies `rows` into y unless they are y's own memory."""
        if not self.moved and y.flags.c_contiguous:
            return
        moved = rows.reshape(self.rows_shape + self.columns_shape)
        if self.moved:
            moved = moved.transpose(tuple(self._order.index(a) for a in range(self.x.ndim)))
        backend.module_of(self.x).copy(y, moved)

    def keeps_statistics(self, y, *inputs) -> bool:
        """Whether a gradient will want the statistics. Raises ValueError where out would destroy x."""
        wanted = recording() and any(tracked(x) for x in inputs)
        if wanted and y is self.x:
            raise ValueError(f"[{self.name}] out is x, expected another array: the gradient needs x")
        return wanted


def flat(a):
    """Contiguous memory as one axis; None stays None."""
    return a if a is None or a.ndim == 1 else a.reshape(-1)


def spread(vector, like_shape, axes):
    """A parameter over `axes` of an array, with 1 elsewhere, so that it broadcasts against it."""
    return shape.reshape(vector, tuple(n if a in axes else 1 for a, n in enumerate(like_shape)))


def _centred(x, statistic_axes, centred: bool):
    return elementwise.subtract(x, reduce.mean(x, axis=statistic_axes, keepdims=True)) if centred else x


def _rstd_of(x, rstd, statistic_axes, centred: bool):
    """The saved 1 / sqrt(variance + epsilon), broadcast against x, as a differentiable function of x."""
    kept = raw("norm", "rstd", rstd).reshape(
        tuple(1 if a in statistic_axes else n for a, n in enumerate(x.shape))
    )
    count = backend.size_of(tuple(x.shape[a] for a in statistic_axes))

    def gradient(dr, r, needs):  # dr/dx = -r^3 (x - mean) / n
        slope = elementwise.multiply(elementwise.multiply(r, elementwise.multiply(r, r)), -1.0 / count)
        return (elementwise.multiply(elementwise.multiply(dr, slope), _centred(x, statistic_axes, centred)),)

    return result(kept, (x,), gradient)


def _first_gradients(dy, x, rstd, gamma, statistic_axes, parameter_axes, centred: bool):
    """(dx, dgamma, dbeta) through operations that differentiate any number of times."""
    r = _rstd_of(x, rstd, statistic_axes, centred)
    xhat = elementwise.multiply(_centred(x, statistic_axes, centred), r)
    g = dy if gamma is None else elementwise.multiply(dy, spread(gamma, x.shape, parameter_axes))
    along = reduce.mean(elementwise.multiply(g, xhat), axis=statistic_axes, keepdims=True)
    dx = elementwise.multiply(
        elementwise.subtract(_centred(g, statistic_axes, centred), elementwise.multiply(xhat, along)), r
    )
    summed = tuple(a for a in range(x.ndim) if a not in parameter_axes)
    by_parameters = (
        reduce.sum(g_, axis=summed) if summed else g_ for g_ in (elementwise.multiply(dy, xhat), dy)
    )
    return (dx, *by_parameters)


def second_gradients(seeds, dy, x, rstd, gamma, statistic_axes, parameter_axes, centred: bool = True):
    """Gradients by (dy, x, gamma) of the first gradients (dx, dgamma, dbeta); `seeds` are their own.

    Seeds may be None, and fewer than three."""
    with GradientTape() as tape:
        sources = [None if a is None else own_node(tape, "norm", "x", a) for a in (dy, x, gamma)]
        firsts = _first_gradients(
            sources[0], sources[1], rstd, sources[2], statistic_axes, parameter_axes, centred
        )
        used = [(first, seed) for first, seed in zip(firsts, seeds, strict=False) if seed is not None]
    if not used:
        return None, None, None
    found = tape.gradient(
        [first for first, _ in used],
        [s for s in sources if s is not None],
        output_gradients=[seed for _, seed in used],
    )
    return tuple(found) if gamma is not None else (*found, None)
