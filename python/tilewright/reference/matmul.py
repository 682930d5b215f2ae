# SPDX-License-Identifier: Apache-2.0
"""Matrix products, as the formula reads. Runs on NumPy and, unchanged, on CuPy."""

from tilewright.reference._namespace import namespace_of


def matmul(
    a,
    b,
    *,
    transpose_a=False,
    transpose_b=False,
    alpha=1.0,
    beta=0.0,
    bias=None,
    activation=None,
    residual=None,
    slope=None,
    out=None,
):
    """activation(alpha * op(a) @ op(b) + beta * out + bias + residual)"""
    a = a.swapaxes(-1, -2) if transpose_a and a.ndim > 1 else a
    b = b.swapaxes(-1, -2) if transpose_b and b.ndim > 1 else b
    z = alpha * (a @ b)
    for term in (beta * out if beta else None, bias, residual):
        z = z if term is None else z + term
    return activate(z, activation, slope)


def activate(z, name=None, slope=None):
    """The activation of an epilogue."""
    xp = namespace_of(z)
    if name in (None, "linear"):
        return z
    if name == "relu":
        return xp.maximum(z, 0)
    if name == "relu6":
        return xp.minimum(xp.maximum(z, 0), 6)
    if name == "leaky_relu":
        return xp.where(z > 0, z, z * (0.2 if slope is None else slope))
    if name == "elu":
        return xp.where(z > 0, z, (1.0 if slope is None else slope) * xp.expm1(xp.minimum(z, 0)))
    if name == "sigmoid":
        return 1 / (1 + xp.exp(-z))
    if name == "tanh":
        return xp.tanh(z)
    if name == "gelu":
        return 0.5 * z * (1 + erf(z / 2**0.5))
    if name == "gelu_tanh":
        return 0.5 * z * (1 + xp.tanh((2 / xp.pi) ** 0.5 * (z + 0.044715 * z**3)))
    if name in ("silu", "swish"):
        return z / (1 + xp.exp(-z))
    if name == "softplus":
        return xp.logaddexp(z, 0)
    raise ValueError(f"unknown activation {name!r}")


def erf(z):
    """Gauss's error function, element by element, since NumPy has none."""
    import math

    xp = namespace_of(z)
    return xp.vectorize(math.erf, otypes=[z.dtype])(z) if z.size else z
