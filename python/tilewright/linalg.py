# SPDX-License-Identifier: Apache-2.0
"""`tf.linalg`: products, norms, diagonals and bands of matrices, factorizations and solutions."""

from __future__ import annotations

import math

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.suggestion import missing
from tilewright.tf import solutions
from tilewright.tf.arguments import as_axis, operands
from tilewright.tf.arguments import tensor as _tensor
from tilewright.tf.clipping import global_norm
from tilewright.tf.creation import eye
from tilewright.tf.products import einsum, matmul, matvec, outer, tensordot
from tilewright.tf.solutions import *  # noqa: F403

__all__ = [
    *solutions.__all__,
    "band_part", "cross", "diag", "diag_part", "einsum", "eye", "global_norm", "l2_normalize", "matmul",
    "matrix_transpose", "matvec", "norm", "normalize", "outer", "set_diag", "tensor_diag", "tensor_diag_part",
    "tensordot", "trace",
]  # fmt: skip

__getattr__ = missing(__name__, __all__, {"eig": "the engine has no complex numbers; eigh is there"})


def norm(tensor, ord="euclidean", axis=None, keepdims=None, name=None) -> Tensor:
    """The norm of vectors, or the Euclidean norm of anything.

    Parameters
        ord : "euclidean" (also "fro"), 1, 2, inf, or another positive number
        axis : int for vectors, a pair for matrices, None for all elements as one vector
    Raises    ValueError: a norm of matrices other than the Euclidean, an order that is not positive
    Examples
        >>> norm([[3.0, 4.0], [0.0, 1.0]], axis=1).numpy()
        array([5., 1.], dtype=float32)
    """
    x, axis, keep = _tensor(tensor), as_axis(axis), bool(keepdims)
    if ord in ("euclidean", "fro") or (ord == 2 and not isinstance(axis, tuple)):
        return ops.l2_norm(x, axis=axis, keepdims=keep)
    if isinstance(axis, tuple) and len(axis) > 1:
        raise ValueError(f"[norm] ord is {ord!r} for matrices, expected 'euclidean'")
    if not isinstance(ord, (int, float)) or not ord > 0:
        raise ValueError(f"[norm] ord is {ord!r}, expected 'euclidean' or a positive number")
    size = ops.abs(x)
    if math.isinf(ord):
        return ops.max(size, axis=axis, keepdims=keep)
    if ord == 1:
        return ops.sum(size, axis=axis, keepdims=keep)
    return ops.power(ops.sum(ops.power(size, float(ord)), axis=axis, keepdims=keep), 1.0 / ord)


def normalize(tensor, ord="euclidean", axis=None, name=None) -> tuple[Tensor, Tensor]:
    """`tensor` divided by its norm, and the norm."""
    size = norm(tensor, ord, axis, keepdims=True)
    return ops.divide(_tensor(tensor), size), size


def l2_normalize(x, axis=None, epsilon=1e-12, name=None) -> Tensor:
    """x / sqrt(max(sum(x^2), epsilon)) along axes."""
    x = _tensor(x)
    total = ops.sum(ops.square(x), axis=as_axis(axis), keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, epsilon)))


def matrix_transpose(a, name=None, conjugate=False) -> Tensor:
    """The last two axes exchanged."""
    return ops.swapaxes(_tensor(a), -1, -2)


def cross(a, b, name=None) -> Tensor:
    """The cross product of vectors of 3."""
    a, b = (_tensor(x) for x in operands(a, b))
    if a.shape[-1:] != (3,) or b.shape[-1:] != (3,):
        raise ValueError(f"[cross] a has shape {a.shape} and b {b.shape}, expected a last axis of 3")

    def turned(x, by):
        return ops.roll(x, -by, axis=-1)

    return ops.subtract(ops.multiply(turned(a, 1), turned(b, 2)), ops.multiply(turned(a, 2), turned(b, 1)))


def _on_diagonal(rows: int, columns: int, k: int = 0) -> np.ndarray:
    """Mask of a matrix: true on diagonal k."""
    return np.arange(columns) - np.arange(rows)[:, None] == k


def _zero(x) -> np.ndarray:
    return np.zeros((), x.dtype)


