# SPDX-License-Identifier: Apache-2.0
"""Cross-entropies of probabilities, as Keras has them; built from other operations."""

from __future__ import annotations

from tilewright.autograd import raw
from tilewright.ops import elementwise, reduce, shape
from tilewright.ops._common import float_dtype
from tilewright.ops.loss_reduction import check_reduction, reduced, unreduced


def binary_cross_entropy(
    probabilities,
    labels,
    *,
    label_smoothing: float = 0.0,
    epsilon: float = 1e-7,
    reduction: str = "none",
    out=None,
):
    """Binary cross-entropy of probabilities, element by element.

        loss = -q * log(p) - (1 - q) * log(1 - p);   p = clip(probabilities, epsilon, 1 - epsilon)
        q = label * (1 - label_smoothing) + label_smoothing / 2

    Parameters
        probabilities : array of any shape, float32 or float64
        labels : array of the same shape: probabilities, or 0 and 1 of any dtype
        label_smoothing : 0 to 1, moves labels towards 1/2, as in Keras
        epsilon : keeps the logarithm finite; 1e-7 in Keras. PyTorch cuts the logarithm at -100 instead
        reduction : "none", "sum" or "mean" of all elements
        out : array of the result's shape and the dtype of probabilities, optional
    Returns   loss : like probabilities, or () where reduced
    Raises    ValueError: sizes that do not fit, options out of range.  TypeError: other dtypes.
    Numerics  log(1 - p) loses digits for small p; `sigmoid_cross_entropy` of logits does not
    Backends  cpu
    Examples
        >>> binary_cross_entropy(np.array([0.5]), np.array([1.0]))
        array([0.69314718])
    """
    name = "binary_cross_entropy"
    dtype = _check(name, probabilities, label_smoothing, epsilon, reduction)
    if raw(name, "labels", labels).shape != probabilities.shape:
        raise ValueError(
            f"[{name}] labels has shape {raw(name, 'labels', labels).shape}, "
            f"expected {tuple(probabilities.shape)} like probabilities"
        )
    p = elementwise.minimum(elementwise.maximum(probabilities, epsilon), 1.0 - epsilon)
    q = _smoothed(labels, dtype, label_smoothing, 2)
    by_one = elementwise.multiply(q, elementwise.log(p))
    by_zero = elementwise.multiply(
        elementwise.subtract(1.0, q), elementwise.log(elementwise.subtract(1.0, p))
    )
    return reduced(
        elementwise.negative(elementwise.add(by_one, by_zero), out=unreduced(out, reduction)), reduction, out
    )


def categorical_cross_entropy(
    probabilities,
    labels,
    *,
    label_smoothing: float = 0.0,
    epsilon: float = 1e-7,
    reduction: str = "none",
    out=None,
):
    """Cross-entropy of probabilities with class ids or with probabilities, over the last axis.

        loss = -sum_c q[c] * log(p[c]);   p = clip(probabilities / sum(probabilities), epsilon, 1 - epsilon)
        q = (1 - label_smoothing) * label + label_smoothing / C

    Parameters
        probabilities : (..., C) array, float32 or float64
        labels : (...) int array of ids (one outside 0 .. C - 1 is no class: loss 0 without smoothing), or
            (..., C) probabilities
        label_smoothing : 0 to 1, spread evenly over the classes, as in Keras
        epsilon : keeps the logarithm finite; 1e-7 in Keras
        reduction : "none", "sum" or "mean" over the rows
        out : array of the result's shape and the dtype of probabilities, optional
    Returns   loss : (...), or () where reduced
    Raises    ValueError: sizes that do not fit, options out of range.  TypeError: other dtypes.
    Numerics  each step in the dtype of probabilities; `softmax_cross_entropy` of logits is faster and finer
    Backends  cpu
    Examples
        >>> categorical_cross_entropy(np.array([[0.25, 0.75]]), np.array([1]))
        array([0.28768207])
    """
    name = "categorical_cross_entropy"
    dtype = _check(name, probabilities, label_smoothing, epsilon, reduction)
    xs, qs = raw(name, "probabilities", probabilities), raw(name, "labels", labels)
    if xs.ndim == 0:
        raise ValueError(f"[{name}] probabilities has shape (), expected at least 1 dimension")
    sparse = qs.dtype.kind in "iu"
    wanted = xs.shape[:-1] if sparse else xs.shape
    if qs.shape != wanted:
        raise ValueError(
            f"[{name}] labels has shape {qs.shape}, expected {wanted} for "
            f"{'ids' if sparse else 'probabilities'} beside probabilities of shape {xs.shape}"
        )
    classes = xs.shape[-1]
    share = elementwise.divide(probabilities, reduce.sum(probabilities, axis=-1, keepdims=True))
    p = elementwise.minimum(elementwise.maximum(share, epsilon), 1.0 - epsilon)
    q = _smoothed(
        shape.one_hot(qs, classes, dtype=dtype) if sparse else labels, dtype, label_smoothing, classes
    )
    total = reduce.sum(elementwise.multiply(q, elementwise.log(p)), axis=-1)
    return reduced(elementwise.negative(total, out=unreduced(out, reduction)), reduction, out)


def _check(name: str, probabilities, label_smoothing: float, epsilon: float, reduction):
    check_reduction(name, reduction)
    dtype = float_dtype(name, "probabilities", raw(name, "probabilities", probabilities))
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"[{name}] label_smoothing is {label_smoothing}, expected 0 to 1")
    if not 0 <= epsilon < 0.5:
        raise ValueError(f"[{name}] epsilon is {epsilon}, expected 0 to 0.5")
    return dtype


def _smoothed(labels, dtype, label_smoothing: float, classes: int):
    q = elementwise.cast(labels, dtype)
    if label_smoothing == 0:
        return q
    return elementwise.add(elementwise.multiply(q, 1.0 - label_smoothing), label_smoothing / classes)
