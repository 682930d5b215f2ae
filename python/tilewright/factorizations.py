# SPDX-License-Identifier: Apache-2.0
"""Factorizations, inverses and solutions of matrices: NumPy's LAPACK on the host, gradients by operations.

No kernel computes them: values are read, so a step that holds one is not recorded, and on a GPU they travel
to the host and back. All take Tensors of matrices in the last two axes; 16 bits are computed in float32.
Gradients: M. Giles, "Collected matrix derivative results" (2008); of svd: J. Townsend, "Differentiating the
singular value decomposition" (2016); of qr: H.-J. Liao et al., arXiv:1903.09650; of pinv: Golub & Pereyra,
SIAM J. Numer. Anal. 10(2), 1973.
"""

from __future__ import annotations

import numpy as np

from tilewright import backend, ops
from tilewright.autograd import Tensor, result

__all__ = [
    "cholesky",
    "det",
    "eigh",
    "inv",
    "lu_factor",
    "matrix_rank",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "svd",
]


def _host(name: str, argument: str, x, square: bool = False) -> np.ndarray:
    """The values of matrices in a dtype that LAPACK takes."""
    if x.dtype.kind not in "fV":
        raise TypeError(f"[{name}] {argument} has dtype {x.dtype}, expected floats")
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ValueError(f"[{name}] {argument} has shape {x.shape}, expected {kind} in the last two axes")
    values = x.numpy()
    return values.astype(np.float32) if values.itemsize == 2 else values


def _back(values, x):
    """What the host computed, beside x and in its dtype."""
    return backend.beside(np.ascontiguousarray(np.asarray(values).astype(x.dtype, copy=False)), x.array)


def _computed(name: str, argument: str, why: str, function, *arguments):
    """function(*arguments); what LAPACK refuses is a ValueError."""
    try:
        return function(*arguments)
    except np.linalg.LinAlgError:
        raise ValueError(f"[{name}] {argument} {why}") from None


def _turned(x):
    return ops.swapaxes(x, -1, -2)


def _unit(n: int, like):
    return Tensor(backend.beside(np.eye(n, dtype=like.dtype), like.array))


def _on_diagonal(vector):
    """Matrices with vectors on their diagonals."""
    return ops.multiply(_unit(vector.shape[-1], vector), ops.expand_dims(vector, -1))


def _differences(values):
    """1 / (values[j] - values[i]) at (i, j), 0 on the diagonal."""
    unit = _unit(values.shape[-1], values)
    apart = ops.subtract(ops.expand_dims(values, -2), ops.expand_dims(values, -1))
    return ops.divide(ops.subtract(1.0, unit), ops.add(apart, unit))


# ---- of square matrices


def inv(x) -> Tensor:
    """The inverses. Raises ValueError for a singular matrix."""
    values = _computed(
        "inv", "x", "is singular, expected regular matrices", np.linalg.inv, _host("inv", "x", x, True)
    )

    def gradient(dy, y, needs):
        return (ops.negative(ops.matmul(ops.matmul(y, dy, transpose_a=True), y, transpose_b=True)),)

    return result(_back(values, x), (x,), gradient)


def solve(a, b) -> Tensor:
    """x of a x = b; b holds as many matrices as a, or vectors, with one axis less than a.

    Raises    ValueError: a singular matrix, shapes that do not fit
    """
    left, vectors = _host("solve", "a", a, True), b.ndim == a.ndim - 1
    right = b.numpy()
    right = right[..., None] if vectors else right
    if right.ndim < 2 or left.shape[-1] != right.shape[-2]:
        raise ValueError(
            f"[solve] b has shape {b.shape}, expected {a.shape[-1]} rows as a has, of shape {a.shape}"
        )
    values = _computed("solve", "a", "is singular, expected regular matrices", np.linalg.solve, left, right)

    def gradient(dy, y, needs):
        db = solve(_turned(a), dy)
        column, found = (ops.expand_dims(v, -1) if vectors else v for v in (db, y))
        da = ops.negative(ops.matmul(column, found, transpose_b=True))
        return ops.sum_to(da, a.shape), ops.sum_to(db, b.shape)

    return result(_back(values[..., 0] if vectors else values, b), (a, b), gradient)


def det(x) -> Tensor:
    """The determinants. The gradient is that of regular matrices."""
    values = np.linalg.det(_host("det", "x", x, True))

    def gradient(dy, y, needs):
        scale = ops.expand_dims(ops.expand_dims(ops.multiply(dy, y), -1), -1)
        return (ops.multiply(scale, _turned(inv(x))),)

    return result(_back(values, x), (x,), gradient)


