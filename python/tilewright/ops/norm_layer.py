# SPDX-License-Identifier: Apache-2.0
"""layer_norm and rms_norm, with their gradients."""

from __future__ import annotations

from tilewright import backend
from tilewright.autograd import raw, result
from tilewright.ops._common import given_back
from tilewright.ops.norm_rows import Rows, flat, second_gradients


def layer_norm(
    x,
    gamma=None,
    beta=None,
    *,
    residual=None,
    epsilon: float = 1e-5,
    axis=-1,
    return_statistics: bool = False,
    out=None,
):
    """Normalises each row to mean 0 and variance 1, then scales and shifts it.

        h = x + residual;   y = (h - mean(h)) / sqrt(mean((h - mean(h))^2) + epsilon) * gamma + beta

    Parameters
        x : array of any shape, float32 or float64
        gamma, beta : arrays of x's sizes along `axis` and its dtype, or None for 1 and 0
        residual : like x, optional: is added first, and the sum comes back for the next residual connection
        epsilon : added to the variance: 1e-5 in PyTorch, 1e-3 in Keras
        axis : int, or tuple of ints (in order) that are normalised together; (1, 3) of (N, H * W, G, C / G)
            is group normalisation
        return_statistics : also return mean and 1 / sqrt(variance + epsilon), which no gradient flows through
        out : like x, optional; may be x itself where no tape records
    Returns   y : like x. With residual (y, h); with return_statistics also mean and rstd, of x's shape
              without `axis`
    Raises    ValueError: sizes that do not fit, axis out of range, an overlapping out.  TypeError: other
              dtypes.
    Numerics  two passes (mean, then deviations from it, whose own sum corrects it), blocks joined in float64:
              a mean that is large beside the deviations costs no digits. Float32 tolerance tested: 4e-6
    Backends  cpu
    Notes     Ba, Kiros & Hinton, arXiv:1607.06450; Chan, Golub & LeVeque, The American Statistician 37(3),
              1983.
    Examples
        >>> layer_norm(np.array([[1.0, 3.0]]), epsilon=0.0)
        array([[-1.,  1.]])
    """
    rows = Rows("layer_norm", raw("layer_norm", "x", x), axis)
    gammas, betas = (rows.vector(n, p, rows.columns_shape) for n, p in (("gamma", gamma), ("beta", beta)))
    y, written, h, added = _prepared(rows, residual, out)
    keep = return_statistics or rows.keeps_statistics(y, x, gamma, beta, residual)
    mean, rstd = (rows.empty(rows.rows_shape), rows.empty(rows.rows_shape)) if keep else (None, None)
    backend.module_of(rows.x).layer_norm_forward(
        written, added, flat(mean), flat(rstd), h, _residual(rows, residual), gammas, betas, epsilon
    )

    def gradient(dys, ys, needs):
        dy, dsum, source = (dys[0], dys[1], ys[1]) if residual is not None else (dys, None, x)
        if dy is None:
            return dsum, None, None, dsum
        dx, dgamma, dbeta = _layer_norm_backward(dy, source, mean, rstd, gamma, dsum, axis, needs[1:3])
        return dx, dgamma, dbeta, dx

    y = _finished(rows, y, written, added, out)
    statistics = (mean, rstd) if return_statistics else ()
    return _outputs(result(y, (x, gamma, beta, residual), gradient), statistics, x)


