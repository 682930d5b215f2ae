# SPDX-License-Identifier: Apache-2.0
"""What the operations of functional models compute, by Keras's arguments: the rest of `keras.ops`."""

from __future__ import annotations

from tilewright import linalg, ops
from tilewright.keras import activations, config
from tilewright.tf import elementwise, gradients, products, reductions, selection, shapes
from tilewright.tf.arguments import tensor


def _prod(x, axis=None, keepdims=False, dtype=None):
    return ops.prod(x if dtype is None else ops.cast(x, dtype), axis=axis, keepdims=keepdims)


def _argument(function):
    def position(x, axis=None, keepdims=False):
        return ops.cast(function(x, axis=axis, keepdims=keepdims), "int32")

    return position


def _running(function):
    def run(x, axis=None, dtype=None):
        if axis is None:
            x, axis = ops.reshape(x, (-1,)), 0
        return function(x if dtype is None else ops.cast(x, dtype), axis)

    return run


def _rounded(x, decimals=0):
    if decimals == 0:
        return ops.round(x)
    return ops.divide(ops.round(ops.multiply(x, 10.0**decimals)), 10.0**decimals)


def _log_to(base: float):
    return lambda x: ops.multiply(ops.log(x), base)


def _split(x, indices_or_sections, axis=0):
    return ops.split(x, indices_or_sections, axis=axis)


def _repeat(x, repeats, axis=None):
    return ops.repeat(ops.reshape(x, (-1,)) if axis is None else x, repeats, axis=axis or 0)


def _tile(x, repeats):
    repeats = (repeats,) if isinstance(repeats, int) else tuple(repeats)
    shape = (1,) * (len(repeats) - x.ndim) + tuple(x.shape)
    return ops.tile(ops.reshape(x, shape), (1,) * (len(shape) - len(repeats)) + repeats)


def _roll(x, shift, axis=None):
    if axis is None:
        return ops.reshape(ops.roll(ops.reshape(x, (-1,)), shift, axis=0), x.shape)
    for s, a in zip(shift, axis, strict=True) if isinstance(axis, (tuple, list)) else [(shift, axis)]:
        x = ops.roll(x, s, axis=a)
    return x


def _pad(x, pad_width, mode="constant", constant_values=None):
    if isinstance(pad_width, int):
        pad_width = (pad_width, pad_width)
    if isinstance(pad_width[0], int):
        pad_width = (tuple(pad_width),) * x.ndim
    pairs = [tuple(p) if len(p) == 2 else (p[0], p[0]) for p in pad_width]
    return ops.pad(x, pairs * (x.ndim if len(pairs) == 1 else 1), mode=mode, value=constant_values or 0.0)


def _one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    if sparse:
        raise NotImplementedError("[one_hot] sparse is True, expected False: there are no sparse arrays")
    return ops.one_hot(x, num_classes, axis=axis, dtype=dtype or config.floatx())


def _top_k(x, k, sorted=True):
    values, indices = ops.top_k(x, k)
    return values, ops.cast(indices, "int32")


def _norm(x, ord=None, axis=None, keepdims=False):
    return linalg.norm(x, "euclidean" if ord is None else ord, axis=axis, keepdims=keepdims)


def _sorted(x, axis=-1):
    return selection.sort(x, axis=axis)


def _argsort(x, axis=-1):
    if axis is None:
        x, axis = ops.reshape(x, (-1,)), 0
    return ops.cast(selection.argsort(x, axis=axis), "int32")


def _like(function):
    return lambda x, dtype=None, sparse=None: function(x, dtype)


def _full_like(x, fill_value, dtype=None):
    values = ops.zeros_like(x, dtype)
    return ops.add(values, ops.cast(tensor(fill_value), values.dtype))


def _normalized(x, axis=-1, order=2, epsilon=None):
    epsilon = config.epsilon() if epsilon is None else epsilon
    if order == 2:  # as Keras: the root of at least epsilon
        squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
        return ops.multiply(x, ops.rsqrt(ops.maximum(squares, epsilon)))
    return ops.divide(x, ops.maximum(linalg.norm(x, order, axis=axis, keepdims=True), epsilon))


