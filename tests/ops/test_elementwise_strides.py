# SPDX-License-Identifier: Apache-2.0
"""Elementwise operations over any shapes and strides: hypothesis, transpositions, destinations, overlaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tilewright import _cpu, ops


@st.composite
def views(draw, shape, dtype):
    """An array that broadcasts to `shape`: steps, turned axes, permuted memory, sizes of one, fewer axes."""
    sizes = [1 if draw(st.booleans()) and draw(st.booleans()) else n for n in shape]
    steps = [draw(st.sampled_from([1, 1, 2, 3, -1, -2])) for _ in sizes]
    order = draw(st.permutations(range(len(sizes))))
    memory = [sizes[axis] * abs(steps[axis]) for axis in order]
    base = np.random.default_rng(draw(st.integers(0, 9))).integers(-9, 9, memory).astype(dtype)
    view = base.transpose(np.argsort(order)) if len(sizes) else base
    view = view[tuple(slice(None, None, step) for step in steps)]
    drop = draw(st.integers(0, len(sizes)))
    return view[(0,) * drop] if all(n == 1 for n in sizes[:drop]) and view.size else view


@st.composite
def problems(draw):
    shape = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 3, 5, 8, 17, 33]), max_size=4)))
    dtype = draw(st.sampled_from([np.float32, np.float64, np.int32, np.uint8]))
    return draw(views(shape, dtype)), draw(views(shape, dtype)), draw(views(shape, dtype)), shape


@settings(max_examples=150, deadline=None)
@given(problem=problems(), isa=st.sampled_from(_cpu.available_isas()))
def test_any_strides(problem, isa):
    _cpu.use_isa(isa)
    a, b, c, shape = problem
    assert np.array_equal(ops.add(a, b), np.add(a, b))
    assert np.array_equal(ops.less(a, b), np.less(a, b))
    condition = np.greater(c, 0)
    assert np.array_equal(ops.where(condition, a, b), np.where(condition, a, b))
    assert np.array_equal(ops.cast(a, np.float64), a.astype(np.float64))
    assert np.array_equal(ops.square(a), np.square(a))
    out = np.zeros([2 * n for n in shape], a.dtype)[tuple(slice(None, None, -2) for _ in shape) + (...,)].T
    wide = np.broadcast_to(a, shape).T
    assert np.array_equal(ops.copy(wide, out=out), wide)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_transposed_copies(dtype, isa):
    rng = np.random.default_rng(2)
    for shape in [
        (1, 1),
        (16, 16),
        (17, 15),
        (64, 64),
        (65, 63),
        (128, 300),
        (3, 1000),
        (1000, 3),
        (257, 129),
    ]:
        x = rng.integers(0, 99, shape).astype(dtype)
        assert np.array_equal(ops.copy(x.T), x.T)
        assert np.array_equal(ops.copy(x[::-1].T), x[::-1].T)
        y = np.zeros(shape[::-1], dtype)
        assert ops.copy(x, out=y.T).base is y and np.array_equal(y, x.T)
    x = rng.integers(0, 99, (5, 33, 4, 18)).astype(dtype)
    for axes in [(0, 3, 1, 2), (3, 2, 1, 0), (0, 2, 1, 3), (1, 0, 3, 2)]:
        assert np.array_equal(ops.copy(x.transpose(axes)), x.transpose(axes))


def test_broadcast_rows_and_columns_of_large_arrays(isa):
    x = np.random.default_rng(3).standard_normal((700, 333)).astype(np.float32)
    for other in (x[:1], x[:, :1], x[:1, :1], x[::-1, ::-1], np.float32(2.0)):
        assert np.array_equal(ops.subtract(x, other), x - other)
        assert np.array_equal(ops.subtract(other, x), other - x)
    narrow = x.reshape(-1)[: 233100 // 3 * 3].reshape(-1, 3)
    assert np.array_equal(ops.multiply(narrow, narrow[:1]), narrow * narrow[:1])
    assert np.array_equal(ops.add(x, x.T[:333, :333].copy()[0]), x + x.T[0, :333])


def test_out_may_be_an_input_but_not_half_of_one():
    x = np.arange(12, dtype=np.float32)
    assert ops.add(x, x, out=x) is x and x[3] == 6
    with pytest.raises(ValueError, match="out shares part of its memory with a"):
        ops.add(x[1:], 1.0, out=x[:-1])
    with pytest.raises(ValueError, match="out shares part of its memory with x"):
        ops.exp(x, out=x[::-1])
    square = np.arange(16, dtype=np.float32).reshape(4, 4)
    with pytest.raises(ValueError, match="shares part of its memory"):
        ops.add(square, 1.0, out=square.T)


def test_read_only():
    x = np.ones(5, np.float32)
    x.flags.writeable = False
    assert (ops.add(x, x) == 2).all()
    for call in (lambda: ops.add(x, x, out=x), lambda: ops.fill(x, 1.0), lambda: ops.exp(x, out=x)):
        with pytest.raises(ValueError, match="read-only"):
            call()


def test_fill_any_strides(isa):
    y = np.zeros((6, 8), np.int32)
    ops.fill(y[::2, ::-3], 7)
    want = np.zeros((6, 8), np.int32)
    want[::2, ::-3] = 7
    assert np.array_equal(y, want)
    assert ops.full((3,), True, np.bool_).all() and ops.zeros((0, 3)).shape == (0, 3)


def test_more_axes_than_supported():
    with pytest.raises(ValueError, match="at most 8"):
        ops.add(np.ones((1,) * 9, np.float32), 1.0)
