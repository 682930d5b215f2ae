# SPDX-License-Identifier: Apache-2.0
"""Random arrays by counter: the same key gives the same numbers on any number of threads and any device."""

from __future__ import annotations

import numpy as np

from tilewright import backend
from tilewright.autograd import raw
from tilewright.ops._common import destination, given_back
from tilewright.ops._operands import documented

_COMMON = documented("""
    Parameters
        shape : int or tuple of int
        key : (2,) int64 array from `random_key`: seed and offset
        dtype : float32 or float64 (bernoulli: or bool)
        out : array of that shape and dtype, optional
    Returns   y : array of `shape`
    Raises    ValueError: a negative size, key of another shape, a parameter out of range.
              TypeError: other dtypes.
    Backends  cpu
""")


def random_key(seed: int, offset: int = 0):
    """A key of the random operations: an int64 array (seed, offset).

    Parameters
        seed : picks one of 2^64 streams
        offset : where in the stream to start, in blocks of four elements
    Returns   (2,) int64 array; negative numbers stand for those from 2^63 on
    Raises    TypeError: seed or offset is no integer.  ValueError: it does not fit in 64 bits.
    Examples
        >>> random_key(7)
        array([7, 0])
    """
    key = np.empty(2, np.int64)
    for i, (argument, value) in enumerate((("seed", seed), ("offset", offset))):
        if not isinstance(value, (int, np.integer)):
            raise TypeError(f"[random_key] {argument} is a {type(value).__name__}, expected an int")
        if not -(2**63) <= value < 2**64:
            raise ValueError(f"[random_key] {argument} is {value}, expected -2**63 to 2**64 - 1")
        key[i] = value if value < 2**63 else value - 2**64
    return backend.on_device(key)


def random_blocks(size: int) -> int:
    """How many blocks of the stream an array of `size` elements uses: what to add to the offset after a call.

    Examples
        >>> random_blocks(9)
        3
    """
    return (size + 3) // 4


def _draw(name: str, shape, key, dtype, out, *parameters):
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"[{name}] shape is {shape}, expected sizes of at least 0")
    key = raw(name, "key", key)
    for value in parameters:
        if not isinstance(value, (int, float, np.number)):
            raise TypeError(f"[{name}] got a {type(value).__name__}, expected a number")
    y = destination(name, out, shape, np.dtype(dtype), key)
    filled = y if y.flags.c_contiguous else backend.empty(shape, y.dtype, key)
    getattr(backend.module_of(key), name)(filled, key, *(float(value) for value in parameters))
    return filled if out is None else given_back(out, filled)


def random_uniform(shape, *, key, low: float = 0.0, high: float = 1.0, dtype=np.float32, out=None):
    """Uniform random numbers.

        y = low + (high - low) * u,   u uniform in [0, 1)

    Parameters
        shape : int or tuple of int
        key : (2,) int64 array from `random_key`: seed and offset
        low, high : the range; low belongs to it, high does not
        dtype : float32 or float64
        out : array of that shape and dtype, optional
    Returns   y : array of `shape`
    Raises    ValueError: a negative size, low above high, key of another shape.  TypeError: other dtypes.
    Numerics  u has 24 random bits in float32, 52 in float64; element i takes word i % 4 of block
              offset + i / 4
    Backends  cpu
    Notes     Philox4x32-10: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    Examples
        >>> y = random_uniform((1000,), key=random_key(1), low=-1.0)
        >>> bool(y.min() >= -1 and y.max() < 1)
        True
    """
    return _draw("random_uniform", shape, key, dtype, out, low, high)


@_COMMON
def random_normal(shape, *, key, mean: float = 0.0, stddev: float = 1.0, dtype=np.float32, out=None):
    """Normal random numbers.

    Numerics  pairs of elements come from pairs of words; reaches 6.6 (float32) or 8.5 (float64) stddev
    Notes     Box & Muller, "A note on the generation of random normal deviates", 1958.
    Examples
        >>> random_normal(3, key=random_key(1), mean=5.0, stddev=0.0)
        array([5., 5., 5.], dtype=float32)
    """
    return _draw("random_normal", shape, key, dtype, out, mean, stddev)


@_COMMON
def random_truncated_normal(
    shape, *, key, mean: float = 0.0, stddev: float = 1.0, dtype=np.float32, out=None
):
    """Normal random numbers, drawn again where they lie more than 2 stddev from the mean, as Keras has them.


    Examples
        >>> y = random_truncated_normal(1000, key=random_key(1))
        >>> bool((y >= -2).all() and (y <= 2).all())
        True
    """
    return _draw("random_truncated_normal", shape, key, dtype, out, mean, stddev)


@_COMMON
def random_bernoulli(shape, *, key, probability: float = 0.5, dtype=np.float32, out=None):
    """Ones with the given probability, else zeros.

    Examples
        >>> random_bernoulli(2, key=random_key(1), probability=1.0, dtype=bool)
        array([ True,  True])
    """
    return _draw("random_bernoulli", shape, key, dtype, out, probability)


__all__ = [
    "random_bernoulli",
    "random_blocks",
    "random_key",
    "random_normal",
    "random_truncated_normal",
    "random_uniform",
]
