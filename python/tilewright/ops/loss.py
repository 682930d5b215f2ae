# SPDX-License-Identifier: Apache-2.0
"""Losses that find their gradient in the pass that finds the loss."""

from __future__ import annotations

import operator

from tilewright import backend
from tilewright.autograd import raw, recording, result, tracked
from tilewright.ops import elementwise, reduce, shape, softmax
from tilewright.ops._common import contiguous, destination, given_back
from tilewright.ops._operands import in_dtype
from tilewright.ops.loss_probability import binary_cross_entropy, categorical_cross_entropy
from tilewright.ops.loss_reduction import check_reduction, of_rows, reduced_result, unreduced

__all__ = [
    "binary_cross_entropy",
    "categorical_cross_entropy",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]


def softmax_cross_entropy(
    logits, labels, *, label_smoothing: float = 0.0, ignore_index=None, reduction: str = "none", out=None
):
    """Cross-entropy of softmax(logits) with class ids or with probabilities, over the last axis.

        loss = -sum_c q[c] * log(softmax(logits)[c]);   q = (1 - label_smoothing) * label + label_smoothing /
            C

    Parameters
        logits : (..., C) array, float32 or float64
        labels : (...) int array of ids in 0 .. C - 1 (uint8 and int8 are cast), or (..., C) probabilities of
            the dtype of logits, of any sum
        label_smoothing : 0 to 1, spread evenly over the classes, as in Keras and PyTorch
        ignore_index : id whose rows have loss 0 and no gradient (PyTorch: -100 by default; Keras's
            ignore_class); only for ids
        reduction : "none"; "sum"; or "mean", over the rows that are not ignored, as PyTorch and Keras 3 do.
            With probabilities every row counts
        out : array of the result's shape and the dtype of logits, optional
    Returns   loss : (...), or () where reduced; NaN for the mean of nothing
    Raises    ValueError: a label out of range (its index and value), sizes that do not fit, an unknown
              reduction; nothing is written then.  TypeError: other dtypes.
    Numerics  log(sum exp(x - max)) - (x - max)[label]: no overflow, no log of a small probability; sums in
              blocks that are joined in float64. Float32 tolerance tested: 4e-6. A class with q = 0 adds
              nothing, even at a logit of -inf
    Backends  cpu
    Notes     While a tape records logits, softmax(logits) - q is written in the same pass. Szegedy et al.,
              arXiv:1512.00567 (label smoothing).
    Examples
        >>> softmax_cross_entropy(np.zeros((1, 4), np.float32), np.array([2]))
        array([1.3862944], dtype=float32)
    """
    name = "softmax_cross_entropy"
    xs, ids = raw(name, "logits", logits), raw(name, "labels", labels)
    check_reduction(name, reduction)
    _check_dimensions(name, "logits", xs)
    lead, classes = xs.shape[:-1], xs.shape[-1]
    sparse = ids.dtype.kind in "iu"
    if not sparse and ids.dtype != xs.dtype:
        raise TypeError(f"[{name}] labels has dtype {ids.dtype}, expected ids (int32, int64) or {xs.dtype}")
    if ids.shape != (lead if sparse else xs.shape):
        raise ValueError(
            f"[{name}] labels has shape {ids.shape}, expected {lead if sparse else xs.shape} for "
            f"{'ids' if sparse else 'probabilities'} beside logits of shape {xs.shape}"
        )
    if sparse and ids.dtype.itemsize < 4:
        ids = in_dtype(ids, "int64")
    ignored = None if ignore_index is None else _index(name, ignore_index, sparse)
    rows = backend.size_of(lead)
    flat = contiguous(ids).reshape((rows,) if sparse else (rows, classes))
    loss, dlogits = _run(
        name,
        (logits,),
        lead,
        xs,
        xs.shape,
        unreduced(out, reduction),
        lambda loss, dlogits: backend.module_of(xs).softmax_cross_entropy(
            loss.reshape(rows),
            None if dlogits is None else dlogits.reshape(rows, classes),
            contiguous(xs).reshape(rows, classes),
            flat,
            label_smoothing,
            ignored,
        ),
    )
    counted = None if ignored is None else elementwise.cast(elementwise.not_equal(ids, ignored), xs.dtype)

    def gradient(dy, _, needs):
        each = of_rows(dy)
        by_logits = by_labels = None
        if needs[0]:
            by_logits = elementwise.multiply(_slope(dlogits, logits, labels, label_smoothing, counted), each)
        if needs[1]:
            log_p = softmax.log_softmax(logits)
            by_labels = elementwise.multiply(elementwise.multiply(log_p, label_smoothing - 1.0), each)
        return by_logits, by_labels

    return reduced_result(loss, (logits, None if sparse else labels), gradient, reduction, out, counted)


