# SPDX-License-Identifier: Apache-2.0
"""What Keras 2 programs look for in `keras.backend`, imported as K: settings, and functions of Tensors."""

from __future__ import annotations

import builtins

import numpy as np

from tilewright import linalg, ops, random
from tilewright.autograd import Tensor
from tilewright.keras.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from tilewright.keras.operations.nn import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from tilewright.keras.utils import clear_session
from tilewright.suggestion import missing
from tilewright.tf import creation, elementwise, gradients, products, reductions, selection, shapes
from tilewright.tf.arguments import tensor as _tensor
from tilewright.variable import Variable

# What has the same arguments among the `tf` names, some under another name.
_SAME = {
    creation: "constant convert_to_tensor eye identity ones_like shape zeros_like",
    elementwise: (
        "abs cos equal exp greater greater_equal less less_equal log maximum minimum not_equal pow round "
        "sigmoid sign sin softplus softsign sqrt square tanh"
    ),
    gradients: "stop_gradient",
    reductions: "cumprod cumsum",
    shapes: "reshape reverse stack tile",
}
globals().update({name: getattr(module, name) for module, names in _SAME.items() for name in names.split()})
_REDUCTIONS = ("all", "any", "logsumexp", "max", "min", "prod", "sum")
globals().update({name: getattr(reductions, f"reduce_{name}") for name in _REDUCTIONS})
permute_dimensions, switch = shapes.transpose, selection.where


def _axes(axis):
    return tuple(axis) if isinstance(axis, list) else axis


# ---- values and shapes


def variable(value, dtype=None, name=None, constraint=None) -> Variable:
    """A Variable, of dtype floatx unless another is given."""
    return Variable(value, name=name, dtype=dtype or floatx(), constraint=constraint)


def zeros(shape, dtype=None, name=None) -> Variable:
    """A Variable of zeros."""
    return Variable(ops.zeros(tuple(shape), dtype or floatx()), name=name)


def ones(shape, dtype=None, name=None) -> Variable:
    """A Variable of ones."""
    return Variable(ops.ones(tuple(shape), dtype or floatx()), name=name)


def get_value(x) -> np.ndarray:
    """The values as a NumPy array."""
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


eval = get_value


def set_value(x, value) -> None:
    """Writes values into a Variable; a number into a scalar."""
    x.assign(value)


def int_shape(x) -> tuple:
    """The shape; None where a model that is being described leaves a size open."""
    return tuple(x.shape)


def ndim(x) -> int:
    """The number of axes."""
    return len(x.shape)


def dtype(x) -> str:
    """The dtype's name."""
    return getattr(x.dtype, "name", x.dtype)


def count_params(x) -> int:
    """The number of elements."""
    return int(x.size)


def arange(start, stop=None, step=1, dtype="int32") -> Tensor:
    """Numbers from start to before stop."""
    return creation.range(start, stop, step, dtype)


def cast(x, dtype) -> Tensor:
    """In another dtype."""
    return ops.cast(_tensor(x), dtype)


def cast_to_floatx(x):
    """In the dtype of `floatx`; an array stays an array."""
    return ops.cast(x if isinstance(x, Tensor) else np.asarray(x), floatx())


def expand_dims(x, axis=-1) -> Tensor:
    """A new axis of size 1."""
    return ops.expand_dims(_tensor(x), axis)


def squeeze(x, axis) -> Tensor:
    """Without an axis of size 1."""
    return ops.squeeze(_tensor(x), axis)


def flatten(x) -> Tensor:
    """All elements along one axis."""
    return ops.reshape(_tensor(x), (-1,))


def batch_flatten(x) -> Tensor:
    """All axes but the first as one."""
    return ops.reshape(_tensor(x), (x.shape[0], -1))


def transpose(x) -> Tensor:
    """The axes reversed."""
    return ops.transpose(_tensor(x))


def concatenate(tensors, axis=-1) -> Tensor:
    """One after another along an axis."""
    return ops.concat([_tensor(t) for t in tensors], axis=axis)


def repeat_elements(x, rep, axis) -> Tensor:
    """Each entry along an axis so many times in a row."""
    return ops.repeat(_tensor(x), rep, axis=axis)


