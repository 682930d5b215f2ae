# SPDX-License-Identifier: Apache-2.0
"""batch_norm in training and inference, with its gradients."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops import elementwise, reduce
from tilewright.ops._common import axis_index, given_back
from tilewright.ops.norm_rows import Rows, second_gradients, spread


def batch_norm(
    x,
    gamma=None,
    beta=None,
    moving_mean=None,
    moving_variance=None,
    *,
    training: bool,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
    unbiased: bool = False,
    momentum_is_update: bool = False,
    axis: int = -1,
    return_statistics: bool = False,
    out=None,
):
    """Normalises each channel over all other axes, then scales and shifts it.

        y = (x - mean) / sqrt(variance + epsilon) * gamma + beta
        training: mean and variance of this batch, and   moving = moving * momentum + batch * (1 - momentum)
        inference: moving_mean and moving_variance

    Parameters
        x : array with at least one axis, float32 or float64
        gamma, beta : (C,) arrays of x's dtype, or None for 1 and 0
        moving_mean, moving_variance : (C,) writable arrays of x's dtype; in training they are updated in
            place, or None to keep none; in inference they are read
        training : use and record this batch's statistics
        momentum : what the moving statistics keep: 0.99 in Keras, 0.9 in Flax. With momentum_is_update it is
            the share of the new batch, as in PyTorch (0.1) and cuDNN:
            moving = moving * (1 - momentum) + batch * momentum
        epsilon : added to the variance: 1e-3 in Keras, 1e-5 in PyTorch
        unbiased : the moving variance gets the batch's times n / (n - 1), as in PyTorch and in TensorFlow's
            fused form; Keras 3 keeps the biased one. The batch itself is always normalised with the biased
            variance
        axis : the channel axis: -1 for channels_last, 1 for channels_first
        return_statistics : also return the batch's mean and 1 / sqrt(variance + epsilon) (training only),
            which no gradient flows through
        out : like x, optional; may be x itself where no tape records
    Returns   y : like x; with return_statistics (y, mean, rstd), both (C,)
    Raises    ValueError: sizes that do not fit, axis out of range, fewer values a channel than a variance
              needs, missing moving statistics, overlapping arrays.  TypeError: other dtypes.
    Numerics  slices of 64 rows in x's dtype, each with a mean of its own, joined in float64 in an order that
              the shape alone decides: a mean that is large beside the deviations costs no digits. Float32
              tolerance tested: 4e-6
    Backends  cpu
    Notes     Ioffe & Szegedy, arXiv:1502.03167; Chan, Golub & LeVeque, The American Statistician 37(3), 1983.
              The moving statistics are constants for the gradient.
    Examples
        >>> mean, variance = np.zeros(1), np.ones(1)
        >>> x = np.array([[1.0], [3.0]])
        >>> batch_norm(x, None, None, mean, variance, training=True, momentum=0.5, epsilon=0.0)
        array([[-1.],
               [ 1.]])
        >>> mean
        array([1.])
    """
    name = "batch_norm"
    rows = _channel_rows(name, x, axis)
    gammas, betas = (rows.vector(n, p, rows.columns_shape) for n, p in (("gamma", gamma), ("beta", beta)))
    moving = [
        None if m is None else raw(name, n, m)
        for n, m in (("moving_mean", moving_mean), ("moving_variance", moving_variance))
    ]
    module = backend.module_of(rows.x)
    y, written = rows.destination(out)
    keep = rows.keeps_statistics(y, x, gamma, beta)
    if not training:
        _check_inference(name, return_statistics, moving)
        module.batch_norm_inference(written, rows.read("x", rows.x), *moving, gammas, betas, epsilon)
        rows.finish(y, written)
        return result(
            given_back(out, y),
            (x, gamma, beta),
            lambda dy, y, needs: _inference_gradients(dy, x, gamma, moving, epsilon, rows, needs),
        )
    keep = keep or return_statistics
    mean, rstd = (rows.empty(rows.columns_shape), rows.empty(rows.columns_shape)) if keep else (None, None)
    module.batch_norm_training(
        written,
        mean,
        rstd,
        *moving,
        rows.read("x", rows.x),
        gammas,
        betas,
        epsilon,
        momentum,
        momentum_is_update,
        unbiased,
    )
    rows.finish(y, written)

    def gradient(dy, y, needs):
        return _batch_norm_backward(dy, x, mean, rstd, gamma, axis)

    traced = result(given_back(out, y), (x, gamma, beta), gradient)
    return (traced, *result((mean, rstd), (x,), None)) if return_statistics else traced


def batch_norm_backward(dy, x, mean, rstd, gamma=None, *, axis: int = -1, out=None):
    """Gradients of `batch_norm` in training by x, gamma and beta.

        xhat = (x - mean) * rstd;   dgamma = sum dy * xhat;   dbeta = sum dy
        dx = gamma * rstd * (dy - mean(dy) - xhat * mean(dy * xhat))

    Parameters
        dy, x : arrays of one shape and dtype
        mean, rstd : what `batch_norm` returned with return_statistics
        gamma, axis : as given to `batch_norm`
        out : like x, optional, receives dx; may be dy or x
    Returns   (dx, dgamma, dbeta) : like x; (C,); (C,)
    Raises    as `batch_norm`
    Numerics  as `batch_norm`
    Backends  cpu
    Notes     Differentiates again by dy, x and gamma; mean and rstd count as functions of x.
    Examples
        >>> x = np.array([[1.0], [3.0]])
        >>> _, mean, rstd = batch_norm(x, training=True, return_statistics=True)
        >>> batch_norm_backward(np.array([[1.0], [2.0]]), x, mean, rstd)[2]
        array([3.])
    """
    return _batch_norm_backward(dy, x, mean, rstd, gamma, axis, out)


def _channel_rows(name: str, x, axis) -> Rows:
    array = raw(name, "x", x)
    return Rows(name, array, axis_index(name, axis, array.ndim) if array.ndim else 0)


def _check_inference(name: str, return_statistics: bool, moving):
    if return_statistics:
        raise ValueError(f"[{name}] return_statistics is True in inference, expected training=True")
    for argument, statistic in zip(("moving_mean", "moving_variance"), moving, strict=True):
        if statistic is None:
            raise ValueError(f"[{name}] {argument} is None, expected an array in inference")


def _batch_norm_backward(dy, x, mean, rstd, gamma, axis, out=None):
    name = "batch_norm_backward"
    rows = _channel_rows(name, x, axis)
    means, rstds, gammas = (
        rows.vector(n, v, rows.columns_shape) for n, v in (("mean", mean), ("rstd", rstd), ("gamma", gamma))
    )
    dx, written = rows.destination(out)
    dgamma, dbeta = rows.empty(rows.columns_shape), rows.empty(rows.columns_shape)
    backend.module_of(rows.x).batch_norm_backward(
        written, dgamma, dbeta, rows.read("dy", dy), rows.read("x", rows.x), means, rstds, gammas
    )
    rows.finish(dx, written)
    return result(
        (given_back(out, dx), dgamma, dbeta),
        (dy, x, gamma),
        lambda seeds, _, needs: second_gradients(seeds, dy, x, rstd, gamma, rows.others, rows.axes),
    )


def _inference_gradients(dy, x, gamma, moving, epsilon: float, rows: Rows, needs):
    """By (x, gamma, beta), with the moving statistics as constants."""
    mean, variance = (spread(m, rows.x.shape, rows.axes) for m in moving)
    rstd = elementwise.rsqrt(elementwise.add(variance, epsilon))
    by_x = by_gamma = None
    if needs[0]:
        scale = rstd if gamma is None else elementwise.multiply(spread(gamma, rows.x.shape, rows.axes), rstd)
        by_x = elementwise.multiply(dy, scale)
    if needs[1]:
        xhat = elementwise.multiply(elementwise.subtract(x, mean), rstd)
        by_gamma = reduce.sum(elementwise.multiply(dy, xhat), axis=rows.others)
    return by_x, by_gamma, reduce.sum(dy, axis=rows.others) if needs[2] else None
