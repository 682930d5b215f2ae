# SPDX-License-Identifier: Apache-2.0
"""Elementwise family, as the formulas read. Runs on NumPy and, unchanged, on CuPy."""

import math

import numpy

from tilewright.reference import random
from tilewright.reference._namespace import namespace_of


def _erf(x):
    xp = namespace_of(x)
    if xp is not numpy:
        import cupyx.scipy.special as special

        return special.erf(x)
    return numpy.vectorize(math.erf, otypes=[float])(x) if x.size else x.astype(float)


def _normal_cdf(x):
    """Probability that a normal variable is at most x; by erfc, whose lower tail keeps its digits."""
    xp = namespace_of(x)
    if xp is not numpy:
        import cupyx.scipy.special as special

        return special.erfc(-x / math.sqrt(2)) / 2
    return (
        numpy.vectorize(lambda v: math.erfc(-v / math.sqrt(2)) / 2, otypes=[float])(x)
        if x.size
        else x.astype(float)
    )


def _normal_density(x):
    return namespace_of(x).exp(-x * x / 2) / math.sqrt(2 * math.pi)


def sigmoid(x):
    """1 / (1 + exp(-x)), with exp of negative numbers only"""
    xp = namespace_of(x)
    e = xp.exp(-xp.abs(x))
    return xp.where(x >= 0, 1 / (1 + e), e / (1 + e))


_C, _A = math.sqrt(2 / math.pi), 0.044715


def _gelu_tanh(x):
    return x * sigmoid(2 * _C * (x + _A * x**3))


def _gelu_tanh_first(x):
    z, u1 = 2 * _C * (x + _A * x**3), _C * (1 + 3 * _A * x**2)
    return sigmoid(z) + x * 2 * u1 * sigmoid(z) * sigmoid(-z)


def _gelu_tanh_second(x):
    z, u1, u2 = 2 * _C * (x + _A * x**3), _C * (1 + 3 * _A * x**2), _C * 6 * _A * x
    bell = sigmoid(z) * sigmoid(-z)
    s1 = 2 * u1 * bell
    return 2 * s1 + x * (2 * u2 * bell + 2 * u1 * s1 * (1 - 2 * sigmoid(z)))


# name: (f, f', f''), each of (namespace, x, p, q)
FUNCTIONS = {
    "negative": (lambda xp, x, p, q: -x, lambda xp, x, p, q: -1 + 0 * x, lambda xp, x, p, q: 0 * x),
    "abs": (lambda xp, x, p, q: xp.abs(x), lambda xp, x, p, q: xp.sign(x), lambda xp, x, p, q: 0 * x),
    "sign": (lambda xp, x, p, q: xp.sign(x), lambda xp, x, p, q: 0 * x, lambda xp, x, p, q: 0 * x),
    "square": (lambda xp, x, p, q: x * x, lambda xp, x, p, q: 2 * x, lambda xp, x, p, q: 2 + 0 * x),
    "reciprocal": (lambda xp, x, p, q: 1 / x, lambda xp, x, p, q: -1 / x**2, lambda xp, x, p, q: 2 / x**3),
    "clip": (
        lambda xp, x, p, q: xp.minimum(xp.maximum(x, p), q),
        lambda xp, x, p, q: 1.0 * ((x >= p) & (x <= q)),
        lambda xp, x, p, q: 0 * x,
    ),
    "floor": (lambda xp, x, p, q: xp.floor(x), lambda xp, x, p, q: 0 * x, lambda xp, x, p, q: 0 * x),
    "ceil": (lambda xp, x, p, q: xp.ceil(x), lambda xp, x, p, q: 0 * x, lambda xp, x, p, q: 0 * x),
    "round": (lambda xp, x, p, q: xp.rint(x), lambda xp, x, p, q: 0 * x, lambda xp, x, p, q: 0 * x),
    "sqrt": (
        lambda xp, x, p, q: xp.sqrt(x),
        lambda xp, x, p, q: 0.5 * x**-0.5,
        lambda xp, x, p, q: -0.25 * x**-1.5,
    ),
    "rsqrt": (
        lambda xp, x, p, q: 1 / xp.sqrt(x),
        lambda xp, x, p, q: -0.5 * x**-1.5,
        lambda xp, x, p, q: 0.75 * x**-2.5,
    ),
    "exp": (lambda xp, x, p, q: xp.exp(x),) * 3,
    "expm1": (lambda xp, x, p, q: xp.expm1(x), lambda xp, x, p, q: xp.exp(x), lambda xp, x, p, q: xp.exp(x)),
    "log": (lambda xp, x, p, q: xp.log(x), lambda xp, x, p, q: 1 / x, lambda xp, x, p, q: -1 / x**2),
    "log1p": (
        lambda xp, x, p, q: xp.log1p(x),
        lambda xp, x, p, q: 1 / (1 + x),
        lambda xp, x, p, q: -1 / (1 + x) ** 2,
    ),
    "sin": (lambda xp, x, p, q: xp.sin(x), lambda xp, x, p, q: xp.cos(x), lambda xp, x, p, q: -xp.sin(x)),
    "cos": (lambda xp, x, p, q: xp.cos(x), lambda xp, x, p, q: -xp.sin(x), lambda xp, x, p, q: -xp.cos(x)),
    "erf": (
        lambda xp, x, p, q: _erf(x),
        lambda xp, x, p, q: 2 / math.sqrt(math.pi) * xp.exp(-x * x),
        lambda xp, x, p, q: -4 / math.sqrt(math.pi) * x * xp.exp(-x * x),
    ),
    "relu": (
        lambda xp, x, p, q: xp.maximum(x, 0),
        lambda xp, x, p, q: 1.0 * (x > 0),
        lambda xp, x, p, q: 0 * x,
    ),
    "relu6": (
        lambda xp, x, p, q: xp.minimum(xp.maximum(x, 0), 6),
        lambda xp, x, p, q: 1.0 * ((x > 0) & (x < 6)),
        lambda xp, x, p, q: 0 * x,
    ),
    "leaky_relu": (
        lambda xp, x, p, q: xp.where(x > 0, x, p * x),
        lambda xp, x, p, q: xp.where(x > 0, 1.0, p),
        lambda xp, x, p, q: 0 * x,
    ),
    "elu": (
        lambda xp, x, p, q: xp.where(x > 0, x, p * xp.expm1(xp.minimum(x, 0))),
        lambda xp, x, p, q: xp.where(x > 0, 1.0, p * xp.exp(xp.minimum(x, 0))),
        lambda xp, x, p, q: xp.where(x > 0, 0.0, p * xp.exp(xp.minimum(x, 0))),
    ),
    "sigmoid": (
        lambda xp, x, p, q: sigmoid(x),
        lambda xp, x, p, q: sigmoid(x) * sigmoid(-x),
        lambda xp, x, p, q: sigmoid(x) * sigmoid(-x) * (1 - 2 * sigmoid(x)),
    ),
    "tanh": (
        lambda xp, x, p, q: xp.tanh(x),
        lambda xp, x, p, q: 1 - xp.tanh(x) ** 2,
        lambda xp, x, p, q: -2 * xp.tanh(x) * (1 - xp.tanh(x) ** 2),
    ),
    "softplus": (
        lambda xp, x, p, q: xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x))),
        lambda xp, x, p, q: sigmoid(x),
        lambda xp, x, p, q: sigmoid(x) * sigmoid(-x),
    ),
    "silu": (
        lambda xp, x, p, q: x * sigmoid(x),
        lambda xp, x, p, q: sigmoid(x) * (1 + x * sigmoid(-x)),
        lambda xp, x, p, q: sigmoid(x) * sigmoid(-x) * (2 + x * (1 - 2 * sigmoid(x))),
    ),
    "gelu": (
        lambda xp, x, p, q: x * _normal_cdf(x),
        lambda xp, x, p, q: _normal_cdf(x) + x * _normal_density(x),
        lambda xp, x, p, q: (2 - x * x) * _normal_density(x),
    ),
    "gelu_tanh": (
        lambda xp, x, p, q: _gelu_tanh(x),
        lambda xp, x, p, q: _gelu_tanh_first(x),
        lambda xp, x, p, q: _gelu_tanh_second(x),
    ),
}


