# SPDX-License-Identifier: Apache-2.0
"""Functions that no kernel has, from rational approximations: inverse trigonometry, erfc and erfinv.

The coefficients of atan and erfc are those of Cephes (S. Moshier, netlib.org/cephes), good to double
precision; the first guess of erfinv is M. Giles's, "Approximating the erfinv function" (GPU Computing Gems,
2011).
Results and gradients are computed by operations, so steps that hold them are recorded.
"""

from __future__ import annotations

import math

from tilewright import autograd, ops
from tilewright.autograd import Tensor
from tilewright.tf.arguments import operands, tensor

__all__ = ["acos", "asin", "atan", "atan2", "erfc", "erfinv"]


def _floats(x) -> Tensor:
    x = tensor(x)
    return ops.cast(x, "float32") if x.dtype.kind in "biu" else x


def _computed(function, inputs: tuple, gradient) -> Tensor:
    """function(*arrays) with a gradient of its own: `gradient(dy, *inputs)`, one for each input.

    16-bit floats are computed in float32."""
    wide = [ops.cast(x.array, "float32") if x.dtype.itemsize == 2 else x.array for x in inputs]
    y = function(*wide)
    y = y if y.dtype == inputs[0].dtype else ops.cast(y, inputs[0].dtype)
    return autograd.result(y, inputs, lambda dy, y, needs: gradient(dy, *inputs))


def _polynomial(x, coefficients):
    """Horner's rule, the highest power first."""
    y = ops.multiply(x, coefficients[0])
    for c in coefficients[1:-1]:
        y = ops.multiply(ops.add(y, c), x)
    return ops.add(y, coefficients[-1])


# ---- inverse trigonometry

_ATAN_P = (
    -8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1,
    -1.228866684490136173410e2, -6.485021904942025371773e1,
)  # fmt: skip
_ATAN_Q = (
    1.0, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2,
    4.853903996359136964868e2, 1.945506571482613964425e2,
)  # fmt: skip


def _atan_of_fraction(x):
    """atan of 0 to 1."""
    large = ops.greater(x, 0.66)
    t = ops.where(large, ops.divide(ops.subtract(x, 1.0), ops.add(x, 1.0)), x)
    z = ops.square(t)
    ratio = ops.divide(ops.multiply(z, _polynomial(z, _ATAN_P)), _polynomial(z, _ATAN_Q))
    y = ops.add(ops.multiply(t, ratio), t)
    return ops.where(large, ops.add(y, math.pi / 4), y)


def is_negative(x):
    """Whether the sign is set; that of -0 is, and is seen in its reciprocal."""
    return ops.less(ops.where(ops.equal(x, 0.0), ops.reciprocal(x), x), 0.0)


def _atan2(y, x):
    up, along = ops.abs(y), ops.abs(x)
    longer = ops.maximum(up, along)
    # Both 0 is an angle of 0, both infinite one of 45 degrees.
    ratio = ops.divide(ops.minimum(up, along), ops.where(ops.equal(longer, 0.0), 1.0, longer))
    ratio = ops.where(ops.logical_and(ops.isinf(up), ops.isinf(along)), 1.0, ratio)
    angle = _atan_of_fraction(ratio)
    angle = ops.where(ops.greater(up, along), ops.subtract(math.pi / 2, angle), angle)
    angle = ops.where(is_negative(x), ops.subtract(math.pi, angle), angle)
    return ops.where(is_negative(y), ops.negative(angle), angle)


def atan2(y, x, name=None) -> Tensor:
    """The angle of the point (x, y), in -pi to pi, as NumPy counts signed zeros and infinities."""
    y, x = (_floats(v) for v in operands(y, x))
    shared = ops.add(y.array, x.array).dtype  # two float dtypes meet in the wider one
    y, x = (v if v.dtype == shared else ops.cast(v, shared) for v in (y, x))

    def gradient(dy, y, x):
        scaled = ops.divide(dy, ops.add(ops.square(x), ops.square(y)))
        both = ops.multiply(scaled, x), ops.negative(ops.multiply(scaled, y))
        return tuple(ops.sum_to(g, v.shape) for g, v in zip(both, (y, x), strict=True))

    return _computed(_atan2, (y, x), gradient)


def atan(x, name=None) -> Tensor:
    """The angle whose tangent is x, in -pi/2 to pi/2."""
    return _computed(
        lambda a: _atan2(a, ops.ones_like(a)),
        (_floats(x),),
        lambda dy, x: (ops.divide(dy, ops.add(ops.square(x), 1.0)),),
    )


