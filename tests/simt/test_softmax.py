# SPDX-License-Identifier: Apache-2.0
"""The softmax kernels on the emulator: every width and tail, dtypes, strides, special values, schedules.

Proves indices, synchronisation and arithmetic. Says nothing about a GPU's speed, and is no run on a GPU.
"""

import ml_dtypes
import numpy as np
import pytest

from tilewright import _simt
from tilewright.reference import softmax as reference

from .conftest import SCHEDULES

bfloat16 = ml_dtypes.bfloat16
# Half a unit in the last place of the stored value, plus float's few roundings before it.
BOUND = {np.float32: 4e-6, np.float16: 2.0**-11 + 4e-6, bfloat16: 2.0**-8 + 4e-6}
# f16's subnormals have this spacing, whatever the value.
SPACING = {np.float32: 1e-38, np.float16: 2.0**-24, bfloat16: 1e-38}

# Both sides of each change of kernel: a warp's 4, 8, 16 and 32 values a lane, a block's 8 and 16 a thread,
# and the streamed rows after that.
WIDTHS = [
    *range(1, 70),
    96,
    127,
    128,
    129,
    255,
    256,
    257,
    300,
    511,
    512,
    513,
    700,
    1000,
    1023,
    1024,
    1025,
    1026,
    1099,
    2047,
    2053,
    4096,
    8191,
    8192,
    8193,
    16384,
    16388,
    20000,
    40004,
]


@pytest.fixture(autouse=True)
def forward_schedule_afterwards():
    before = _simt.schedule()
    yield
    _simt.set_schedule(before)


def rows(seed, count, cols, dtype, scale=4.0):
    return (np.random.default_rng(seed).standard_normal((count, cols)) * scale).astype(dtype)


def check(got, want, dtype, scale, what):
    got = got.astype(np.float64)
    bound = BOUND[dtype] * np.abs(want) + 1e-7 * scale + SPACING[dtype]
    with np.errstate(invalid="ignore"):
        bad = ~((np.abs(got - want) <= bound) | (got == want) | (np.isnan(got) & np.isnan(want)))
    assert not bad.any(), f"{what}: at {np.argwhere(bad)[0]}, got {got[bad][0]}, expected {want[bad][0]}"


def check_forward(name, x, y, what=""):
    with np.errstate(all="ignore"):
        want = getattr(reference, name)(x.astype(np.float64))
    getattr(_simt, f"{name}_forward")(y, x)
    finite = np.abs(want[np.isfinite(want)])
    check(y, want, x.dtype.type, finite.max(initial=0), f"{name} {x.shape} {x.dtype} {what}")


def check_backward(name, dy, y, dx, what=""):
    dy64, y64 = dy.astype(np.float64), y.astype(np.float64)
    want = getattr(reference, f"{name}_backward")(dy64, y64)
    # Terms of both signs: what rounds is as large as the terms.
    terms = np.abs(dy64 * y64) if name == "softmax" else np.abs(dy64)
    scale = max(np.abs(dy64).max(), terms.sum(axis=1).max())
    getattr(_simt, f"{name}_backward")(dx, dy, y)
    check(dx, want, dy.dtype.type, 4 * scale, f"{name}_backward {y.shape} {y.dtype} {what}")


@pytest.mark.parametrize("dtype", [np.float32, np.float16, bfloat16])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_every_width(name, dtype):
    for cols in WIDTHS:
        count = 6 if cols < 2000 else 2
        x = rows(cols, count, cols, dtype)
        y = np.empty_like(x)
        check_forward(name, x, y)
        check_backward(name, rows(cols + 1, count, cols, dtype, 1.0), y, np.empty_like(x))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_every_schedule_gives_the_same_bits(name, schedule):
    for cols in (1, 33, 128, 1000, 1024, 1025, 4099, 8192, 16385):
        x = rows(1, 3, cols, np.float32)
        dy = rows(2, 3, cols, np.float32)
        results = []
        for order in ("forward", schedule):
            _simt.set_schedule(order)
            y, dx = np.empty_like(x), np.empty_like(x)
            check_forward(name, x, y, order)
            check_backward(name, dy, y, dx, order)
            results.append((y, dx))
        assert np.array_equal(results[0], results[1])


@pytest.mark.parametrize("cols, rows_per_block", [(5, 4), (1100, 1)])
def test_more_rows_than_the_grid_holds(cols, rows_per_block):
    count = 4096 * rows_per_block + 3
    x = rows(1, count, cols, np.float32)
    y = np.empty_like(x)
    check_forward("softmax", x, y)
    check_backward("softmax", x, y, y)


@pytest.mark.parametrize("cols", [1, 7, 8, 100, 1024, 1027, 1028, 16388, 16389])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_strided_and_misaligned_rows_and_in_place(name, cols):
    for padding, start in ((0, 0), (4, 0), (3, 0), (8, 4), (8, 1)):
        for step in (1, 2, -1):

            def place(seed, padding=padding, start=start, step=step):
                whole = np.full((8, cols + padding + start), 77.0, np.float32)
                view = whole[::step, start : start + cols][:4]
                view[:] = rows(seed, 4, cols, np.float32)
                return whole, view

            what = f"padding {padding}, start {start}, step {step}"
            whole, x = place(1)
            untouched = np.ones(whole.shape, bool)
            untouched[::step, start : start + cols][:4] = False
            want = x.copy()
            check_forward(name, want, np.empty_like(want), what)
            getattr(_simt, f"{name}_forward")(x, x)
            y = np.empty_like(want)
            getattr(_simt, f"{name}_forward")(y, want)
            np.testing.assert_allclose(x, y, rtol=4e-6, atol=1e-6)
            assert (whole[untouched] == 77.0).all(), what
            _, dy = place(2)
            check_backward(name, dy.copy(), x, np.empty_like(y), what)
            expected = np.empty_like(y)
            getattr(_simt, f"{name}_backward")(expected, dy, x)
            getattr(_simt, f"{name}_backward")(dy, dy, x)
            np.testing.assert_allclose(
                dy, expected, rtol=4e-6, atol=1e-5 * np.abs(expected).max()
            )  # other splits


@pytest.mark.parametrize("cols", [3, 40, 1030, 20000])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_special_values_as_numpy_has_them(name, cols):
    """Each special row alone, with the value where the first, a middle and the last thread read it."""
    special = []
    for at in (0, cols // 2, cols - 1):
        for value in (np.nan, np.inf, -np.inf):
            row = rows(at, 1, cols, np.float32)[0]
            row[at] = value
            special.append(row)
    special += [np.full(cols, v, np.float32) for v in (-np.inf, np.inf, np.nan, 0.0, 3e38, -3e38)]
    mostly = np.full(cols, -np.inf, np.float32)
    mostly[-1] = 2.0
    lone_nan = np.full(cols, -np.inf, np.float32)
    lone_nan[0] = np.nan
    wide = np.zeros(cols, np.float32)
    wide[0], wide[-1] = 1e38, -1e38
    x = np.stack([*special, mostly, lone_nan, wide])
    check_forward(name, x, np.empty_like(x))


def test_empty():
    for shape in ((0, 5), (5, 0), (0, 0)):
        x = np.empty(shape, np.float32)
        _simt.softmax_forward(np.empty_like(x), x)
        _simt.log_softmax_backward(np.empty_like(x), x, x)


def test_integers_are_refused_with_their_name():
    x = np.ones((2, 3), np.int32)
    with pytest.raises(TypeError, match=r"\[softmax_forward\] got dtype int32, expected one of"):
        _simt.softmax_forward(np.empty_like(x), x)