def diag(diagonal, name="diag", k=0, num_rows=-1, num_cols=-1, padding_value=0, align="RIGHT_LEFT") -> Tensor:
    """Square matrices with the last axis of `diagonal` on diagonal k, zeros elsewhere."""
    x = _tensor(diagonal)
    if num_rows != -1 or num_cols != -1 or not isinstance(k, int):
        raise ValueError(
            "[diag] num_rows, num_cols or a range for k is given, expected one diagonal of a square matrix"
        )
    n = x.shape[-1]
    wide = ops.where(Tensor(_on_diagonal(n, n)), ops.expand_dims(x, -1), _zero(x))
    size = abs(k)
    edges = ((0, size), (size, 0)) if k >= 0 else ((size, 0), (0, size))
    wide = ops.pad(wide, (*((0, 0),) * (x.ndim - 1), *edges)) if size else wide
    if not padding_value:
        return wide
    return ops.where(Tensor(_on_diagonal(n + size, n + size, k)), wide, padding_value)


def diag_part(input, name="diag_part", k=0, padding_value=0, align="RIGHT_LEFT") -> Tensor:
    """Diagonal k of the matrices in the last two axes."""
    x = _tensor(input)
    if x.ndim < 2:
        raise ValueError(f"[diag_part] input has shape {x.shape}, expected at least 2 dimensions")
    rows, columns = x.shape[-2:]
    first_row, first_column = max(-k, 0), max(k, 0)
    n = min(rows - first_row, columns - first_column)
    if n <= 0:
        raise ValueError(f"[diag_part] k is {k}, expected a diagonal of matrices of {rows} x {columns}")
    flat = ops.reshape(x, (*x.shape[:-2], rows * columns))
    start = first_row * columns + first_column
    return flat[..., start : start + (n - 1) * (columns + 1) + 1 : columns + 1]


def set_diag(input, diagonal, name="set_diag", k=0, align="RIGHT_LEFT") -> Tensor:
    """The matrices in the last two axes with `diagonal` on their main diagonal."""
    x, values = (_tensor(v) for v in operands(input, diagonal))
    if k != 0:
        raise ValueError(f"[set_diag] k is {k}, expected 0")
    rows, columns = x.shape[-2:]
    n = min(rows, columns)
    if values.shape[-1:] != (n,):
        raise ValueError(f"[set_diag] diagonal has shape {values.shape}, expected a last axis of {n}")
    spread = ops.broadcast_to(ops.expand_dims(values, -1), (*values.shape, n))
    spread = ops.pad(spread, (*((0, 0),) * (x.ndim - 2), (0, rows - n), (0, columns - n)))
    return ops.where(Tensor(_on_diagonal(rows, columns)), spread, x)


def tensor_diag(diagonal, name=None) -> Tensor:
    """A tensor of twice as many axes with `diagonal` on its diagonal."""
    x = _tensor(diagonal)
    return ops.reshape(diag(ops.reshape(x, (-1,))), tuple(x.shape) * 2)


def tensor_diag_part(input, name=None) -> Tensor:
    """The diagonal of a tensor of twice as many axes."""
    x = _tensor(input)
    half = tuple(x.shape[: x.ndim // 2])
    if x.ndim % 2 or tuple(x.shape[x.ndim // 2 :]) != half:
        raise ValueError(f"[tensor_diag_part] input has shape {x.shape}, expected the same sizes twice")
    n = math.prod(half)
    return ops.reshape(diag_part(ops.reshape(x, (n, n))), half)


def trace(x, name=None) -> Tensor:
    """The sum of the diagonal of the matrices in the last two axes."""
    return ops.sum(diag_part(x), axis=-1)


def band_part(input, num_lower, num_upper, name=None) -> Tensor:
    """The matrices in the last two axes with zeros outside `num_lower` diagonals below and `num_upper` above
    the main one; -1 keeps all on that side. `band_part(ones, -1, 0)` is a causal mask.
    """
    x = _tensor(input)
    lower, upper = int(num_lower), int(num_upper)
    if lower >= 0:
        x = ops.triu(x, -lower)
    return ops.tril(x, upper) if upper >= 0 else x