def _other_side(x):
    """sqrt(1 - x^2), exact near 1; NaN beyond."""
    return ops.sqrt(ops.multiply(ops.subtract(1.0, x), ops.add(x, 1.0)))


def asin(x, name=None) -> Tensor:
    """The angle whose sine is x, in -pi/2 to pi/2; NaN beyond -1 and 1."""
    return _computed(
        lambda a: _atan2(a, _other_side(a)), (_floats(x),), lambda dy, x: (ops.divide(dy, _other_side(x)),)
    )


def acos(x, name=None) -> Tensor:
    """The angle whose cosine is x, in 0 to pi; NaN beyond -1 and 1."""
    return _computed(
        lambda a: _atan2(_other_side(a), a),
        (_floats(x),),
        lambda dy, x: (ops.negative(ops.divide(dy, _other_side(x))),),
    )


# ---- the error function's kin

_ERFC_P = (
    2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687, 4.86371970985681366614e1,
    1.96520832956077098242e2, 5.26445194995477358631e2, 9.34528527171957607540e2, 1.02755188689515710272e3,
    5.57535335369399327526e2,
)  # fmt: skip
_ERFC_Q = (
    1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
    9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3, 1.65666309194161350182e3,
    5.57535340817727675546e2,
)  # fmt: skip
_ERFC_R = (
    5.64189583547755073984e-1, 1.27536670759978104416, 5.01905042251180477414, 6.16021097993053585195,
    7.40974269950448939160, 2.97886665372100240670,
)  # fmt: skip
_ERFC_S = (
    1.0, 2.26052863220117276590, 9.39603524938001434673, 1.20489539808096656605e1, 1.70814450747565897222e1,
    9.60896809063285878198, 3.36907645100081516050,
)  # fmt: skip


def _erfc(x):
    size = ops.abs(x)
    near, far = ops.clip(size, 1.0, 8.0), ops.clip(size, 8.0, 30.0)  # beyond 30 it is 0 in every dtype
    near = ops.divide(_polynomial(near, _ERFC_P), _polynomial(near, _ERFC_Q))
    far = ops.divide(_polynomial(far, _ERFC_R), _polynomial(far, _ERFC_S))
    tail = ops.multiply(ops.exp(ops.negative(ops.square(size))), ops.where(ops.less(size, 8.0), near, far))
    tail = ops.where(ops.isnan(x), x, tail)
    tail = ops.where(ops.less(x, 0.0), ops.subtract(2.0, tail), tail)
    return ops.where(ops.less(size, 1.0), ops.subtract(1.0, ops.erf(x)), tail)


def _bell(x):
    """The slope of erf: 2 / sqrt(pi) * e^(-x^2)."""
    return ops.multiply(ops.exp(ops.negative(ops.square(x))), 2.0 / math.sqrt(math.pi))


def erfc(x, name=None) -> Tensor:
    """1 - erf(x), with all its digits where that is small."""
    return _computed(_erfc, (_floats(x),), lambda dy, x: (ops.negative(ops.multiply(dy, _bell(x))),))


_GILES_CENTRE = (
    2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
    -0.00417768164, 0.246640727, 1.50140941,
)  # fmt: skip
_GILES_TAIL = (
    -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
    0.00943887047, 1.00167406, 2.83297682,
)  # fmt: skip


def _erfinv(y):
    size = ops.abs(y)
    w = ops.negative(ops.log(ops.multiply(ops.subtract(1.0, size), ops.add(size, 1.0))))
    centre = _polynomial(ops.subtract(ops.minimum(w, 5.0), 2.5), _GILES_CENTRE)
    tail = _polynomial(ops.subtract(ops.sqrt(ops.clip(w, 5.0, 50.0)), 3.0), _GILES_TAIL)
    x = ops.multiply(ops.where(ops.less(w, 5.0), centre, tail), size)
    left = ops.subtract(1.0, size)
    for _ in range(3):  # Halley's steps, on erfc where erf is nearly 1
        error = ops.where(ops.less(size, 0.5), ops.subtract(ops.erf(x), size), ops.subtract(left, _erfc(x)))
        step = ops.divide(error, _bell(x))
        x = ops.subtract(x, ops.divide(step, ops.add(ops.multiply(x, step), 1.0)))
    x = ops.where(ops.equal(size, 1.0), math.inf, x)
    x = ops.where(ops.greater(size, 1.0), math.nan, x)
    return ops.where(ops.less(y, 0.0), ops.negative(x), x)


def erfinv(x, name=None) -> Tensor:
    """The number whose erf is x; infinite at -1 and 1, NaN beyond."""
    return _computed(_erfinv, (_floats(x),), lambda dy, x: (ops.divide(dy, _bell(erfinv(x))),))
