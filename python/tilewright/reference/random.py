# SPDX-License-Identifier: Apache-2.0
"""Random family: Philox4x32-10 as its paper has it, and the distributions made of its words.

Element i takes word i % 4 of the block whose counter is (offset + i / 4: low, high 32 bits; attempt; part).
"""

import numpy as np

_MASK = 0xFFFFFFFF


def philox(counter, key):
    """One block: four words of counter and two of key in, four random words out (uint64 below 2^32)."""
    c = [np.asarray(word, np.uint64) for word in counter]
    k0, k1 = (np.uint64(word) for word in key)
    mask, shift = np.uint64(_MASK), np.uint64(32)
    for _ in range(10):
        first, second = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(second >> shift) ^ c[1] ^ k0, second & mask, (first >> shift) ^ c[3] ^ k1, first & mask]
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & mask, (k1 + np.uint64(0xBB67AE85)) & mask
    return c


def words(count, key, attempt=0, part=0):
    """The words of elements 0 .. count - 1."""
    seed, offset = (int(v) % 2**64 for v in key)
    blocks = np.arange((count + 3) // 4, dtype=np.uint64) + np.uint64(offset)
    fixed = [np.full_like(blocks, attempt), np.full_like(blocks, part)]
    drawn = philox([blocks & np.uint64(_MASK), blocks >> np.uint64(32), *fixed], (seed & _MASK, seed >> 32))
    return np.stack(drawn, axis=1).reshape(-1)[:count]


def _size(shape):
    return int(np.prod(shape, dtype=np.int64))


def _fractions(count, key, dtype, attempt=0, open_below=False):
    high = words(count, key, attempt)
    if np.dtype(dtype) == np.float64:
        bits = (high << np.uint64(20)) | (words(count, key, attempt, part=1) >> np.uint64(12))
        return bits.astype(np.float64) * 2.0**-52 + (2.0**-53 if open_below else 0.0)
    if open_below:
        return ((high >> np.uint64(1)).astype(np.float64) + 0.5) * 2.0**-31
    return (high >> np.uint64(8)).astype(np.float64) * 2.0**-24


def _normals(count, key, dtype, attempt=0):
    u = _fractions((count + 3) // 4 * 4, key, dtype, attempt, open_below=True)
    radius, angle = np.sqrt(-2 * np.log(u[0::2])), 2 * np.pi * u[1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:count]


def random_uniform(shape, *, key, low=0.0, high=1.0, dtype=np.float32):
    """low + (high - low) * u"""
    return (low + (high - low) * _fractions(_size(shape), key, dtype)).reshape(shape)


def random_normal(shape, *, key, mean=0.0, stddev=1.0, dtype=np.float32):
    """mean + stddev * z by Box and Muller"""
    return (mean + stddev * _normals(_size(shape), key, dtype)).reshape(shape)


def random_truncated_normal(shape, *, key, mean=0.0, stddev=1.0, dtype=np.float32):
    """mean + stddev * z, z the first attempt within 2"""
    count = _size(shape)
    z = _normals(count, key, dtype)
    for attempt in range(1, 60):
        z = np.where(np.abs(z) > 2, _normals(count, key, dtype, attempt), z)
    return (mean + stddev * z).reshape(shape)


def random_bernoulli(shape, *, key, probability=0.5, dtype=np.float32):
    """1 where the word is below probability * 2^32"""
    return (words(_size(shape), key) < round(probability * 2**32)).astype(dtype).reshape(shape)
