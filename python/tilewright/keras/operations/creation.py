# SPDX-License-Identifier: Apache-2.0
"""`keras.ops`, arrays from numbers and shapes: zeros, ranges, spaces, unit matrices, windows, conversions."""

from __future__ import annotations

import math

import numpy as np

from tilewright import backend, ops
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.keras import defaults
from tilewright.keras.graph import KerasTensor
from tilewright.keras.operations.arguments import float_tensors
from tilewright.keras.operations.declared import NUMPY, called, node, plain
from tilewright.ops._common import axis_index
from tilewright.tf import creation
from tilewright.tf.arguments import tensor

# ---- to and from arrays


def _is_array(x) -> bool:
    return isinstance(x, Tensor) or hasattr(x, "__cuda_array_interface__")


@plain
def convert_to_tensor(x, dtype=None, sparse=None, ragged=None) -> Tensor:
    """x as a Tensor: floats of Python as float32, whole numbers as int32, arrays in their dtype."""
    if sparse or ragged:
        raise ValueError("[convert_to_tensor] sparse or ragged is True, expected neither")
    if isinstance(x, Tensor) and (dtype is None or x.dtype == dtype_of(dtype)):
        return x
    if _is_array(x):
        return Tensor(x) if dtype is None else ops.cast(Tensor(x), dtype_of(dtype))
    if isinstance(x, np.ndarray):
        return Tensor(backend.on_device(np.asarray(x, None if dtype is None else dtype_of(dtype))))
    return creation.convert_to_tensor(x, dtype)


@plain
def convert_to_numpy(x) -> np.ndarray:
    """The values of a Tensor or array."""
    return convert_to_tensor(x).numpy() if _is_array(x) else np.asarray(x)


@plain
def array(x, dtype=None) -> Tensor:
    """x as a new Tensor."""
    return ops.copy(tensor(x, dtype))


@plain
def is_tensor(x) -> bool:
    """Whether x is a Tensor or a KerasTensor."""
    return isinstance(x, (Tensor, KerasTensor))


@plain
def shape(x) -> tuple:
    """The shape; None for axes of a KerasTensor that are open."""
    return tuple(x.shape if hasattr(x, "shape") else tensor(x).shape)


@plain
def size(x) -> int:
    """The number of elements."""
    return math.prod(shape(x))


@plain
def ndim(x) -> int:
    """The number of axes."""
    return len(shape(x))


@plain
def dtype(x) -> str:
    """The dtype's name."""
    return str(getattr(x.dtype, "name", x.dtype))


# ---- of one number


@plain
def zeros(shape, dtype=None) -> Tensor:
    """Zeros, of dtype floatx unless another is given."""
    return creation.zeros(shape, dtype or defaults.floatx())


@plain
def ones(shape, dtype=None) -> Tensor:
    """Ones, of dtype floatx unless another is given."""
    return creation.ones(shape, dtype or defaults.floatx())


@plain
def full(shape, fill_value, dtype=None) -> Tensor:
    """One value everywhere, or values that broadcast to the shape."""
    return ops.add(zeros(shape, dtype), ops.cast(tensor(fill_value), dtype or defaults.floatx()))


@plain
def empty(shape, dtype=None) -> Tensor:
    """An array to be written to; it holds zeros."""
    return zeros(shape, dtype)


def _like(make):
    return lambda x, dtype=None: make(tensor(x), None if dtype is None else dtype_of(dtype))


for _name, _make in (
    ("zeros_like", ops.zeros_like),
    ("ones_like", ops.ones_like),
    ("empty_like", ops.zeros_like),
):
    node(NUMPY)(called(_name, _like(_make)))


@node(NUMPY, 2)
def full_like(x, fill_value, dtype=None):
    """One value everywhere, or values that broadcast, in the shape of x and its dtype unless one is given."""
    values = ops.zeros_like(tensor(x), None if dtype is None else dtype_of(dtype))
    return ops.add(values, ops.cast(tensor(fill_value), values.dtype))


# ---- matrices


@plain
def tri(N, M=None, k=0, dtype=None) -> Tensor:
    """Ones on and below the k-th diagonal of an (N, M) matrix."""
    return ops.tril(ones((N, N if M is None else M), dtype), k)


