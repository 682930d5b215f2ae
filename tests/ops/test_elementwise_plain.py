# SPDX-License-Identifier: Apache-2.0
"""The short way of functions of plain arrays: the long way's bits, and None for what it must not take."""

import numpy as np
import pytest

import tilewright as tw
from tilewright import _cpu, backend, ops

UNARY = ("relu", "exp", "sqrt", "tanh", "negative", "isnan")
BINARY = ("add", "multiply", "maximum", "power", "less", "equal")


def _values(shape, dtype=np.float32):
    return np.random.default_rng(3).uniform(0.1, 2, shape).astype(dtype)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (17,), (3, 5), (2, 3, 4), (1 << 13,), (100, 101)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_as_the_long_way(shape, dtype):
    a, b = _values(shape, dtype), _values(shape, dtype)[..., ::-1].copy() if shape else _values(shape, dtype)
    for name in UNARY:
        y = _cpu.unary_plain(name, a, None, 0.0, 0.0)
        expected = np.empty(shape, y.dtype)
        _cpu.unary(expected, a, name)
        np.testing.assert_array_equal(y, expected)
        assert y.shape == shape and y.dtype == (np.bool_ if name == "isnan" else dtype)
    for name in BINARY:
        y = _cpu.binary_plain(name, a, b, None)
        expected = np.empty(shape, y.dtype)
        _cpu.binary(expected, a, b, name)
        np.testing.assert_array_equal(y, expected)
        assert y.shape == shape and y.dtype == (np.bool_ if name in ("less", "equal") else dtype)


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integers(dtype):
    a = np.arange(-5, 6, dtype=dtype)
    assert _cpu.unary_plain("exp", a, None, 0.0, 0.0) is None
    assert _cpu.binary_plain("divide", a, a, None) is None
    np.testing.assert_array_equal(_cpu.binary_plain("multiply", a, a, None), a * a)


def test_out_is_what_comes_back():
    a = _values(9)
    out = np.empty_like(a)
    assert _cpu.binary_plain("add", a, a, out) is out and ops.add(a, a, out=out) is out
    np.testing.assert_array_equal(out, a + a)
    expected = np.sqrt(a)
    assert ops.sqrt(a, out=a) is a
    np.testing.assert_array_equal(a, expected)


class Subclass(np.ndarray):
    pass


_A = _values(8)
_READ_ONLY = _values(8)
_READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("a", "b", "out"),
    [
        (_A, 1.0, None),
        (_A, _values(7), None),
        (_A, _values((8, 1)), None),
        (_A, _values(8, np.float64), None),
        (_A, _values(16)[::2], None),
        (_A, _values(8)[::-1], None),
        (_A, _A.astype(">f4"), None),
        (_A, _A.view(Subclass), None),
        (_A, tw.Tensor(_A), None),
        (_A, np.frombuffer(b"\0" * 33, np.uint8)[1:].view(np.float32), None),
        (_A, list(_A), None),
        (_A.astype(np.float16), _A.astype(np.float16), None),
        (_A.astype(complex), _A.astype(complex), None),
        (_A, _A, _READ_ONLY),
        (_A, _A, _values((2, 4))),
        (_A, _A, _values(8, np.float64)),
        (_A, _A, _values(16)[::2]),
        (_A, _A, tw.Tensor(_values(8))),
        (_A, _A, 3),
        (_A[:7], _A[:7], _A[1:]),
    ],
    ids=lambda x: f"{type(x).__name__}{getattr(x, 'dtype', '')}{getattr(x, 'shape', '')}",
)
def test_what_it_leaves_to_the_long_way(a, b, out):
    before = _A.copy()
    assert _cpu.binary_plain("add", a, b, out) is None
    if type(a) is np.ndarray and a.dtype == np.float32 and not isinstance(out, tw.Tensor):
        assert out is None or _cpu.unary_plain("exp", a, out, 0.0, 0.0) is None
    np.testing.assert_array_equal(_A, before)


def test_comparison_into_bools():
    a, out = _values(33), np.empty(33, np.bool_)
    assert _cpu.binary_plain("less", a, a, out) is out and not out.any()
    overlapping = np.zeros(132, np.bool_)
    x = overlapping.view(np.float32)
    assert _cpu.binary_plain("equal", x, x, overlapping[:33]) is None


@pytest.mark.parametrize("shape", [(), (0,), (1,), (17,), (3, 5), (100, 101)], ids=str)
def test_copies_and_casts(shape):
    x = np.asarray(_values(shape) * 100, np.float32)
    for dtype in (np.bool_, np.uint8, np.int32, np.int64, np.float16, np.float32, np.float64):
        y = _cpu.copy_plain(x, None, np.dtype(dtype))
        np.testing.assert_array_equal(y, x.astype(dtype))
        assert y.dtype == dtype and y is not x and y.shape == shape
        out = np.empty(shape, dtype)
        assert _cpu.copy_plain(x, out, np.dtype(dtype)) is out
        assert _cpu.copy_plain(x.T if x.ndim > 1 else x[..., None], out, np.dtype(dtype)) is None
    assert _cpu.copy_plain(x, None, np.float32) is None  # a class, no dtype
    assert _cpu.copy_plain(x, None, np.dtype(">f4")) is None
    assert _cpu.copy_plain(x, None, np.dtype(complex)) is None
    assert _cpu.copy_plain(x, np.empty(shape, np.int64), np.dtype(np.int32)) is None


def test_no_cast_in_place():
    x = _values(8)
    assert _cpu.copy_plain(x, x.view(np.int32), np.dtype(np.int32)) is None
    assert _cpu.copy_plain(x, x, np.dtype(np.float32)) is x


def test_unknown_names_and_wrong_counts_are_not_taken():
    assert _cpu.binary_plain("atan7", _A, _A, None) is None
    assert _cpu.unary_plain(3, _A, None, 0.0, 0.0) is None
    assert _cpu.unary_plain("exp", _A) is None
    with pytest.raises(TypeError):
        _cpu.unary_plain([], _A, None, 0.0, 0.0)
    with pytest.raises(TypeError):
        _cpu.unary_plain("exp", _A, None, "p", 0.0)


def test_observed_calls_go_the_long_way():
    with tw.profile(show=False) as profile:
        assert _cpu.binary_plain("add", _A, _A, None) is None
        ops.add(_A, _A)
    assert [(row.operation, row.calls) for row in profile.rows()] == [("binary", 1)]


def test_fresh_memory_counts_its_references():
    import sys

    y = _cpu.binary_plain("add", _A, _A, None)
    assert sys.getrefcount(y) == 2
    out = np.empty_like(_A)
    before = sys.getrefcount(out)
    for _ in range(100):
        ops.add(_A, _A, out=out)
        _cpu.binary_plain("add", _A, _values(7), out)
    assert sys.getrefcount(out) == before


def test_the_emulator_has_it_too():
    simt = pytest.importorskip("tilewright._simt")
    try:
        backend.set_device("simt")
        assert backend.binary_plain.__self__ is not _cpu.binary_plain.__self__
        np.testing.assert_array_equal(simt.binary_plain("add", _A, _A, None), _A + _A)
    finally:
        backend.set_device("cpu")
    assert backend.binary_plain is _cpu.binary_plain
