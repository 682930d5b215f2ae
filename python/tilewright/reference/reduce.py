# SPDX-License-Identifier: Apache-2.0
"""Reduce family, as the formulas read. Runs on NumPy and, unchanged, on CuPy."""

from tilewright.reference._namespace import namespace_of


def sum(x, *, axis=None, keepdims=False):
    """sum_i x[i]"""
    return namespace_of(x).sum(x, axis=axis, keepdims=keepdims)


def mean(x, *, axis=None, keepdims=False):
    """sum_i x[i] / n"""
    return namespace_of(x).mean(x, axis=axis, keepdims=keepdims)


def max(x, *, axis=None, keepdims=False):
    """max_i x[i]"""
    return namespace_of(x).max(x, axis=axis, keepdims=keepdims)


def min(x, *, axis=None, keepdims=False):
    """min_i x[i]"""
    return namespace_of(x).min(x, axis=axis, keepdims=keepdims)


def prod(x, *, axis=None, keepdims=False):
    """prod_i x[i]"""
    return namespace_of(x).prod(x, axis=axis, keepdims=keepdims)


def any(x, *, axis=None, keepdims=False):
    """or_i (x[i] != 0)"""
    return namespace_of(x).any(x, axis=axis, keepdims=keepdims)


def all(x, *, axis=None, keepdims=False):
    """and_i (x[i] != 0)"""
    return namespace_of(x).all(x, axis=axis, keepdims=keepdims)


def logsumexp(x, *, axis=None, keepdims=False):
    """m + log(sum_i exp(x[i] - m)), m the largest element where that is finite"""
    xp = namespace_of(x)
    m = x.max(axis=axis, keepdims=True)
    m = xp.where(xp.isfinite(m), m, 0)
    y = xp.log(xp.exp(x - m).sum(axis=axis, keepdims=True)) + m
    return y if keepdims else y.squeeze(axis=axis)


def sum_squares(x, *, axis=None, keepdims=False):
    """sum_i x[i]^2"""
    return (x * x).sum(axis=axis, keepdims=keepdims)


def l2_norm(x, *, axis=None, keepdims=False):
    """sqrt(sum_i x[i]^2)"""
    return namespace_of(x).sqrt((x * x).sum(axis=axis, keepdims=keepdims))


def sum_to(x, target_shape):
    """x summed over what broadcasting target_shape to x's shape repeats"""
    lead = x.ndim - len(target_shape)
    x = x.sum(axis=tuple(range(lead)))
    stretched = tuple(i for i, n in enumerate(target_shape) if n != x.shape[i])
    return x.sum(axis=stretched, keepdims=True)


def moments(x, *, axis=None, keepdims=False, ddof=0):
    """mean and sum_i (x[i] - mean)^2 / (n - ddof)"""
    return x.mean(axis=axis, keepdims=keepdims), x.var(axis=axis, keepdims=keepdims, ddof=ddof)


def var(x, *, axis=None, keepdims=False, ddof=0):
    """sum_i (x[i] - mean)^2 / (n - ddof)"""
    return x.var(axis=axis, keepdims=keepdims, ddof=ddof)


def std(x, *, axis=None, keepdims=False, ddof=0):
    """sqrt(var)"""
    return x.std(axis=axis, keepdims=keepdims, ddof=ddof)


def global_norm(arrays):
    """sqrt(sum over all elements of x^2)"""
    xp = namespace_of(*arrays)
    return xp.sqrt(xp.asarray([(x * x).sum() for x in arrays]).sum())


def argmax(x, *, axis=None, keepdims=False):
    """the first i with x[i] = max x"""
    return namespace_of(x).argmax(x, axis=axis, keepdims=keepdims)


def argmin(x, *, axis=None, keepdims=False):
    """the first i with x[i] = min x"""
    return namespace_of(x).argmin(x, axis=axis, keepdims=keepdims)


def cumsum(x, *, axis=None, exclusive=False, reverse=False):
    """x[0] + ... + x[i], or up to x[i - 1] (exclusive), or from the other end (reverse)"""
    if axis is None:
        x, axis = x.reshape(-1), 0
    y = namespace_of(x).flip(x, axis) if reverse else x
    total = y.cumsum(axis=axis)
    total = total - y if exclusive else total
    return namespace_of(x).flip(total, axis) if reverse else total


def top_k(x, k, *, axis=-1):
    """the k largest, descending, NaN first, equal ones by position"""
    xp = namespace_of(x)
    backwards = xp.flip(x, axis)  # a stable ascending sort of the reversed array, read from its end
    order = xp.flip(xp.argsort(backwards, axis=axis, kind="stable"), axis)
    indices = x.shape[axis] - 1 - order.take(xp.arange(k), axis=axis)
    return xp.take_along_axis(x, indices, axis=axis), indices
