# SPDX-License-Identifier: Apache-2.0
"""The functions of `keras.ops` that are no nodes of models: they make Tensors, or are used inside layers."""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.keras import backend
from tilewright.keras import defaults as config
from tilewright.tf import control, creation, gradients, shapes
from tilewright.tf.arguments import tensor

cond, while_loop, vectorized_map = control.cond, control.while_loop, control.vectorized_map
custom_gradient, meshgrid = gradients.custom_gradient, creation.meshgrid


def array(x, dtype=None) -> Tensor:
    """x as a new Tensor."""
    return ops.copy(tensor(x, dtype))


def zeros(shape, dtype=None) -> Tensor:
    """Zeros, of dtype floatx unless another is given."""
    return creation.zeros(shape, dtype or config.floatx())


def ones(shape, dtype=None) -> Tensor:
    """Ones, of dtype floatx unless another is given."""
    return creation.ones(shape, dtype or config.floatx())


def full(shape, fill_value, dtype=None) -> Tensor:
    """One value everywhere."""
    return ops.add(zeros(shape, dtype), ops.cast(tensor(fill_value), dtype or config.floatx()))


def empty(shape, dtype=None) -> Tensor:
    """An array to be written to; it holds zeros."""
    return zeros(shape, dtype)


def eye(N, M=None, k=0, dtype=None) -> Tensor:
    """Ones on the k-th diagonal of an (N, M) matrix."""
    square = ones((N, N if M is None else M), dtype)
    return ops.subtract(ops.tril(square, k), ops.tril(square, k - 1))


def identity(n, dtype=None) -> Tensor:
    """The unit matrix."""
    return eye(n, dtype=dtype)


def arange(start, stop=None, step=None, dtype=None) -> Tensor:
    """Numbers from start to before stop: int32 where all are whole, else floatx."""
    values = [v for v in (start, stop, step) if v is not None]
    whole = all(isinstance(v, (int, np.integer)) for v in values)
    start, stop = (0, start) if stop is None else (start, stop)
    return creation.range(
        start, stop, 1 if step is None else step, dtype or ("int32" if whole else config.floatx())
    )


def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0) -> Tensor:
    """`num` numbers at even distances from start to stop (without stop where endpoint is False)."""
    if retstep or axis != 0:
        raise NotImplementedError("[linspace] retstep or axis is given, expected neither")
    last = stop if endpoint else start + (stop - start) * (num - 1) / num
    return ops.cast(
        creation.linspace(float(start), float(last), num), config.floatx() if dtype is None else dtype
    )


def size(x) -> int:
    """The number of elements."""
    return int(x.size)


def ndim(x) -> int:
    """The number of axes."""
    return len(x.shape)


def dtype(x) -> str:
    """The dtype's name."""
    return str(getattr(x.dtype, "name", x.dtype))


def isclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False) -> Tensor:
    """Whether abs(x1 - x2) is at most atol + rtol * abs(x2), element by element."""
    x1, x2 = tensor(x1), tensor(x2)
    bound = ops.add(ops.multiply(ops.abs(x2), float(rtol)), float(atol))
    near = ops.logical_or(ops.less_equal(ops.abs(ops.subtract(x1, x2)), bound), ops.equal(x1, x2))
    near = ops.logical_and(near, ops.logical_or(ops.isfinite(x2), ops.equal(x1, x2)))
    return ops.logical_or(near, ops.logical_and(ops.isnan(x1), ops.isnan(x2))) if equal_nan else near


def allclose(x1, x2, rtol=1e-5, atol=1e-8, equal_nan=False) -> Tensor:
    """Whether all elements are close."""
    return ops.all(isclose(x1, x2, rtol, atol, equal_nan))


def nan_to_num(x, nan=0.0, posinf=None, neginf=None) -> Tensor:
    """NaN as `nan`, infinities as the largest numbers of the dtype, or as given."""
    x = tensor(x)
    limit = float(np.finfo(x.dtype).max) if x.dtype.kind == "f" else 0.0
    x = ops.where(ops.isnan(x), float(nan), x)
    x = ops.where(ops.equal(x, float("inf")), limit if posinf is None else float(posinf), x)
    return ops.where(ops.equal(x, float("-inf")), -limit if neginf is None else float(neginf), x)


