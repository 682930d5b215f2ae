# SPDX-License-Identifier: Apache-2.0
"""Pooling of few channels: every number of them, ties, NaN, rows in pieces, the order of additions."""

import numpy as np
import pytest

from ops.harness import compare
from ops.test_pool2d import check_pools
from tilewright import _cpu, ops
from tilewright.reference import pool2d as reference


def plain_scatter(dy, indices, shape):
    """dx[indices] += dy, output by output: the order of additions that every path keeps."""
    dx = np.zeros((shape[0], shape[1] * shape[2], shape[3]), dy.dtype)
    for n, p, q, c in np.ndindex(*dy.shape):
        dx[n, indices[n, p, q, c], c] += dy[n, p, q, c]
    return dx.reshape(shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "window, stride, padding", [(3, 1, 1), (2, 2, 0), (3, 2, ((1, 0), (2, 1))), (2, 3, 1), (4, 3, 2)]
)
def test_few_channels(window, stride, padding, dtype, isa):
    for channels in range(1, 18):
        check_pools((2, 6, 11, channels), window, dtype, stride=stride, padding=padding)


@pytest.mark.parametrize("width", [1, 341, 1024, 2051])
def test_rows_longer_than_a_piece(width, isa):
    for channels in (1, 3):
        for window, stride in ((2, 1), (3, 2), (2, 3), (5, 4), (1, 2)):
            if window <= width:
                check_pools((1, 2, width, channels), (1, window), stride=(1, stride))
                check_pools((1, 2, width, channels), (2, window), stride=(2, stride), padding="same")


def test_windows_longer_than_a_piece(isa):
    rng = np.random.default_rng(5)
    for shape, window, stride in (
        ((1, 3, 1300, 2), (2, 1200), (1, 7)),
        ((1, 300, 5, 1), (300, 5), 1),
        ((1, 2, 64, 3), (1, 2), (1, 30)),
    ):
        x = rng.integers(-9, 10, shape).astype(np.float32)  # sums are exact
        for name in ("max_pool2d", "avg_pool2d"):
            want = getattr(reference, name)(x.astype(np.float64), window, stride=stride)
            compare(getattr(ops, name)(x, window, stride=stride), want, "pool2d")
        dy = rng.integers(-9, 10, want.shape).astype(np.float32)
        want = reference.avg_pool2d_backward(dy.astype(np.float64), shape, window, stride=stride)
        compare(ops.avg_pool2d_backward(dy, shape, window, stride=stride), want, "pool2d")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_first_of_equals_and_of_nans(dtype, isa):
    rng = np.random.default_rng(6)
    for channels in (1, 2, 3, 5, 8, 17, 40):
        x = rng.integers(0, 3, (2, 9, 10, channels)).astype(dtype)
        x[rng.random(x.shape) < 0.1] = np.nan
        x[rng.random(x.shape) < 0.2] = -np.inf
        for options in (
            {"stride": 1, "padding": 1},
            {"stride": 2, "padding": ((1, 0), (0, 2))},
            {"stride": 3},
        ):
            y, where = ops.max_pool2d(x, 3, return_indices=True, **options)
            want, first = reference.max_pool2d(x.astype(np.float64), 3, return_indices=True, **options)
            np.testing.assert_array_equal(y, want.astype(dtype))
            np.testing.assert_array_equal(where, first)
            np.testing.assert_array_equal(ops.max_pool2d(x, 3, **options), want.astype(dtype))