def _slope(dlogits, logits, labels, label_smoothing: float, counted):
    """The saved softmax(logits) * sum(q) - q as a differentiable function of logits and labels."""
    dense = raw("softmax_cross_entropy", "labels", labels).dtype.kind in "fV"

    def gradient(dd, _, needs):
        p = softmax.softmax(logits)
        by_logits = by_labels = None
        if needs[0]:
            weighted = dd
            if dense:
                weighted = elementwise.multiply(
                    dd,
                    reduce.sum(_smoothed(labels, label_smoothing, logits.shape[-1]), axis=-1, keepdims=True),
                )
            elif counted is not None:
                weighted = elementwise.multiply(dd, shape.expand_dims(counted, -1))
            by_logits = softmax.softmax_backward(weighted, p)
        if needs[1]:
            along = reduce.sum(elementwise.multiply(dd, p), axis=-1, keepdims=True)
            by_labels = elementwise.multiply(elementwise.subtract(along, dd), 1.0 - label_smoothing)
        return by_logits, by_labels

    return result(dlogits, (logits, labels if dense else None), gradient)


def _smoothed(labels, label_smoothing: float, classes: int):
    return elementwise.add(elementwise.multiply(labels, 1.0 - label_smoothing), label_smoothing / classes)


def sigmoid_cross_entropy(logits, labels, *, label_smoothing: float = 0.0, reduction: str = "none", out=None):
    """Binary cross-entropy of sigmoid(logits) with labels, element by element.

        loss = max(x, 0) - x * q + log(1 + exp(-|x|));   q = label * (1 - label_smoothing) + label_smoothing /
            2

    Parameters
        logits : array of any shape, float32 or float64
        labels : array of the same shape: probabilities, or 0 and 1 of any dtype
        label_smoothing : 0 to 1, moves labels towards 1/2, as in Keras
        reduction : "none", "sum" or "mean" of all elements. Keras's BinaryCrossentropy and PyTorch's
            BCEWithLogitsLoss both average over everything; Keras's function over the last axis only
        out : array of the result's shape and the dtype of logits, optional
    Returns   loss : like logits, or () where reduced
    Raises    ValueError: sizes that do not fit, an unknown reduction.  TypeError: other dtypes.
    Numerics  neither overflows nor loses a small loss; exp and log1p to 2 ULP
    Backends  cpu
    Examples
        >>> sigmoid_cross_entropy(np.zeros(2), np.array([0.0, 1.0]))
        array([0.69314718, 0.69314718])
    """
    name = "sigmoid_cross_entropy"
    xs, qs = raw(name, "logits", logits), raw(name, "labels", labels)
    check_reduction(name, reduction)
    if qs.shape != xs.shape:
        raise ValueError(f"[{name}] labels has shape {qs.shape}, expected {xs.shape} like logits")
    if qs.dtype.kind in "biu":
        qs = in_dtype(qs, xs.dtype)
    loss, dlogits = _run(
        name,
        (logits,),
        xs.shape,
        xs,
        xs.shape,
        unreduced(out, reduction),
        lambda loss, dlogits: backend.module_of(xs).sigmoid_cross_entropy(
            loss.reshape(-1),
            None if dlogits is None else dlogits.reshape(-1),
            contiguous(xs).reshape(-1),
            contiguous(qs).reshape(-1),
            label_smoothing,
        ),
    )
    keep = 1.0 - label_smoothing

    def slope():
        def gradient(dd, _, needs):
            by_logits = None
            if needs[0]:
                p = elementwise.sigmoid(logits)
                by_logits = elementwise.multiply(dd, elementwise.multiply(p, elementwise.subtract(1.0, p)))
            return by_logits, elementwise.multiply(dd, -keep) if needs[1] else None

        return result(dlogits, (logits, labels), gradient)

    def gradient(dy, _, needs):
        by_logits = elementwise.multiply(slope(), dy) if needs[0] else None
        return by_logits, elementwise.multiply(elementwise.multiply(logits, -keep), dy) if needs[1] else None

    return reduced_result(loss, (logits, labels), gradient, reduction, out)


