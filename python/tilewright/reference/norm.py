# SPDX-License-Identifier: Apache-2.0
"""Normalisations, as the formulas read. Runs on NumPy and, unchanged, on CuPy."""

import math

from tilewright.reference._namespace import namespace_of


def _axes(axis, ndim):
    """`axis` as sorted non-negative axes, and all the others."""
    axes = tuple(sorted(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))))
    return axes, tuple(a for a in range(ndim) if a not in axes)


def _spread(vector, shape, axes):
    """A parameter over `axes`, ready to broadcast against `shape`."""
    return vector.reshape(tuple(n if a in axes else 1 for a, n in enumerate(shape)))


def _affine(xhat, gamma, beta, axes):
    y = xhat if gamma is None else xhat * _spread(gamma, xhat.shape, axes)
    return y if beta is None else y + _spread(beta, xhat.shape, axes)


def _statistics(x, axes):
    """mean and variance, with the axes kept"""
    mean = x.mean(axis=axes, keepdims=True)
    return mean, ((x - mean) ** 2).mean(axis=axes, keepdims=True)


def layer_norm(x, gamma=None, beta=None, *, residual=None, epsilon=1e-5, axis=-1, return_statistics=False):
    """(h - mean) / sqrt(variance + epsilon) * gamma + beta, h = x + residual"""
    axes, _ = _axes(axis, x.ndim)
    h = x if residual is None else x + residual
    mean, variance = _statistics(h, axes)
    rstd = (variance + epsilon) ** -0.5
    y = _affine((h - mean) * rstd, gamma, beta, axes)
    outputs = (y,) + (() if residual is None else (h,))
    outputs += (mean.squeeze(axes), rstd.squeeze(axes)) if return_statistics else ()
    return outputs if len(outputs) > 1 else y


def layer_norm_backward(dy, x, mean, rstd, gamma=None, *, dsum=None, axis=-1):
    """dx = rstd (g - mean(g) - xhat mean(g xhat)) + dsum, g = dy gamma, and the sums for gamma and beta"""
    xp = namespace_of(x)
    axes, others = _axes(axis, x.ndim)
    mean, rstd = xp.expand_dims(mean, axes), xp.expand_dims(rstd, axes)
    xhat, g = (x - mean) * rstd, _affine(dy, gamma, None, axes)
    dx = g - g.mean(axis=axes, keepdims=True) - xhat * (g * xhat).mean(axis=axes, keepdims=True)
    return dx * rstd + (0 if dsum is None else dsum), (dy * xhat).sum(axis=others), dy.sum(axis=others)


def rms_norm(x, gamma=None, *, residual=None, epsilon=1e-6, axis=-1, return_statistics=False):
    """h / sqrt(mean(h^2) + epsilon) * gamma, h = x + residual"""
    axes, _ = _axes(axis, x.ndim)
    h = x if residual is None else x + residual
    rstd = ((h**2).mean(axis=axes, keepdims=True) + epsilon) ** -0.5
    y = _affine(h * rstd, gamma, None, axes)
    outputs = (y,) + (() if residual is None else (h,)) + ((rstd.squeeze(axes),) if return_statistics else ())
    return outputs if len(outputs) > 1 else y


def rms_norm_backward(dy, x, rstd, gamma=None, *, dsum=None, axis=-1):
    """dx = rstd (g - xhat mean(g xhat)) + dsum, g = dy gamma; dgamma = sum dy xhat"""
    xp = namespace_of(x)
    axes, others = _axes(axis, x.ndim)
    rstd = xp.expand_dims(rstd, axes)
    xhat, g = x * rstd, _affine(dy, gamma, None, axes)
    dx = (g - xhat * (g * xhat).mean(axis=axes, keepdims=True)) * rstd
    return dx + (0 if dsum is None else dsum), (dy * xhat).sum(axis=others)


def batch_norm(
    x,
    gamma=None,
    beta=None,
    moving_mean=None,
    moving_variance=None,
    *,
    training,
    momentum=0.99,
    epsilon=1e-3,
    unbiased=False,
    momentum_is_update=False,
    axis=-1,
    return_statistics=False,
):
    """(x - mean) / sqrt(variance + epsilon) * gamma + beta per channel; moving statistics change in place"""
    channel, others = _axes(axis, x.ndim)
    if training:
        mean, variance = _statistics(x, others)
        decay = 1 - momentum if momentum_is_update else momentum
        n = math.prod(x.shape[a] for a in others)
        if moving_mean is not None:
            moving_mean[...] = moving_mean * decay + mean.reshape(-1) * (1 - decay)
        if moving_variance is not None:
            kept = variance * n / (n - 1) if unbiased else variance
            moving_variance[...] = moving_variance * decay + kept.reshape(-1) * (1 - decay)
    else:
        mean, variance = (_spread(v, x.shape, channel) for v in (moving_mean, moving_variance))
    rstd = (variance + epsilon) ** -0.5
    y = _affine((x - mean) * rstd, gamma, beta, channel)
    return (y, mean.reshape(-1), rstd.reshape(-1)) if return_statistics else y


def batch_norm_backward(dy, x, mean, rstd, gamma=None, *, axis=-1):
    """dx = gamma rstd (dy - mean(dy) - xhat mean(dy xhat)); dgamma = sum dy xhat; dbeta = sum dy"""
    channel, others = _axes(axis, x.ndim)
    mean, rstd = _spread(mean, x.shape, channel), _spread(rstd, x.shape, channel)
    xhat = (x - mean) * rstd
    dx = dy - dy.mean(axis=others, keepdims=True) - xhat * (dy * xhat).mean(axis=others, keepdims=True)
    return _affine(dx * rstd, gamma, None, channel), (dy * xhat).sum(axis=others), dy.sum(axis=others)