@plain
def eye(N, M=None, k=0, dtype=None) -> Tensor:
    """Ones on the k-th diagonal of an (N, M) matrix."""
    return ops.subtract(tri(N, M, k, dtype), tri(N, M, k - 1, dtype))


@plain
def identity(n, dtype=None) -> Tensor:
    """The unit matrix."""
    return eye(n, dtype=dtype)


# ---- numbers at distances


@plain
def arange(start, stop=None, step=None, dtype=None) -> Tensor:
    """Numbers from start to before stop: int32 where all are whole, else floatx."""
    values = [v for v in (start, stop, step) if v is not None]
    whole = all(
        isinstance(v, (int, np.integer)) or getattr(v, "dtype", np.dtype("f")).kind in "iu" for v in values
    )
    start, stop = (0, start) if stop is None else (start, stop)
    made_of = dtype or ("int32" if whole else defaults.floatx())
    return creation.range(start, stop, 1 if step is None else step, made_of)


def _shares(name: str, num: int, endpoint: bool, dtype):
    """How far each of `num` numbers is on the way from the first to the last."""
    if num < 0:
        raise ValueError(f"[{name}] num is {num}, expected 0 or more")
    return tensor([i / max(num - 1 if endpoint else num, 1) for i in range(num)], dtype)


def _spaced(name: str, start, stop, num, endpoint, axis):
    """Numbers at even distances between arrays that broadcast, along a new axis; a float dtype."""
    start, stop = float_tensors(start, stop)
    shares = _shares(name, num, endpoint, start.dtype)
    start, way = ops.add(start, ops.zeros_like(stop)), ops.subtract(stop, start)
    at = axis_index(name, axis, way.ndim + 1)
    shares = ops.reshape(shares, [num if i == at else 1 for i in range(way.ndim + 1)])
    start, way = ops.expand_dims(start, at), ops.expand_dims(way, at)
    y = ops.add(start, ops.multiply(shares, way))
    if not endpoint or num < 2:
        return y
    # The last number is `stop` itself, whatever the multiplication rounds to.
    return ops.where(ops.equal(shares, 1.0), ops.add(start, way), y)


@plain
def linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0):
    """`num` numbers at even distances from start to stop (without stop where endpoint is False).

    With `retstep` also the distance. start and stop may be arrays that broadcast; `axis` is the new one.
    """
    y = _spaced("linspace", start, stop, num, endpoint, axis)
    made = y if dtype is None else ops.cast(y, dtype)
    if not retstep:
        return made
    start, stop = float_tensors(start, stop)
    parts = num - 1 if endpoint else num
    return made, ops.multiply(ops.subtract(stop, start), 1.0 / parts if parts > 0 else math.nan)


@plain
def logspace(start, stop, num=50, endpoint=True, base=10, dtype=None, axis=0):
    """base to the powers of `linspace`."""
    y = ops.power(float(base), _spaced("logspace", start, stop, num, endpoint, axis))
    return y if dtype is None else ops.cast(y, dtype)


@plain
def geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """Numbers of one ratio from start to stop, both of the same sign."""
    start, stop = (ops.add(v, 0.0) for v in float_tensors(start, stop))
    sign = ops.sign(start)
    logs = (ops.log(ops.multiply(v, sign)) for v in (start, stop))
    y = ops.exp(_spaced("geomspace", *logs, num, endpoint, axis))
    sign = ops.expand_dims(ops.add(sign, ops.zeros_like(stop)), axis_index("geomspace", axis, y.ndim))
    y = ops.multiply(y, sign)
    return y if dtype is None else ops.cast(y, dtype)


# ---- windows of signals


def _window(make):
    return lambda x: tensor(make(int(x)), defaults.floatx())


for _name in ("bartlett", "blackman", "hamming", "hanning"):
    plain(
        called(_name, _window(getattr(np, _name)), f"`{_name}`: the window of x numbers, NumPy's, in floatx.")
    )


@plain
def kaiser(x, beta) -> Tensor:
    """Kaiser's window of x numbers, NumPy's, in floatx."""
    return tensor(np.kaiser(int(x), float(beta)), defaults.floatx())