def unary(x, function, p=0.0, q=0.0):
    """f(x) of the function called so"""
    return FUNCTIONS[function][0](namespace_of(x), x, p, q)


def unary_backward(dy, x, function, *, y=None, p=0.0, q=0.0):
    """dy * f'(x)"""
    return dy * FUNCTIONS[function][1](namespace_of(x), x, p, q)


def unary_backward2(dy, x, function, *, p=0.0, q=0.0):
    """dy * f''(x)"""
    return dy * FUNCTIONS[function][2](namespace_of(x), x, p, q)


def binary(a, b, function):
    """NumPy's function of that name"""
    return getattr(namespace_of(a, b), function)(a, b)


def where(condition, a, b):
    """condition ? a : b"""
    return namespace_of(condition, a, b).where(condition, a, b)


def cast(x, dtype):
    """x in another dtype"""
    return x.astype(dtype)


def copy(x):
    """x"""
    return x.copy()


def _activation(activation, slope):
    name = {None: "linear", "swish": "silu"}.get(activation, activation)
    return name, {"leaky_relu": 0.2, "elu": 1.0}.get(name, 0.0) if slope is None else slope


def bias_activation(x, *, bias=None, activation=None, residual=None, slope=None):
    """activation(x + bias + residual)"""
    z = x if bias is None else x + bias
    z = z if residual is None else z + residual
    name, p = _activation(activation, slope)
    return z if name == "linear" else unary(z, name, p)


def bias_activation_backward(dy, saved, activation, *, slope=None, bias_gradient=False):
    """dy * activation'(z), and on demand its sum over all axes but the last.

    saved: z for gelu, gelu_tanh and silu, else y"""
    xp = namespace_of(dy, saved)
    name, p = _activation(activation, slope)
    of_y = {
        "linear": lambda y: 1 + 0 * y,
        "elu": lambda y: xp.where(y > 0, 1.0, y + p),
        "sigmoid": lambda y: y * (1 - y),
        "tanh": lambda y: 1 - y * y,
        "softplus": lambda y: 1 - xp.exp(-y),
    }
    dz = dy * of_y[name](saved) if name in of_y else unary_backward(dy, saved, name, p=p)
    return (dz, dz.reshape(-1, dz.shape[-1]).sum(axis=0)) if bias_gradient else dz


def dropout(x, rate, *, key):
    """x / (1 - rate) where the element's word is at least rate * 2^32"""
    xp = namespace_of(x)
    words = xp.asarray(random.words(x.size, key)).reshape(x.shape)
    if rate == 1:
        return xp.zeros_like(x)
    return xp.where(words >= min(round(rate * 2**32), 2**32 - 1), x / (1 - rate), 0.0)
