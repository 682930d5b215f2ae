# SPDX-License-Identifier: Apache-2.0
"""Matrix products, batched, with scaling, accumulation and a fused epilogue, and their gradients."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import Tensor, raw, recording, result, tracked
from tilewright.ops import elementwise, reduce
from tilewright.ops._common import contiguous, copied, destination, given_back

__all__ = ["matmul", "matmul_integers"]

ndarray = np.ndarray

# Activations whose gradient needs their argument; it is kept as a second output while a tape is open.
_NEED_ARGUMENT = ("gelu", "gelu_tanh", "silu", "swish")


def matmul(
    a,
    b,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    alpha: float = 1.0,
    beta: float = 0.0,
    bias=None,
    activation: str | None = None,
    residual=None,
    slope: float | None = None,
    out=None,
):
    """Matrix product over the last two axes; the axes before them are a batch and broadcast as in NumPy.

        out = activation(alpha * op(a) @ op(b) + beta * out + bias + residual)

    Parameters
        a : (..., M, K) array, or (..., K, M) with transpose_a; float32 or float64, any strides; on CUDA and
            simt also float16 and bfloat16
        b : (..., K, N) array, or (..., N, K) with transpose_b; dtype of a, any strides.
            A vector (K,) on either side is a row before and a column behind; the result lacks its axis
        transpose_a, transpose_b : use a or b with its last two axes swapped
        alpha : factor of the product;  beta : factor of what `out` holds; 0 does not read it
        bias : (N,), optional
        activation : None or "linear", "relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "gelu" (erf),
            "gelu_tanh", "silu" or "swish", "softplus"
        residual : array like the result, optional
        slope : leaky_relu's slope below zero (0.2 by default, as Keras), elu's alpha (1 by default)
        out : (..., M, N) array, optional; must share no memory with the inputs; needed where beta is not 0
    Returns   (..., M, N) array of the dtype of a
    Raises    ValueError: shapes that do not fit, an unknown activation, beta without out, out that overlaps
              an input.  TypeError: no arrays, other dtypes or two different ones
    Numerics  accumulates in the dtype of a, along K in an order that depends on shapes and strides alone: any
              number of threads gives the same bits. Tested in float32 to 2e-6 of each element and 1e-5 of
              the largest
    Backends  cpu, simt, cuda (16-bit types accumulate in float32)
    Notes     Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008); Van Zee &
              van de Geijn, "BLIS" (2015). Strided inputs are read where they lie, without a copy.
    Examples
        >>> a = np.array([[1, 2], [3, 4]], np.float32)
        >>> matmul(a, a)
        array([[ 7., 10.],
               [15., 22.]], dtype=float32)
        >>> matmul(a, a, transpose_b=True, bias=np.array([-10, 0], np.float32), activation="relu")
        array([[ 0., 11.],
               [ 1., 25.]], dtype=float32)
    """
    if type(a) is ndarray and type(b) is ndarray and bias is None and residual is None:
        # What small products in a loop need and no more; the module checks the rest.
        y = None
        if out is None:
            if a.ndim == 2 and b.ndim == 2 and beta == 0.0:
                y = backend.empty(
                    (a.shape[-1 if transpose_a else -2], b.shape[-2 if transpose_b else -1]), a.dtype, a
                )
        elif type(out) is ndarray and a.ndim > 1 and b.ndim > 1 and out.flags.c_contiguous:
            y = out
        if y is not None:
            backend.module_of(a).matmul(
                y, a, b, transpose_a, transpose_b, alpha, beta, None, activation, slope
            )
            return y
    x = a if type(a) is ndarray else raw("matmul", "a", a)
    w = b if type(b) is ndarray else raw("matmul", "b", b)
    if x.ndim < 2 or w.ndim < 2:
        return _with_vectors(
            a,
            b,
            x,
            w,
            transpose_a=transpose_a,
            transpose_b=transpose_b,
            alpha=alpha,
            beta=beta,
            bias=bias,
            activation=activation,
            residual=residual,
            slope=slope,
            out=out,
        )
    shape = (x.shape[-1 if transpose_a else -2], w.shape[-2 if transpose_b else -1])
    if x.ndim > 2 or w.ndim > 2:
        shape = _batch_shape(x.shape, w.shape) + shape
    if out is None:
        if beta != 0.0:
            raise ValueError(
                "[matmul] beta is not 0 but out is missing, expected the array to accumulate into"
            )
        y = backend.empty(shape, x.dtype, x)
        target = y
    else:
        target = destination("matmul", out, shape, x.dtype, x)
        y = target
        if shape[-1] > 1 and y.strides[-1] != y.itemsize:
            y = copied(target) if beta != 0.0 else backend.empty(shape, x.dtype, x)
    if bias is None and residual is None and type(a) is ndarray and type(b) is ndarray:
        backend.module_of(x).matmul(y, x, w, transpose_a, transpose_b, alpha, beta, None, activation, slope)
        return y if y is target else given_back(out, y)
    inputs = (a, b, bias, residual, out if beta != 0.0 else None)
    z = None
    if activation in _NEED_ARGUMENT and recording() and any(tracked(i) for i in inputs):
        z = backend.empty(shape, x.dtype, x)
    backend.module_of(x).matmul(
        y,
        x,
        w,
        transpose_a,
        transpose_b,
        alpha,
        beta,
        None if bias is None else contiguous(raw("matmul", "bias", bias)),
        activation,
        slope,
        None if residual is None else _rows(raw("matmul", "residual", residual)),
        z,
    )
    y = y if y is target else given_back(out, y)
    gradient = _gradient(a, b, bias, transpose_a, transpose_b, alpha, beta, activation, slope)
    return result(y, inputs, gradient) if z is None else result((y, z), inputs, gradient)[0]


def _batch_shape(x: tuple, w: tuple) -> tuple[int, ...]:
    """The batch axes of the product of arrays with these shapes."""
    if len(w) == 2:
        return x[:-2]
    try:
        return np.broadcast_shapes(x[:-2], w[:-2])
    except ValueError:
        raise ValueError(
            f"[matmul] b has shape {w}, expected batch axes that broadcast with those of a, {x}"
        ) from None


def _rows(a):
    return a if a.ndim and a.strides[-1] == a.itemsize else contiguous(a)


def _with_vectors(a, b, x, w, *, transpose_a, transpose_b, residual, out, **options):
    """A product with a vector: the missing axis is put in, and taken out of the result."""
    from tilewright.ops import shape

    for name, v in (("a", x), ("b", w)):
        if v.ndim == 0:
            raise ValueError(f"[matmul] {name} has shape (), expected at least 1 dimension")
    if x.ndim == 1:
        a, transpose_a = shape.expand_dims(a, 0), False
    if w.ndim == 1:
        b, transpose_b = shape.expand_dims(b, 1), False
    axes = tuple(axis for axis, v in ((-2, x), (-1, w)) if v.ndim == 1)
    index = (
        ...
        if not axes
        else (..., None)
        if axes == (-1,)
        else (..., None, slice(None))
        if axes == (-2,)
        else (..., None, None)
    )
    wide = [
        None if v is None else raw("matmul", name, v)[index]
        for name, v in (("residual", residual), ("out", out))
    ]
    if isinstance(residual, Tensor):
        wide[0] = shape.getitem(residual, index)
    if isinstance(out, Tensor):
        wide[1] = shape.getitem(out, index)
    y = matmul(
        a, b, transpose_a=transpose_a, transpose_b=transpose_b, residual=wide[0], out=wide[1], **options
    )
    narrow = shape.squeeze(y, axes)
    return (
        narrow if out is None or isinstance(narrow, Tensor) else given_back(out, raw("matmul", "out", narrow))
    )


def _gradient(a, b, bias, transpose_a, transpose_b, alpha, beta, activation, slope):
    """The gradient function of one product, for autograd.result."""

    def gradient(dy, y, needs):
        dz, saved = dy, y
        if isinstance(y, tuple):  # z was kept: y is (y, z), and a second differentiation may flow into z
            (dz, extra), saved = dy, y[1]
        else:
            extra = None
        dbias = None
        if dz is not None and activation not in (None, "linear"):
            both = needs[2] and extra is None
            dz = elementwise.bias_activation_backward(dz, saved, activation, slope=slope, bias_gradient=both)
            dz, dbias = dz if both else (dz, None)
        if extra is not None:
            dz = extra if dz is None else elementwise.add(dz, extra)
        if needs[2] and dbias is None:
            dbias = reduce.sum_to(dz, raw("matmul", "bias", bias).shape)
        da, db = _gradients_of_factors(dz, a, b, transpose_a, transpose_b, alpha, needs)
        return (
            da,
            db,
            dbias,
            dz if needs[3] else None,
            (dz if beta == 1.0 else elementwise.multiply(dz, beta)) if needs[4] else None,
        )

    return gradient


def _gradients_of_factors(dz, a, b, transpose_a, transpose_b, alpha, needs):
    """Gradients by a and b, batch axes summed where they were broadcast."""
    da = db = None
    a_shape, b_shape = raw("matmul", "a", a).shape, raw("matmul", "b", b).shape
    if needs[0]:
        if transpose_a:
            da = matmul(b, dz, transpose_a=transpose_b, transpose_b=True, alpha=alpha)
        else:
            da = matmul(dz, b, transpose_b=not transpose_b, alpha=alpha)
        da = da if da.shape == a_shape else reduce.sum_to(da, a_shape)
    if needs[1]:
        if len(b_shape) == 2 and len(a_shape) > 2 and not transpose_a:
            # One product with all rows of the batch in its sum, in place of many that are added up.
            from tilewright.ops import shape

            a, dz = shape.reshape(a, (-1, a_shape[-1])), shape.reshape(dz, (-1, dz.shape[-1]))
        if transpose_b:
            db = matmul(dz, a, transpose_a=True, transpose_b=transpose_a, alpha=alpha)
        else:
            db = matmul(a, dz, transpose_a=not transpose_a, alpha=alpha)
        db = db if db.shape == b_shape else reduce.sum_to(db, b_shape)
    return da, db


def matmul_integers(a, b):
    """The product of matrices of integers over the last two axes, those before them a batch; no gradient.

    One product of a column and a row after another: exact, and where the dtype is too small it wraps around.

    Parameters
        a : integer array (.., m, k);  b : integer array (.., k, n) of the same dtype
    Returns   y : (.., m, n)
    Raises    ValueError: other shapes
    Examples
        >>> matmul_integers(np.array([[1, 2]]), np.array([[3], [4]]))
        array([[11]])
    """
    x, w = raw("matmul", "a", a), raw("matmul", "b", b)
    if x.ndim < 2 or w.ndim < 2 or x.shape[-1] != w.shape[-2] or not x.shape[-1]:
        raise ValueError(
            f"[matmul] a has shape {x.shape} and b {w.shape}, expected (.., m, k) and (.., k, n) of integers"
        )
    y = elementwise.multiply(x[..., :1], w[..., :1, :])
    for i in range(1, x.shape[-1]):
        y = elementwise.add(y, elementwise.multiply(x[..., i : i + 1], w[..., i : i + 1, :]))
    return result(y, (a, b), None)