def gather(reference, indices) -> Tensor:
    """Rows by their number."""
    return ops.take(_tensor(reference), _tensor(indices), axis=0)


def one_hot(indices, num_classes) -> Tensor:
    """Rows that are 1 at their index."""
    return ops.one_hot(_tensor(indices), num_classes)


# ---- functions


def mean(x, axis=None, keepdims=False) -> Tensor:
    """The mean along axes; of integers in floatx."""
    return ops.mean(_floats(x), axis=_axes(axis), keepdims=keepdims)


def std(x, axis=None, keepdims=False) -> Tensor:
    """The standard deviation of a population along axes."""
    return ops.std(_floats(x), axis=_axes(axis), keepdims=keepdims)


def var(x, axis=None, keepdims=False) -> Tensor:
    """The variance of a population along axes."""
    return ops.var(_floats(x), axis=_axes(axis), keepdims=keepdims)


def _floats(x) -> Tensor:
    x = _tensor(x)
    return x if x.dtype.kind == "f" else ops.cast(x, floatx())


def argmax(x, axis=-1) -> Tensor:
    """The position of the largest entry along an axis."""
    return ops.argmax(_tensor(x), axis=axis)


def argmin(x, axis=-1) -> Tensor:
    """The position of the smallest entry along an axis."""
    return ops.argmin(_tensor(x), axis=axis)


def clip(x, min_value, max_value) -> Tensor:
    """Brought into a range; None is no limit."""
    x = _tensor(x)
    if max_value is not None:
        x = ops.minimum(x, max_value)
    return x if min_value is None else ops.maximum(x, min_value)


def dot(x, y) -> Tensor:
    """The product summed over the last axis of x and the second last of y."""
    x, y = _tensor(x), _tensor(y)
    return products.tensordot(x, y, [[x.ndim - 1], [builtins.max(y.ndim - 2, 0)]])


def batch_dot(x, y, axes=None) -> Tensor:
    """The product of each sample's arrays, summed over one axis of both."""
    from tilewright.keras.layers.merging import Dot

    if axes is None:
        axes = (x.ndim - 1, builtins.max(y.ndim - 2, 1))
    return Dot(axes)([_tensor(x), _tensor(y)])


def l2_normalize(x, axis=None) -> Tensor:
    """x over its Euclidean norm along axes."""
    return linalg.l2_normalize(_tensor(x), axis)


def relu(x, alpha=0.0, max_value=None, threshold=0.0) -> Tensor:
    """max(x, 0); with a slope below, a largest value, a threshold."""
    from tilewright.keras import activations

    return activations.relu(_tensor(x), negative_slope=alpha, max_value=max_value, threshold=threshold)


def elu(x, alpha=1.0) -> Tensor:
    """x above 0, else alpha (e^x - 1)"""
    return ops.elu(_tensor(x), alpha)


def softmax(x, axis=-1) -> Tensor:
    """e^x over its sum along an axis."""
    return ops.softmax(_tensor(x), axis=axis)


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None) -> Tensor:
    """Normal numbers."""
    return random.normal(shape, mean, stddev, dtype or floatx(), seed)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None) -> Tensor:
    """Numbers from [minval, maxval)."""
    return random.uniform(shape, minval, maxval, dtype or floatx(), seed)


__all__ = [
    "backend",
    *(name for names in _SAME.values() for name in names.split()),
    *_REDUCTIONS,
    "arange", "argmax", "argmin", "batch_dot", "batch_flatten", "binary_crossentropy", "cast",
    "cast_to_floatx", "categorical_crossentropy", "clear_session", "clip", "concatenate", "count_params",
    "dot", "dtype", "elu", "epsilon", "eval", "expand_dims", "flatten", "floatx", "gather", "get_value",
    "image_data_format", "int_shape", "l2_normalize", "mean", "ndim", "one_hot", "ones",
    "permute_dimensions", "random_normal", "random_uniform", "relu", "repeat_elements", "set_epsilon",
    "set_floatx", "set_image_data_format", "set_value", "softmax", "sparse_categorical_crossentropy",
    "squeeze", "std", "switch", "transpose", "var", "variable", "zeros",
]  # fmt: skip
__getattr__ = missing(__name__, __all__)
