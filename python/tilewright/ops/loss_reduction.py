# SPDX-License-Identifier: Apache-2.0
"""What becomes of the losses of single rows: nothing, their sum or their mean."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import result
from tilewright.ops import elementwise, reduce, shape


def check_reduction(name: str, reduction) -> None:
    """Raises ValueError for what is no reduction."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"[{name}] reduction is {reduction!r}, expected 'none', 'mean' or 'sum'")


def unreduced(out, reduction: str):
    """`out` where the single losses are written into it."""
    return out if reduction == "none" else None


def reduced(losses, reduction: str, out, counted=None):
    """The losses themselves, their sum, or their mean over the rows that `counted` marks with 1."""
    if reduction == "none":
        return losses
    if reduction == "sum":
        return reduce.sum(losses, out=out)
    if counted is None:
        return reduce.mean(losses, out=out)
    return elementwise.divide(reduce.sum(losses), reduce.sum(counted), out=out)


def reduced_result(loss, inputs: tuple, gradient, reduction: str, out, counted=None):
    """The losses that a kernel wrote into the array `loss`, reduced, as one noted operation: a training step
    on a small batch costs its nodes, not its arithmetic.

    `gradient(dy, loss, needs)` takes a dy of the shape of `loss`, or a number for all of them (see
    `of_rows`)."""
    if reduction == "none" or counted is not None:
        return reduced(result(loss, inputs, gradient), reduction, out, counted)
    if reduction == "sum":
        return result(reduce.sum(loss, out=out), inputs, gradient)
    count = backend.size_of(loss.shape)

    def mean_gradient(dy, y, needs):
        return gradient(elementwise.divide(dy, count), y, needs)

    return result(reduce.mean(loss, out=out), inputs, mean_gradient)


def of_rows(dy):
    """The gradient of the losses of rows, beside what has the rows' elements."""
    return dy if dy.ndim == 0 else shape.expand_dims(dy, -1)