def slogdet(x) -> tuple[Tensor, Tensor]:
    """The sign of the determinants, and the logarithm of their size: 0 and -inf for singular matrices."""
    values = np.linalg.slogdet(_host("slogdet", "x", x, True))

    def gradient(dys, ys, needs):
        if dys[1] is None:
            return (None,)
        return (ops.multiply(ops.expand_dims(ops.expand_dims(dys[1], -1), -1), _turned(inv(x))),)

    return result(tuple(_back(v, x) for v in values), (x,), gradient)


def cholesky(x) -> Tensor:
    """L of x = L L^T with zeros above the diagonal; only x's lower triangles are read.

    Raises    ValueError: a matrix that is not positive definite
    """
    why = "is not positive definite, expected matrices that are"
    values = _computed("cholesky", "x", why, np.linalg.cholesky, _host("cholesky", "x", x, True))

    def gradient(dy, y, needs):
        half = ops.subtract(1.0, ops.multiply(_unit(y.shape[-1], y), 0.5))
        middle = ops.multiply(ops.tril(ops.matmul(y, dy, transpose_a=True)), half)
        right = solve(_turned(y), _turned(middle))  # (middle L^-1)^T
        full = solve(_turned(y), _turned(right))
        return (ops.multiply(ops.add(full, _turned(full)), 0.5),)

    return result(_back(values, x), (x,), gradient)


def eigh(x) -> tuple[Tensor, Tensor]:
    """Eigenvalues of symmetric matrices, rising, and eigenvectors as columns; only lower triangles are read.

    The gradient is symmetric; eigenvectors have none where eigenvalues are equal (it is not finite there).
    """
    values = np.linalg.eigh(_host("eigh", "x", x, True))

    def gradient(dys, ys, needs):
        (dw, dv), (w, v) = dys, ys
        inside = ops.zeros_like(v) if dw is None else _on_diagonal(dw)
        if dv is not None:
            inside = ops.add(inside, ops.multiply(_differences(w), ops.matmul(v, dv, transpose_a=True)))
        dx = ops.matmul(ops.matmul(v, inside), v, transpose_b=True)
        return (ops.multiply(ops.add(dx, _turned(dx)), 0.5),)

    return result(tuple(_back(v, x) for v in values), (x,), gradient)


# ---- of any matrices


def qr(x, mode: str = "reduced") -> tuple[Tensor, Tensor]:
    """Q and R of x = Q R: orthonormal columns, and zeros below the diagonal.

    mode : "reduced", or "complete": Q is square. The gradient is that of "reduced" for at least as many rows
    as columns
    """
    if mode not in ("reduced", "complete"):
        raise ValueError(f"[qr] mode is {mode!r}, expected 'reduced' or 'complete'")
    values = np.linalg.qr(_host("qr", "x", x), mode)

    def gradient(dys, ys, needs):
        (q, r), (rows, columns) = ys, x.shape[-2:]
        if rows < columns or (mode == "complete" and rows != columns):
            raise NotImplementedError(
                f"[qr] x has shape {x.shape} in mode {mode!r}, expected at least as many rows as columns and "
                "'reduced' where its gradient is asked for"
            )
        dq, dr = (ops.zeros_like(y) if d is None else d for d, y in zip(dys, ys, strict=True))
        m = ops.subtract(ops.matmul(r, dr, transpose_b=True), ops.matmul(dq, q, transpose_a=True))
        lower = ops.tril(m)
        m = ops.add(lower, _turned(ops.tril(m, -1)))
        return (_turned(solve(r, _turned(ops.add(dq, ops.matmul(q, m))))),)

    return result(tuple(_back(v, x) for v in values), (x,), gradient)


