# SPDX-License-Identifier: Apache-2.0
"""`tf.linalg`: factorizations, inverses and solutions of matrices, by `factorizations` on the host."""

from __future__ import annotations

import numpy as np

from tilewright import factorizations, ops
from tilewright.autograd import Tensor
from tilewright.tf.arguments import operands
from tilewright.tf.arguments import tensor as _tensor
from tilewright.tf.creation import eye

__all__ = [
    "cholesky", "cholesky_solve", "det", "eigh", "eigvalsh", "inv", "logdet", "lstsq", "matrix_rank", "pinv",
    "qr", "slogdet", "solve", "svd", "triangular_solve",
]  # fmt: skip


def _pair(a, b) -> tuple[Tensor, ...]:
    """Two values as Tensors; arrays and lists take the dtype of a Tensor beside them."""
    return tuple(_tensor(x) for x in operands(a, b))


def _turned(x) -> Tensor:
    return ops.swapaxes(x, -1, -2)


def cholesky(input, name=None) -> Tensor:
    """L of input = L L^T, with zeros above the diagonal."""
    return factorizations.cholesky(_tensor(input))


def cholesky_solve(chol, rhs, name=None) -> Tensor:
    """x of chol chol^T x = rhs."""
    lower, right = _pair(chol, rhs)
    return triangular_solve(lower, triangular_solve(lower, right), adjoint=True)


def det(input, name=None) -> Tensor:
    """The determinants."""
    return factorizations.det(_tensor(input))


def slogdet(input, name=None) -> tuple[Tensor, Tensor]:
    """The sign of the determinants and the logarithm of their size."""
    return factorizations.slogdet(_tensor(input))


def logdet(matrix, name=None) -> Tensor:
    """The logarithm of the determinants of positive definite matrices."""
    lower = factorizations.cholesky(_tensor(matrix))
    n = lower.shape[-1]
    flat = ops.reshape(lower, (*lower.shape[:-2], n * n))
    return ops.multiply(ops.sum(ops.log(flat[..., :: n + 1]), axis=-1), 2.0)


def inv(input, adjoint=False, name=None) -> Tensor:
    """The inverses, or with `adjoint` their transposes."""
    y = factorizations.inv(_tensor(input))
    return _turned(y) if adjoint else y


def pinv(a, rcond=None, validate_args=False, name=None) -> Tensor:
    """The pseudoinverses; singular values up to rcond times the largest count as 0. `validate_args` changes
    nothing: shapes are always checked."""
    x = _tensor(a)
    if rcond is None:  # TensorFlow's ten times NumPy's
        rcond = 10.0 * max(x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    return factorizations.pinv(x, rcond)


def matrix_rank(a, tol=None, validate_args=False, name=None) -> Tensor:
    """How many singular values are above `tol`, int32. `validate_args` changes nothing."""
    return factorizations.matrix_rank(_tensor(a), tol)


def solve(matrix, rhs, adjoint=False, name=None) -> Tensor:
    """x of matrix x = rhs, or with `adjoint` of matrix^T x = rhs; rhs holds matrices."""
    left, right = _pair(matrix, rhs)
    return factorizations.solve(_turned(left) if adjoint else left, right)


def triangular_solve(matrix, rhs, lower=True, adjoint=False, name=None) -> Tensor:
    """`solve` of the lower, or else the upper, triangles of the matrices."""
    left, right = _pair(matrix, rhs)
    return solve(ops.tril(left) if lower else ops.triu(left), right, adjoint)


def lstsq(matrix, rhs, l2_regularizer=0.0, fast=True, name=None) -> Tensor:
    """x that makes |matrix x - rhs|^2 + l2_regularizer |x|^2 smallest, the shortest of several.

    fast : by the normal equations, which need columns (rows, where there are fewer) that are independent;
        else by the pseudoinverse, which takes no regularizer, as in TensorFlow
    """
    left, right = _pair(matrix, rhs)
    if not fast:
        return ops.matmul(factorizations.pinv(left), right)
    rows, columns = left.shape[-2:]
    tall, turned = rows >= columns, _turned(left)
    square = ops.matmul(turned, left) if tall else ops.matmul(left, turned)
    if l2_regularizer:
        square = ops.add(square, ops.multiply(eye(min(rows, columns), dtype=left.dtype), l2_regularizer))
    if tall:
        return factorizations.solve(square, ops.matmul(turned, right))
    return ops.matmul(turned, factorizations.solve(square, right))


def qr(input, full_matrices=False, name=None) -> tuple[Tensor, Tensor]:
    """Q and R of input = Q R; with `full_matrices` Q is square."""
    return factorizations.qr(_tensor(input), "complete" if full_matrices else "reduced")


def svd(tensor, full_matrices=False, compute_uv=True, name=None):
    """s, U and V of tensor = U diag(s) V^T, s falling; s alone where compute_uv is False."""
    u, s, vt = factorizations.svd(_tensor(tensor), full_matrices)
    return (s, u, _turned(vt)) if compute_uv else s


def eigh(tensor, name=None) -> tuple[Tensor, Tensor]:
    """Eigenvalues of symmetric matrices, rising, and eigenvectors as columns."""
    return factorizations.eigh(_tensor(tensor))


def eigvalsh(tensor, name=None) -> Tensor:
    """The eigenvalues of symmetric matrices, rising."""
    return eigh(tensor)[0]
