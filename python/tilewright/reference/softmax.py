# SPDX-License-Identifier: Apache-2.0
"""Softmax family, as the formulas read. Runs on NumPy and, unchanged, on CuPy."""

from tilewright.reference._namespace import namespace_of


def softmax(x, *, axis=-1):
    """exp(x - max x) / sum exp(x - max x)"""
    xp = namespace_of(x)
    e = xp.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def softmax_backward(dy, y, *, axis=-1):
    """y * (dy - sum(dy * y))"""
    return y * (dy - (dy * y).sum(axis=axis, keepdims=True))


def log_softmax(x, *, axis=-1):
    """x - max x - log sum exp(x - max x)"""
    xp = namespace_of(x)
    z = x - x.max(axis=axis, keepdims=True)
    return z - xp.log(xp.exp(z).sum(axis=axis, keepdims=True))


def log_softmax_backward(dy, y, *, axis=-1):
    """dy - exp(y) * sum(dy), y = log_softmax(x)"""
    xp = namespace_of(y)
    return dy - xp.exp(y) * dy.sum(axis=axis, keepdims=True)
