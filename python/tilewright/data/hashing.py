# SPDX-License-Identifier: Apache-2.0
"""The hashes of strings that TensorFlow's layers use: FarmHash's Fingerprint64 and SipHash-2-4.

FarmHash: Pike, 2014 (github.com/google/farmhash). SipHash: Aumasson and Bernstein, INDOCRYPT 2012.
"""

from __future__ import annotations

import functools

_MASK = (1 << 64) - 1
_K0, _K1, _K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def _word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _rotated(x: int, n: int) -> int:
    """x rotated to the right."""
    return ((x >> n) | (x << (64 - n))) & _MASK


def _mixed(x: int) -> int:
    return x ^ (x >> 47)


def _pair(u: int, v: int, factor: int) -> int:
    a = _mixed(((u ^ v) * factor) & _MASK)
    b = _mixed(((v ^ a) * factor) & _MASK)
    return (b * factor) & _MASK


def _up_to_16(s: bytes, n: int) -> int:
    if n >= 8:
        factor = _K2 + n * 2
        a, b = (_word(s, 0) + _K2) & _MASK, _word(s, n - 8)
        c = (_rotated(b, 37) * factor + a) & _MASK
        d = ((_rotated(a, 25) + b) * factor) & _MASK
        return _pair(c, d, factor & _MASK)
    if n >= 4:
        return _pair(n + (_word(s, 0, 4) << 3), _word(s, n - 4, 4), (_K2 + n * 2) & _MASK)
    if n > 0:
        y, z = s[0] + (s[n >> 1] << 8), n + (s[n - 1] << 2)
        return (_mixed((y * _K2 & _MASK) ^ (z * _K0 & _MASK)) * _K2) & _MASK
    return _K2


def _up_to_32(s: bytes, n: int) -> int:
    factor = (_K2 + n * 2) & _MASK
    a, b = _word(s, 0) * _K1 & _MASK, _word(s, 8)
    c, d = _word(s, n - 8) * factor & _MASK, _word(s, n - 16) * _K2 & _MASK
    return _pair(
        (_rotated((a + b) & _MASK, 43) + _rotated(c, 30) + d) & _MASK,
        (a + _rotated((b + _K2) & _MASK, 18) + c) & _MASK,
        factor,
    )


def _up_to_64(s: bytes, n: int) -> int:
    factor = (_K2 + n * 2) & _MASK
    a, b = _word(s, 0) * _K2 & _MASK, _word(s, 8)
    c, d = _word(s, n - 8) * factor & _MASK, _word(s, n - 16) * _K2 & _MASK
    y = (_rotated((a + b) & _MASK, 43) + _rotated(c, 30) + d) & _MASK
    z = _pair(y, (a + _rotated((b + _K2) & _MASK, 18) + c) & _MASK, factor)
    e, f = _word(s, 16) * factor & _MASK, _word(s, 24)
    g, h = (y + _word(s, n - 32)) * factor & _MASK, (z + _word(s, n - 24)) * factor & _MASK
    return _pair(
        (_rotated((e + f) & _MASK, 43) + _rotated(g, 30) + h) & _MASK,
        (e + _rotated((f + a) & _MASK, 18) + g) & _MASK,
        factor,
    )


def _seeded(s: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """32 bytes mixed into a pair."""
    w, x, y, z = (_word(s, at + i) for i in (0, 8, 16, 24))
    a = (a + w) & _MASK
    b = _rotated((b + a + z) & _MASK, 21)
    c = a
    a = (a + x + y) & _MASK
    b = (b + _rotated(a, 44)) & _MASK
    return (a + z) & _MASK, (b + c) & _MASK


def fingerprint64(text: bytes) -> int:
    """FarmHash's Fingerprint64.

    Examples
        >>> hex(fingerprint64(b"A"))
        '0xeabf3252cc3bf414'
    """
    n = len(text)
    if n <= 16:
        return _up_to_16(text, n)
    if n <= 32:
        return _up_to_32(text, n)
    if n <= 64:
        return _up_to_64(text, n)
    x, y = 81, (81 * _K1 + 113) & _MASK
    z = _mixed((y * _K2 + 113) & _MASK) * _K2 & _MASK
    v, w = (0, 0), (0, 0)
    x = (x * _K2 + _word(text, 0)) & _MASK
    last = (n - 1) // 64 * 64

    def round_of(at, x, y, z, v, w, factor, scale):
        x = _rotated((x + y + v[0] + _word(text, at + 8)) & _MASK, 37) * factor & _MASK
        y = _rotated((y + v[1] + _word(text, at + 48)) & _MASK, 42) * factor & _MASK
        x ^= w[1] * scale & _MASK
        y = (y + v[0] * scale + _word(text, at + 40)) & _MASK
        z = _rotated((z + w[0]) & _MASK, 33) * factor & _MASK
        v = _seeded(text, at, v[1] * factor & _MASK, (x + w[0]) & _MASK)
        w = _seeded(text, at + 32, (z + w[1]) & _MASK, (y + _word(text, at + 16)) & _MASK)
        return z, y, x, v, w

    for at in range(0, last, 64):
        x, y, z, v, w = round_of(at, x, y, z, v, w, _K1, 1)
    factor = (_K1 + ((z & 0xFF) << 1)) & _MASK
    w = ((w[0] + ((n - 1) & 63)) & _MASK, w[1])
    v = ((v[0] + w[0]) & _MASK, v[1])
    w = ((w[0] + v[0]) & _MASK, w[1])
    x, y, z, v, w = round_of(n - 64, x, y, z, v, w, factor, 9)
    a = (_pair(v[0], w[0], factor) + _mixed(y) * _K0 + z) & _MASK
    b = (_pair(v[1], w[1], factor) + x) & _MASK
    return _pair(a, b, factor)


def siphash24(text: bytes, key: tuple[int, int]) -> int:
    """SipHash-2-4 under a key of two 64-bit numbers."""
    k0, k1 = (k & _MASK for k in key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def turned(x, n):
        return ((x << n) | (x >> (64 - n))) & _MASK

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & _MASK
            v[2] = (v[2] + v[3]) & _MASK
            v[1], v[3] = turned(v[1], 13) ^ v[0], turned(v[3], 16) ^ v[2]
            v[0] = (turned(v[0], 32) + v[3]) & _MASK
            v[2] = (v[2] + v[1]) & _MASK
            v[1], v[3] = turned(v[1], 17) ^ v[2], turned(v[3], 21) ^ v[0]
            v[2] = turned(v[2], 32)

    n = len(text)
    padded = text + bytes(7 - n % 8) + bytes([n & 0xFF])
    for at in range(0, len(padded), 8):
        word = _word(padded, at)
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


@functools.lru_cache(1 << 16)
def bin_of(text: str, bins: int, salt: tuple[int, int] | None = None) -> int:
    """The bin of a string, below `bins`; by SipHash with a salt."""
    data = text.encode()
    return (fingerprint64(data) if salt is None else siphash24(data, salt)) % bins
