# SPDX-License-Identifier: Apache-2.0
"""The distributions that random numbers are drawn from."""

from __future__ import annotations

import math

import numpy as np

from tilewright import backend, ops
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.seeds import key_for


def _key(seed, shape) -> np.ndarray:
    return key_for(seed, math.prod(shape))


def _shape(shape) -> tuple[int, ...]:
    if isinstance(shape, Tensor):
        shape = shape.numpy()
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(int(n) for n in shape)


def uniform(shape, minval=0.0, maxval=None, dtype="float32", seed=None, name=None) -> Tensor:
    """Numbers from [minval, maxval); maxval None is 1. Whole numbers where dtype is an integer one.

    `seed`: an int, which gives the same numbers at every call; a SeedGenerator; or None for the global
    generator.
    """
    shape, dtype = _shape(shape), dtype_of(dtype or "float32")
    if dtype.kind in "iu":
        if maxval is None:
            raise ValueError(f"[uniform] maxval is None, expected a number for dtype {dtype}")
        share = Tensor(ops.random_uniform(shape, key=_key(seed, shape), dtype=np.float64))
        return whole_numbers(share, minval, maxval, dtype)
    high = 1.0 if maxval is None else maxval
    if isinstance(minval, Tensor) or isinstance(high, Tensor):
        share = Tensor(ops.random_uniform(shape, key=_key(seed, shape), dtype=dtype))
        return ops.add(ops.multiply(share, high - minval), minval)
    return Tensor(ops.random_uniform(shape, key=_key(seed, shape), low=minval, high=high, dtype=dtype))


def whole_numbers(share: Tensor, low, high, dtype) -> Tensor:
    """Whole numbers from low to below high, from float64 shares in [0, 1)."""
    if not isinstance(low, Tensor) and not isinstance(high, Tensor) and not low < high:
        raise ValueError(f"[uniform] minval is {low} and maxval {high}, expected minval below maxval")
    return ops.add(ops.cast(ops.floor(ops.multiply(share, high - low)), dtype), low)


def normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None, name=None) -> Tensor:
    """Numbers of the normal distribution. `seed` as in `uniform`; mean and stddev may be Tensors."""
    shape, dtype = _shape(shape), dtype_of(dtype or "float32")
    if isinstance(mean, Tensor) or isinstance(stddev, Tensor):
        drawn = Tensor(ops.random_normal(shape, key=_key(seed, shape), dtype=dtype))
        return ops.add(ops.multiply(drawn, stddev), mean)
    return Tensor(ops.random_normal(shape, key=_key(seed, shape), mean=mean, stddev=stddev, dtype=dtype))


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None, name=None) -> Tensor:
    """Normal numbers drawn again where farther than two standard deviations from the mean."""
    shape, dtype = _shape(shape), dtype_of(dtype or "float32")
    return Tensor(
        ops.random_truncated_normal(shape, key=_key(seed, shape), mean=mean, stddev=stddev, dtype=dtype)
    )


def bernoulli(shape, p: float = 0.5, dtype="float32", seed=None) -> Tensor:
    """Ones with probability p, else zeros."""
    shape = _shape(shape)
    return Tensor(ops.random_bernoulli(shape, key=_key(seed, shape), probability=p, dtype=dtype_of(dtype)))


def permutation(n: int, seed=None) -> np.ndarray:
    """The numbers 0 to n-1 in random order, int64: the order of samples in an epoch."""
    key, offset = (int(part) for part in backend.to_host(_key(seed, (1,))))
    return np.random.Generator(np.random.Philox(key=(key << 64) | offset)).permutation(n)


def orthogonal(rows: int, columns: int, dtype="float32", seed=None) -> Tensor:
    """A (rows, columns) matrix with orthonormal columns, or rows where they are fewer, drawn uniformly."""
    tall = (max(rows, columns), min(rows, columns))
    q, r = np.linalg.qr(normal(tall, dtype="float64", seed=seed).numpy())
    q = q * np.sign(
        np.diagonal(r)
    )  # makes the distribution uniform (Mezzadri, Notices of the AMS 54(5), 2007)
    q = np.ascontiguousarray(q if rows >= columns else q.T).astype(dtype_of(dtype))
    return Tensor(backend.on_device(q))