def layer_norm_backward(dy, x, mean, rstd, gamma=None, *, dsum=None, axis=-1, out=None):
    """Gradients of `layer_norm` by its input (x + residual), gamma and beta.

        xhat = (x - mean) * rstd;   g = dy * gamma
        dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) + dsum;   dgamma = sum dy * xhat;   dbeta = sum dy

    Parameters
        dy, x : arrays of one shape and dtype; x is what was normalised, the second result where a residual
            was given
        mean, rstd : what `layer_norm` returned with return_statistics
        gamma, axis : as given to `layer_norm`
        dsum : like x, optional: the gradient of the second result, added to dx in the same sweep
        out : like x, optional, receives dx; may be dy, dsum or x
    Returns   (dx, dgamma, dbeta) : like x; of x's sizes along `axis`
    Raises    as `layer_norm`
    Numerics  as `layer_norm`; dgamma and dbeta are sums over slices of rows that the shape alone decides,
              joined in float64
    Backends  cpu
    Notes     Differentiates again by dy, x, gamma and dsum; mean and rstd count as functions of x.
    Examples
        >>> x = np.array([[1.0, 3.0]])
        >>> _, mean, rstd = layer_norm(x, return_statistics=True)
        >>> layer_norm_backward(np.array([[1.0, 2.0]]), x, mean, rstd)[2]
        array([1., 2.])
    """
    return _layer_norm_backward(dy, x, mean, rstd, gamma, dsum, axis, (True, True), out)


def _layer_norm_backward(dy, x, mean, rstd, gamma, dsum, axis, wanted, out=None):
    """(dx, dgamma, dbeta), the last two None where they are not wanted."""
    name = "layer_norm_backward"
    rows = Rows(name, raw(name, "x", x), axis)
    dys, xs, dsums = rows.read("dy", dy), rows.read("x", x), None if dsum is None else rows.read("dsum", dsum)
    means, rstds = (rows.vector(n, s, rows.rows_shape) for n, s in (("mean", mean), ("rstd", rstd)))
    gammas = rows.vector("gamma", gamma, rows.columns_shape)
    dx, written = rows.destination(out)
    dgamma, dbeta = (rows.empty(rows.columns_shape) if w else None for w in wanted)
    backend.module_of(rows.x).layer_norm_backward(
        written, flat(dgamma), flat(dbeta), dys, dsums, xs, means, rstds, gammas
    )
    return _gradient_outputs(
        rows, dx, written, out, (dgamma, dbeta), (dy, x, gamma, dsum), rstd, centred=True
    )


def rms_norm(
    x, gamma=None, *, residual=None, epsilon: float = 1e-6, axis=-1, return_statistics: bool = False, out=None
):
    """Divides each row by its root mean square, then scales it.

        h = x + residual;   y = h / sqrt(mean(h^2) + epsilon) * gamma

    Parameters
        x, gamma, residual, axis, out : as in `layer_norm`
        epsilon : added to the mean square: 1e-6 in Keras and the Llama models; PyTorch takes the dtype's eps
        return_statistics : also return 1 / sqrt(mean(h^2) + epsilon), which no gradient flows through
    Returns   y : like x. With residual (y, h); with return_statistics also rstd, of x's shape without `axis`
    Raises    as `layer_norm`
    Numerics  squares summed in x's dtype in blocks, the blocks in float64. Float32 tolerance tested: 4e-6
    Backends  cpu
    Notes     Zhang & Sennrich, arXiv:1910.07467.
    Examples
        >>> rms_norm(np.array([[3.0, 3.0]]), epsilon=0.0)
        array([[1., 1.]])
    """
    rows = Rows("rms_norm", raw("rms_norm", "x", x), axis)
    gammas = rows.vector("gamma", gamma, rows.columns_shape)
    y, written, h, added = _prepared(rows, residual, out)
    keep = return_statistics or rows.keeps_statistics(y, x, gamma, residual)
    rstd = rows.empty(rows.rows_shape) if keep else None
    backend.module_of(rows.x).rms_norm_forward(
        written, added, flat(rstd), h, _residual(rows, residual), gammas, epsilon
    )

    def gradient(dys, ys, needs):
        dy, dsum, source = (dys[0], dys[1], ys[1]) if residual is not None else (dys, None, x)
        if dy is None:
            return dsum, None, dsum
        dx, dgamma = _rms_norm_backward(dy, source, rstd, gamma, dsum, axis, needs[1])
        return dx, dgamma, dx

    y = _finished(rows, y, written, added, out)
    return _outputs(result(y, (x, gamma, residual), gradient), (rstd,) if return_statistics else (), x)