def test_rows_of_padding_alone_never_give_a_position(isa):
    x = np.full((1, 4, 5, 3), -np.inf, np.float32)
    y, where = ops.max_pool2d(x, 3, stride=1, padding=2, return_indices=True)
    want = reference.max_pool2d(x, 3, stride=1, padding=2, return_indices=True)
    np.testing.assert_array_equal(y, want[0])
    np.testing.assert_array_equal(where, want[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_of_the_maximum_keeps_its_order_for_any_thread_count(dtype, isa):
    rng = np.random.default_rng(7)
    for shape, window, stride in (
        ((3, 23, 19, 1), 3, 1),
        ((2, 40, 31, 5), 4, 3),
        ((2, 9, 8, 70), 2, 2),
        ((1, 9, 8, 300), 3, 1),
    ):
        x = rng.integers(0, 9, shape).astype(dtype)
        y, where = ops.max_pool2d(x, window, stride=stride, return_indices=True)
        dy = rng.standard_normal(y.shape).astype(dtype)
        want = plain_scatter(dy, where, shape)
        for threads in (1, 2, 3):
            _cpu.set_num_threads(threads)
            got = ops.max_pool2d_backward(dy, where, shape, window, stride=stride)
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_means_have_the_same_bits_for_any_thread_count(dtype, isa):
    rng = np.random.default_rng(8)
    for channels in (1, 3, 20):
        x = rng.standard_normal((3, 60, 50, channels)).astype(dtype)
        options = {"stride": 2, "padding": 1}
        results = []
        for threads in (1, 2, 3):
            _cpu.set_num_threads(threads)
            y = ops.avg_pool2d(x, 3, **options)
            results.append((y, ops.avg_pool2d_backward(y, x.shape, 3, **options)))
        for y, dx in results[1:]:
            np.testing.assert_array_equal(y, results[0][0])
            np.testing.assert_array_equal(dx, results[0][1])


@pytest.mark.parametrize("channels", [1, 3, 90])
def test_wrong_indices_stay_inside_the_gradient(channels, isa):
    """They are the caller's fault, and must not become anybody else's."""
    rng = np.random.default_rng(9)
    dy = np.ones((2, 4, 4, channels), np.float32)
    wrong = rng.choice([-(2**31), -65, -1, 64, 10**6, 2**31 - 1], dy.shape).astype(np.int32)
    space = np.full((4, 8, 8, channels), 7, np.float32)
    ops.max_pool2d_backward(dy, wrong, (2, 8, 8, channels), 2, out=space[1:3])
    assert (space[1:3] == 0).all() and (space[0] == 7).all() and (space[3] == 7).all()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_narrow_floats_of_few_channels(name, isa):
    dtype = np.dtype(name) if name == "float16" else np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    rng = np.random.default_rng(10)
    for channels in (1, 3, 7):
        x = rng.integers(-8, 8, (2, 6, 7, channels)).astype(dtype)
        y, where = ops.max_pool2d(x, 3, stride=2, return_indices=True)
        want, first = reference.max_pool2d(x.astype(np.float64), 3, stride=2, return_indices=True)
        np.testing.assert_array_equal(y.astype(np.float64), want)
        np.testing.assert_array_equal(where, first)
        mean = ops.avg_pool2d(x, 2, stride=1)
        np.testing.assert_array_equal(
            mean.astype(np.float64), reference.avg_pool2d(x.astype(np.float64), 2, stride=1)
        )


def test_images_with_gaps_between_pixels(isa):
    """A slice of the channels: rows that are not one run of numbers."""
    big = np.random.default_rng(11).standard_normal((2, 8, 9, 12)).astype(np.float32)
    x, options = big[..., 2:5], {"stride": 2, "padding": 1}
    y, where = ops.max_pool2d(x, 3, return_indices=True, **options)
    want, first = reference.max_pool2d(x.astype(np.float64), 3, return_indices=True, **options)
    compare(y, want, "pool2d")
    compare(where, first, "pool2d")
    for backward in (
        lambda dy, **k: ops.max_pool2d_backward(dy, where, x.shape, 3, **options, **k),
        lambda dy, **k: ops.avg_pool2d_backward(dy, x.shape, 3, **options, **k),
    ):
        dy = np.random.default_rng(12).standard_normal((*y.shape[:3], 7)).astype(np.float32)[..., 1:4]
        space = np.full(big.shape, 7, np.float32)
        backward(dy, out=space[..., 2:5])
        compare(space[..., 2:5], backward(dy.copy()).astype(np.float64), "pool2d")
        assert (space[..., :2] == 7).all() and (space[..., 5:] == 7).all()