def mean_squared_error(prediction, target, *, reduction: str = "none", out=None):
    """Mean over the last axis of the squared difference.

        loss = mean_c (prediction[.., c] - target[.., c])^2

    Parameters
        prediction : (..., n) array, float32 or float64
        target : array of the same shape and dtype
        reduction : "none": one loss per row, as Keras's function gives (PyTorch's "none" keeps every
            element); "sum" or "mean" of those. "mean" is the mean of all elements, as in Keras's and
            PyTorch's classes
        out : array of the result's shape and the dtype of prediction, optional
    Returns   loss : (...), or () where reduced; NaN for the mean of nothing
    Raises    ValueError: sizes that do not fit, an unknown reduction.  TypeError: other dtypes.
    Numerics  squares summed in blocks that are joined in float64
    Backends  cpu
    Examples
        >>> mean_squared_error(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]))
        array([2.])
    """
    name = "mean_squared_error"
    ps, ts = raw(name, "prediction", prediction), raw(name, "target", target)
    check_reduction(name, reduction)
    _check_dimensions(name, "prediction", ps)
    if ts.shape != ps.shape:
        raise ValueError(f"[{name}] target has shape {ts.shape}, expected {ps.shape} like prediction")
    lead, cols = ps.shape[:-1], ps.shape[-1]
    rows = backend.size_of(lead)
    loss, slopes = _run(
        name,
        (prediction, target),
        lead,
        ps,
        ps.shape,
        unreduced(out, reduction),
        lambda loss, slopes: backend.module_of(ps).mean_squared_error(
            loss.reshape(rows),
            None if slopes is None else slopes.reshape(rows, cols),
            contiguous(ps).reshape(rows, cols),
            contiguous(ts).reshape(rows, cols),
        ),
    )

    def slope_gradient(dd, _, needs):
        by = elementwise.multiply(dd, 2.0 / cols)
        return by if needs[0] else None, elementwise.negative(by) if needs[1] else None

    def gradient(dy, _, needs):
        slope = result(slopes, (prediction, target), slope_gradient)
        by = elementwise.multiply(slope, of_rows(dy))
        return by if needs[0] else None, elementwise.negative(by) if needs[1] else None

    return reduced_result(loss, (prediction, target), gradient, reduction, out)


def _check_dimensions(name: str, argument: str, x) -> None:
    if x.ndim == 0:
        raise ValueError(f"[{name}] {argument} has shape (), expected at least 1 dimension")


def _index(name: str, ignore_index, sparse: bool) -> int:
    if not sparse:
        raise ValueError(
            f"[{name}] ignore_index is {ignore_index}, expected None with probabilities as labels"
        )
    try:
        return operator.index(ignore_index)
    except TypeError:
        raise TypeError(
            f"[{name}] ignore_index is a {type(ignore_index).__name__}, expected an int or None"
        ) from None


def _run(name: str, differentiable, loss_shape, like, gradient_shape, out, call):
    """call(loss, gradient); the gradient is None unless a tape records one of `differentiable`."""
    loss = destination(name, out, loss_shape, like.dtype, like)
    direct = loss if loss.flags.c_contiguous else backend.empty(loss_shape, like.dtype, like)
    wanted = recording() and any(tracked(x) for x in differentiable)
    gradient = backend.empty(gradient_shape, like.dtype, like) if wanted else None
    call(direct, gradient)
    if direct is not loss:
        backend.module_of(like).copy(loss, direct)
    return given_back(out, loss), gradient