def rms_norm_backward(dy, x, rstd, gamma=None, *, dsum=None, axis=-1, out=None):
    """Gradients of `rms_norm` by its input (x + residual) and gamma.

        xhat = x * rstd;   g = dy * gamma;   dx = rstd * (g - xhat * mean(g * xhat)) + dsum;   dgamma = sum dy
            * xhat

    Parameters
        dy, x, gamma, dsum, axis, out : as in `layer_norm_backward`
        rstd : what `rms_norm` returned with return_statistics
    Returns   (dx, dgamma) : like x; of x's sizes along `axis`
    Raises    as `layer_norm`
    Numerics  as `layer_norm_backward`
    Backends  cpu
    Examples
        >>> x = np.array([[2.0, 2.0]])
        >>> _, rstd = rms_norm(x, epsilon=0.0, return_statistics=True)
        >>> rms_norm_backward(np.array([[1.0, 3.0]]), x, rstd)[1]
        array([1., 3.])
    """
    return _rms_norm_backward(dy, x, rstd, gamma, dsum, axis, True, out)


def _rms_norm_backward(dy, x, rstd, gamma, dsum, axis, wanted, out=None):
    name = "rms_norm_backward"
    rows = Rows(name, raw(name, "x", x), axis)
    dys, xs, dsums = rows.read("dy", dy), rows.read("x", x), None if dsum is None else rows.read("dsum", dsum)
    rstds, gammas = (
        rows.vector("rstd", rstd, rows.rows_shape),
        rows.vector("gamma", gamma, rows.columns_shape),
    )
    dx, written = rows.destination(out)
    dgamma = rows.empty(rows.columns_shape) if wanted else None
    backend.module_of(rows.x).rms_norm_backward(written, flat(dgamma), dys, dsums, xs, rstds, gammas)
    return _gradient_outputs(rows, dx, written, out, (dgamma,), (dy, x, gamma, dsum), rstd, centred=False)


def _prepared(rows: Rows, residual, out):
    """The result, the memory a kernel writes for it, the rows to read, and room for x + residual."""
    y, written = rows.destination(out)
    added = None if residual is None else rows.empty(rows.shape)
    return y, written, rows.read("x", rows.x), added


def _residual(rows: Rows, residual):
    return None if residual is None else rows.read("residual", residual)


def _finished(rows: Rows, y, written, added, out):
    """What goes into the tape: y, or (y, h)."""
    rows.finish(y, written)
    y = given_back(out, y)
    if added is None:
        return y
    h = rows.empty(rows.x.shape) if rows.moved else added.reshape(rows.x.shape)
    if rows.moved:
        rows.finish(h, added)
    return y, h


def _outputs(traced, statistics, x):
    """The public result: y, then h, then the statistics as constants."""
    if not statistics:
        return traced
    constants = result(statistics, (x,), None)
    return (*(traced if isinstance(traced, tuple) else (traced,)), *constants)


def _gradient_outputs(rows: Rows, dx, written, out, parameters, inputs, rstd, centred: bool):
    """(dx, *parameters), with those that were not wanted as None, and how they differentiate again."""
    rows.finish(dx, written)
    found = [given_back(out, dx), *parameters]
    present = [i for i, f in enumerate(found) if f is not None]
    dy, x, gamma, dsum = inputs

    def gradient(seeds, _, needs):
        full = [None] * len(found)
        for i, seed in zip(present, seeds if len(present) > 1 else (seeds,), strict=True):
            full[i] = seed
        return (*second_gradients(full, dy, x, rstd, gamma, rows.axes, rows.axes, centred), full[0])

    traced = iter(result(tuple(found[i] for i in present), inputs, gradient))
    return tuple(None if f is None else next(traced) for f in found)
