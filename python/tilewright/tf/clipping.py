# SPDX-License-Identifier: Apache-2.0
"""Gradients kept small: clipping by norm, alone or together."""

from __future__ import annotations

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.tf.arguments import as_axis, as_list, operands, tensor

__all__ = ["clip_by_global_norm", "clip_by_norm", "global_norm"]


def clip_by_norm(t, clip_norm, axes=None, name=None) -> Tensor:
    """`t` scaled down where its Euclidean norm along axes is above `clip_norm`.

    Examples
        >>> clip_by_norm([3.0, 4.0], 1.0).numpy()
        array([0.6, 0.8], dtype=float32)
    """
    t, limit = operands(tensor(t, argument="t"), clip_norm)
    size = ops.l2_norm(t, axis=as_axis(axes), keepdims=True)
    return ops.divide(ops.multiply(t, limit), ops.maximum(size, limit))


def global_norm(t_list, name=None) -> Tensor:
    """The Euclidean norm of all entries of a list of Tensors together; None counts as nothing."""
    given = [tensor(t, argument="t_list") for t in as_list(t_list, "t_list") if t is not None]
    if not given:
        return tensor(0.0)
    return ops.reshape(ops.global_norm(given), ())


def clip_by_global_norm(t_list, clip_norm, use_norm=None, name=None) -> tuple[list, Tensor]:
    """A list of Tensors scaled down together where their common norm is above `clip_norm`, and that norm.

    Parameters
        t_list : Tensors; None stays None
        use_norm : the norm, where it is known already
    """
    parts = as_list(t_list, "t_list")
    size = global_norm(parts) if use_norm is None else tensor(use_norm, argument="use_norm")
    factor = ops.divide(clip_norm, ops.maximum(size, clip_norm))
    return [
        None if t is None else ops.multiply(tensor(t), ops.cast(factor, tensor(t).dtype)) for t in parts
    ], size
