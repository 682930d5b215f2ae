# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, matrices: norms; on the host factorizations, inverses and solutions (see `factorizations`).

But for `norm` all of them read values, which ends a recording, and stand in no model that is described.
"""

from __future__ import annotations

import math

from tilewright import factorizations, linalg, ops
from tilewright.keras.operations.arguments import float_tensors, floats
from tilewright.keras.operations.declared import LINALG, called, node, plain
from tilewright.keras.operations.shapes import moveaxis
from tilewright.tf.arguments import as_axis


def _of_floats(function):
    return lambda x: function(floats(x))


for _name in ("det", "eigh", "inv", "lu_factor", "slogdet"):
    _function = getattr(factorizations, _name)
    plain(called(_name, _of_floats(_function), _function.__doc__))


@plain
def cholesky(x, upper=False):
    """L of x = L L^T, or L^T where `upper`; only x's lower triangles are read."""
    y = factorizations.cholesky(floats(x))
    return ops.swapaxes(y, -1, -2) if upper else y


@plain
def cholesky_inverse(x, upper=False):
    """The inverse of L L^T, given L, or its transpose where `upper`."""
    x = floats(x)
    root = factorizations.inv(ops.triu(x) if upper else ops.tril(x))
    return ops.matmul(root, root, transpose_b=True) if upper else ops.matmul(root, root, transpose_a=True)


@plain
def logdet(x):
    """The logarithm of the determinant of positive definite matrices."""
    return linalg.logdet(floats(x))


@plain
def solve(a, b):
    """x of a x = b, b of vectors (one axis less than a) or matrices."""
    return factorizations.solve(*float_tensors(a, b))


@plain
def solve_triangular(a, b, lower=False):
    """`solve` of the upper, or where `lower` the lower, triangles of a."""
    a, b = float_tensors(a, b)
    return linalg.triangular_solve(a, b, lower=lower)


@plain
def qr(x, mode="reduced"):
    """Q and R of x = Q R; "complete" makes Q square."""
    return factorizations.qr(floats(x), mode)


@plain
def svd(x, full_matrices=True, compute_uv=True):
    """U, s and V^T of x = U diag(s) V^T; s alone where compute_uv is False."""
    u, s, vt = factorizations.svd(floats(x), full_matrices)
    return (u, s, vt) if compute_uv else s


@plain
def pinv(x, rcond=None):
    """The pseudoinverse; singular values up to rcond times the largest count as 0."""
    return factorizations.pinv(floats(x), rcond)


@plain
def lstsq(a, b, rcond=None):
    """x that makes the length of a x - b smallest, and of those the shortest; by the pseudoinverse."""
    a, b = float_tensors(a, b)
    return ops.matmul(factorizations.pinv(a, rcond), b)


@plain
def matrix_rank(x, tol=None):
    """How many singular values are above `tol`."""
    return factorizations.matrix_rank(floats(x), tol)


# ---- norms


def _matrix_norm(x, ord, keepdims):
    """A norm of the matrices in the last two axes."""
    if ord in (None, "fro"):
        return ops.l2_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in (1, -1, math.inf, -math.inf):
        along = -2 if abs(ord) == 1 else -1
        sums = ops.sum(ops.abs(x), axis=along, keepdims=True)
        return (ops.max if ord > 0 else ops.min)(sums, axis=(-2, -1), keepdims=keepdims)
    if ord in (2, -2, "nuc"):
        s = factorizations.svd(x, full_matrices=False)[1]
        y = ops.sum(s, axis=-1) if ord == "nuc" else (ops.max if ord > 0 else ops.min)(s, axis=-1)
        return ops.expand_dims(ops.expand_dims(y, -1), -1) if keepdims else y
    raise ValueError(
        f"[norm] ord is {ord!r} for matrices, expected 'fro', 'nuc', 1, 2, inf or their negatives"
    )


def _vector_norm(x, ord, axis, keepdims):
    if ord == 0:
        return ops.sum(ops.cast(ops.not_equal(x, 0.0), x.dtype), axis=axis, keepdims=keepdims)
    if ord == -math.inf:
        return ops.min(ops.abs(x), axis=axis, keepdims=keepdims)
    if isinstance(ord, (int, float)) and ord < 0:
        total = ops.sum(ops.power(ops.abs(x), float(ord)), axis=axis, keepdims=keepdims)
        return ops.power(total, 1.0 / ord)
    return linalg.norm(x, "euclidean" if ord is None else ord, axis=axis, keepdims=keepdims)


@node(LINALG)
def norm(x, ord=None, axis=None, keepdims=False):
    """The norm of vectors along an axis, of matrices in two axes, or of all elements as one vector.

    Parameters
        ord : of vectors any number or inf; of matrices "fro", 1, -1, inf, -inf, and on the host, as they need
            singular values, "nuc", 2 and -2. None is the root of the sum of squares
    """
    x, axis = floats(x), as_axis(axis)
    if ord is None:
        return ops.l2_norm(x, axis=axis, keepdims=keepdims)
    if axis is None:
        axis = tuple(range(x.ndim)) if x.ndim > 1 else 0
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    if isinstance(axis, int):
        return _vector_norm(x, ord, axis, keepdims)
    if len(axis) != 2:
        raise ValueError(f"[norm] ord is {ord!r} and axis {axis}, expected one axis or two")
    y = _matrix_norm(moveaxis(x, axis, (-2, -1)), ord, keepdims)
    return moveaxis(y, (-2, -1), axis) if keepdims else y