def hstack(xs) -> Tensor:
    """Arrays side by side: along the second axis, vectors one after another."""
    xs = [tensor(x) for x in xs]
    return ops.concat(xs, axis=0 if xs[0].ndim < 2 else 1)


def vstack(xs) -> Tensor:
    """Arrays below each other; vectors as rows."""
    xs = [tensor(x) for x in xs]
    return ops.concat([ops.reshape(x, (1, -1)) if x.ndim < 2 else x for x in xs], axis=0)


def slice(inputs, start_indices, shape) -> Tensor:
    """The part of `shape` from a start on."""
    return shapes.slice(tensor(inputs), start_indices, shape)


def moments(x, axes, keepdims=False, synchronized=False) -> tuple:
    """Mean and variance over axes. `synchronized` changes nothing: there is one device."""
    axes = axes if isinstance(axes, int) else tuple(axes)
    x = tensor(x)
    return ops.mean(x, axis=axes, keepdims=keepdims), ops.var(x, axis=axes, keepdims=keepdims)


def count_nonzero(x, axis=None) -> Tensor:
    """How many elements are not 0."""
    return ops.sum(ops.cast(ops.not_equal(tensor(x), 0), "int32"), axis=axis)


def map(f, xs) -> Tensor:
    """f of each entry along the first axis, stacked."""
    return control.map_fn(f, xs)


def binary_crossentropy(target, output, from_logits=False) -> Tensor:
    """Element by element."""
    return backend.binary_crossentropy(target, output, from_logits)


def categorical_crossentropy(target, output, from_logits=False, axis=-1) -> Tensor:
    """One loss a row."""
    return backend.categorical_crossentropy(target, output, from_logits, axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1) -> Tensor:
    """One loss a row, from class numbers."""
    return backend.sparse_categorical_crossentropy(target, output, from_logits, axis)


def _window(inputs, size, strides, padding, data_format) -> dict:
    rank = len(inputs.shape) - 2
    size, strides = ((n,) * rank if isinstance(n, int) else tuple(n) for n in (size, strides or size))
    flat = rank == 1
    return {
        "pool_size": size[0] if flat else size,
        "stride": strides[0] if flat else strides,
        "padding": padding,
        "data_format": config.standard_data_format(data_format),
    }


def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None) -> Tensor:
    """The largest value of each window of steps or images."""
    x = tensor(inputs)
    pool = ops.max_pool1d if x.ndim == 3 else ops.max_pool2d
    return pool(x, **_window(x, pool_size, strides, padding, data_format))


def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None) -> Tensor:
    """The mean of each window of steps or images; padding does not count."""
    x = tensor(inputs)
    pool = ops.avg_pool1d if x.ndim == 3 else ops.avg_pool2d
    return pool(x, count_padding=False, **_window(x, pool_size, strides, padding, data_format))


def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1) -> Tensor:
    """Convolution of steps or images; groups where the kernel has fewer channels."""
    x, w = tensor(inputs), tensor(kernel)
    data_format = config.standard_data_format(data_format)
    channels = x.shape[-1 if data_format == "channels_last" else 1]
    run = ops.conv1d if x.ndim == 3 else ops.conv2d
    return run(
        x, w, stride=strides, padding=padding, dilation=dilation_rate, groups=channels // w.shape[-2],
        data_format=data_format,
    )  # fmt: skip


__all__ = [
    "allclose", "arange", "array", "average_pool", "binary_crossentropy", "categorical_crossentropy", "cond",
    "conv", "count_nonzero", "custom_gradient", "dtype", "empty", "eye", "full", "hstack", "identity",
    "isclose", "linspace", "map", "max_pool", "meshgrid", "moments", "nan_to_num", "ndim", "ones", "size",
    "slice",
    "sparse_categorical_crossentropy", "vectorized_map", "vstack", "while_loop", "zeros",
]  # fmt: skip