def svd(x, full_matrices: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """U, s and V^T of x = U diag(s) V^T, s falling.

    full_matrices : U and V are square. The gradient by their further columns is not there
    """
    values = np.linalg.svd(_host("svd", "x", x), full_matrices)

    def gradient(dys, ys, needs):
        (du, ds, dvt), (u, s, vt) = dys, ys
        rows, columns = x.shape[-2:]
        if full_matrices and rows != columns and (du is not None or dvt is not None):
            raise NotImplementedError(
                f"[svd] x has shape {x.shape} and full_matrices is True, expected False where the gradient "
                "by its vectors is asked for"
            )
        u, vt = u[..., : s.shape[-1]], vt[..., : s.shape[-1], :]
        inside, outside = ops.zeros_like(_on_diagonal(s)) if ds is None else _on_diagonal(ds), None
        wide, tall = ops.expand_dims(s, -2), ops.expand_dims(s, -1)
        if du is not None:
            turn = ops.matmul(u, du, transpose_a=True)
            turn = ops.multiply(_differences(ops.square(s)), ops.subtract(turn, _turned(turn)))
            inside = ops.add(inside, ops.multiply(turn, wide))
            rest = ops.subtract(du, ops.matmul(u, ops.matmul(u, du, transpose_a=True)))
            outside = ops.matmul(ops.divide(rest, wide), vt)
        if dvt is not None:
            turn = ops.matmul(vt, dvt, transpose_b=True)
            turn = ops.multiply(_differences(ops.square(s)), ops.subtract(turn, _turned(turn)))
            inside = ops.add(inside, ops.multiply(turn, tall))
            rest = ops.subtract(dvt, ops.matmul(ops.matmul(dvt, vt, transpose_b=True), vt))
            rest = ops.matmul(u, ops.divide(rest, tall))
            outside = rest if outside is None else ops.add(outside, rest)
        dx = ops.matmul(ops.matmul(u, inside), vt)
        return (dx if outside is None else ops.add(dx, outside),)

    return result(tuple(_back(v, x) for v in values), (x,), gradient)


def pinv(x, rcond: float | None = None) -> Tensor:
    """The pseudoinverses; singular values up to rcond times the largest count as 0.

    rcond : max(rows, columns) * eps where None. The gradient is that of matrices of locally constant rank
    """
    values = _host("pinv", "x", x)
    rcond = max(values.shape[-2:]) * float(np.finfo(values.dtype).eps) if rcond is None else float(rcond)
    values = np.linalg.pinv(values, rcond)

    def gradient(dy, y, needs):
        rows, columns = x.shape[-2:]
        beside = ops.subtract(_unit(rows, x), ops.matmul(x, y))
        below = ops.subtract(_unit(columns, x), ops.matmul(y, x))
        turned = _turned(dy)
        first = ops.matmul(ops.matmul(y, dy, transpose_a=True), y, transpose_b=True)
        second = ops.matmul(ops.matmul(beside, turned), ops.matmul(y, y, transpose_b=True))
        third = ops.matmul(ops.matmul(y, y, transpose_a=True), ops.matmul(turned, below))
        return (ops.add(ops.subtract(second, first), third),)

    return result(_back(values, x), (x,), gradient)


def _lu(a: np.ndarray):
    """L and U of one square matrix, the row exchanged with each, and the order of rows that makes.

    Partial pivoting, column by column: Golub & Van Loan, "Matrix Computations", section 3.4."""
    a, order = a.copy(), np.arange(a.shape[0])
    pivots = order.astype(np.int32)
    for k in range(a.shape[0]):
        pivots[k] = k + np.argmax(np.abs(a[k:, k]))
        for rows in (a, order):
            rows[[k, pivots[k]]] = rows[[pivots[k], k]]
        if a[k, k] != 0:
            a[k + 1 :, k] /= a[k, k]
            a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return a, pivots, order


def lu_factor(x) -> tuple[Tensor, Tensor]:
    """L and U of square matrices in one array (L's diagonal of ones is left out), and the row exchanged with
    each row, in order, int32. The gradient is that of regular matrices."""
    values = _host("lu_factor", "x", x, True)
    factors, orders = np.empty_like(values), np.empty(values.shape[:-1], np.int64)
    pivots = np.empty(values.shape[:-1], np.int32)
    for place in np.ndindex(values.shape[:-2]):
        factors[place], pivots[place], orders[place] = _lu(values[place])
    places = backend.beside(np.argsort(orders, axis=-1)[..., None], x.array)

    def gradient(dys, ys, needs):
        if dys[0] is None:
            return (None,)
        unit = _unit(x.shape[-1], x)
        lower, upper = ops.add(ops.tril(ys[0], -1), unit), ops.triu(ys[0])
        inside = ops.tril(ops.matmul(lower, ops.tril(dys[0], -1), transpose_a=True), -1)
        inside = ops.add(inside, ops.triu(ops.matmul(ops.triu(dys[0]), upper, transpose_b=True)))
        dx = solve(_turned(lower), _turned(solve(upper, _turned(inside))))
        return (ops.take_along_axis(dx, places, axis=-2),)

    return result((_back(factors, x), backend.beside(pivots, x.array)), (x,), gradient)


def matrix_rank(x, tol: float | None = None) -> Tensor:
    """How many singular values are above `tol` (where None the largest times max(rows, columns) * eps)."""
    values = np.linalg.matrix_rank(_host("matrix_rank", "x", x), tol)
    return Tensor(backend.beside(np.asarray(values, np.int32), x.array))