def _einsum(*operands, subscripts):
    return products.einsum(subscripts, *operands)


def _dot(a, b):
    if a.ndim == 0 or b.ndim == 0:
        return ops.multiply(a, b)
    return products.tensordot(a, b, [[a.ndim - 1], [max(b.ndim - 2, 0)]])


def _outer(a, b):
    return ops.multiply(ops.reshape(a, (-1, 1)), ops.reshape(b, (1, -1)))


NUMPY, NN, CORE = "keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.core"
MATH, LINALG = "keras.src.ops.math", "keras.src.ops.linalg"
_AXES = ("axis", "keepdims")
# Keras's function: its class, the class's module, what computes it, the arguments of the constructor.
ONE = {
    "arccosh": ("Arccosh", NUMPY, elementwise.acosh, ()),
    "arcsinh": ("Arcsinh", NUMPY, elementwise.asinh, ()),
    "arctanh": ("Arctanh", NUMPY, elementwise.atanh, ()),
    "argmax": ("Argmax", NUMPY, _argument(ops.argmax), _AXES),
    "argmin": ("Argmin", NUMPY, _argument(ops.argmin), _AXES),
    "argsort": ("Argsort", NUMPY, _argsort, ("axis",)),
    "broadcast_to": ("BroadcastTo", NUMPY, ops.broadcast_to, ("shape",)),
    "ceil": ("Ceil", NUMPY, ops.ceil, ()),
    "celu": ("Celu", NN, activations.celu, ("alpha",)),
    "copy": ("Copy", NUMPY, ops.copy, ()),
    "cos": ("Cos", NUMPY, ops.cos, ()),
    "cosh": ("Cosh", NUMPY, elementwise.cosh, ()),
    "cumprod": ("Cumprod", NUMPY, _running(reductions.cumprod), ("axis", "dtype")),
    "cumsum": ("Cumsum", NUMPY, _running(lambda x, axis: ops.cumsum(x, axis=axis)), ("axis", "dtype")),
    "elu": ("Elu", NN, activations.elu, ("alpha",)),
    "erf": ("Erf", MATH, ops.erf, ()),
    "expm1": ("Expm1", NUMPY, ops.expm1, ()),
    "flip": ("Flip", NUMPY, ops.flip, ("axis",)),
    "floor": ("Floor", NUMPY, ops.floor, ()),
    "glu": ("Glu", NN, activations.glu, ("axis",)),
    "hard_shrink": ("HardShrink", NN, activations.hard_shrink, ("threshold",)),
    "hard_sigmoid": ("HardSigmoid", NN, activations.hard_sigmoid, ()),
    "hard_silu": ("HardSilu", NN, activations.hard_silu, ()),
    "hard_tanh": ("HardTanh", NN, activations.hard_tanh, ()),
    "isfinite": ("Isfinite", NUMPY, ops.isfinite, ()),
    "isinf": ("Isinf", NUMPY, ops.isinf, ()),
    "isnan": ("Isnan", NUMPY, ops.isnan, ()),
    "leaky_relu": ("LeakyRelu", NN, activations.leaky_relu, ("negative_slope",)),
    "log10": ("Log10", NUMPY, _log_to(0.4342944819032518), ()),
    "log1p": ("Log1p", NUMPY, ops.log1p, ()),
    "log2": ("Log2", NUMPY, _log_to(1.4426950408889634), ()),
    "log_sigmoid": ("LogSigmoid", NN, activations.log_sigmoid, ()),
    "logsumexp": ("Logsumexp", MATH, ops.logsumexp, _AXES),
    "moveaxis": ("Moveaxis", NUMPY, ops.moveaxis, ("source", "destination")),
    "norm": ("Norm", LINALG, _norm, ("ord", *_AXES)),
    "normalize": ("Normalize", NN, _normalized, ("axis", "order", "epsilon")),
    "one_hot": ("OneHot", NN, _one_hot, ("num_classes", "axis", "dtype", "sparse")),
    "ones_like": ("OnesLike", NUMPY, _like(ops.ones_like), ("dtype",)),
    "pad": ("Pad", NUMPY, _pad, ("pad_width", "mode")),
    "prod": ("Prod", NUMPY, _prod, (*_AXES, "dtype")),
    "ravel": ("Ravel", NUMPY, lambda x: ops.reshape(x, (-1,)), ()),
    "reciprocal": ("Reciprocal", NUMPY, ops.reciprocal, ()),
    "relu6": ("Relu6", NN, ops.relu6, ()),
    "repeat": ("Repeat", NUMPY, _repeat, ("repeats", "axis")),
    "roll": ("Roll", NUMPY, _roll, ("shift", "axis")),
    "round": ("Round", NUMPY, _rounded, ("decimals",)),
    "rsqrt": ("Rsqrt", MATH, ops.rsqrt, ()),
    "selu": ("Selu", NN, activations.selu, ()),
    "sign": ("Sign", NUMPY, ops.sign, ()),
    "sin": ("Sin", NUMPY, ops.sin, ()),
    "sinh": ("Sinh", NUMPY, elementwise.sinh, ()),
    "soft_shrink": ("SoftShrink", NN, activations.soft_shrink, ("threshold",)),
    "softsign": ("Softsign", NN, activations.softsign, ()),
    "sort": ("Sort", NUMPY, _sorted, ("axis",)),
    "sparse_plus": ("SparsePlus", NN, activations.sparse_plus, ()),
    "sparse_sigmoid": ("SparseSigmoid", NN, activations.sparse_sigmoid, ()),
    "sparsemax": ("Sparsemax", NN, activations.sparsemax, ("axis",)),
    "split": ("Split", NUMPY, _split, ("indices_or_sections", "axis")),
    "squareplus": ("Squareplus", NN, activations.squareplus, ("b",)),
    "std": ("Std", NUMPY, ops.std, _AXES),
    "stop_gradient": ("StopGradient", CORE, gradients.stop_gradient, ()),
    "swapaxes": ("Swapaxes", NUMPY, ops.swapaxes, ("axis1", "axis2")),
    "tan": ("Tan", NUMPY, elementwise.tan, ()),
    "tanh_shrink": ("TanhShrink", NN, activations.tanh_shrink, ()),
    "threshold": ("Threshold", NN, activations.threshold, ("threshold", "default_value")),
    "tile": ("Tile", NUMPY, _tile, ("repeats",)),
    "top_k": ("TopK", MATH, _top_k, ("k", "sorted")),
    "tril": ("Tril", NUMPY, ops.tril, ("k",)),
    "triu": ("Triu", NUMPY, ops.triu, ("k",)),
    "unstack": ("Unstack", CORE, lambda x, num=None, axis=0: shapes.unstack(x, num, axis), ("num", "axis")),
    "var": ("Var", NUMPY, ops.var, _AXES),
    "zeros_like": ("ZerosLike", NUMPY, _like(ops.zeros_like), ("dtype",)),
}
TWO = {
    "dot": ("Dot", NUMPY, _dot, ()),
    "floor_divide": ("FloorDivide", NUMPY, ops.floor_divide, ()),
    "full_like": ("FullLike", NUMPY, _full_like, ("dtype",)),
    "logical_xor": ("LogicalXor", NUMPY, ops.logical_xor, ()),
    "mod": ("Mod", NUMPY, ops.remainder, ()),
    "outer": ("Outer", NUMPY, _outer, ()),
    "take": ("Take", NUMPY, lambda x, indices, axis=None: ops.take(x, indices, axis=axis), ("axis",)),
    "take_along_axis": (
        "TakeAlongAxis",
        NUMPY,
        lambda x, indices, axis=None: ops.take_along_axis(
            ops.reshape(x, (-1,)) if axis is None else x, indices, axis=0 if axis is None else axis
        ),
        ("axis",),
    ),
    "tensordot": (
        "Tensordot",
        NUMPY,
        lambda x1, x2, axes=2: products.tensordot(x1, x2, axes),
        ("axes",),
    ),
}
ANY_NUMBER = {"einsum": ("Einsum", NUMPY, _einsum, ("subscripts",))}
