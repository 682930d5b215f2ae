# SPDX-License-Identifier: Apache-2.0
"""Pooling: cases for the catalogue, sweeps over shapes, strides, layouts, special values, PyTorch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.harness import SIZES, Bad, Case, compare, f32
from tilewright import ops
from tilewright.reference import pool2d as reference


def images(*shape):
    return lambda rng: (rng.standard_normal(shape),)


def distinct(*shape):
    """Values far apart: a step of finite differences never changes which is largest."""
    return lambda rng: (rng.permutation(np.prod(shape)).reshape(shape).astype(np.float64),)


def found(rng):
    """x_shape, dy and indices of one pooling."""
    x = rng.standard_normal((2, 6, 7, 5))
    y, indices = reference.max_pool2d(x, 3, stride=2, return_indices=True)
    return x, rng.standard_normal(y.shape), indices


WINDOWS = {"stride": 2, "padding": ((1, 0), (0, 1))}
BAD = [
    Bad(lambda: ([1.0], 2), TypeError, "x is a list, expected an array"),
    Bad(lambda: (f32(4, 4, 2), 2), ValueError, "x has shape (4, 4, 2), expected 4 dimensions"),
    Bad(lambda: (f32(1, 4, 4, 2), 5), ValueError, "pool_size spans 5 pixels, expected 1 to 4"),
    Bad(lambda: (f32(1, 4, 4, 2), 0), ValueError, "pool_size is 0, expected at least 1"),
    Bad(lambda: (f32(1, 4, 4, 2), 2.5), TypeError, "pool_size is 2.5"),
    Bad(lambda: (f32(1, 4, 4, 2), (2, 2, 2)), ValueError, "pool_size is (2, 2, 2)"),
    Bad(lambda: (f32(1, 4, 4, 2), 2), ValueError, "stride is 0", {"stride": 0}),
    Bad(
        lambda: (f32(1, 4, 4, 2), 2), ValueError, "padding is 2, expected less than pool_size", {"padding": 2}
    ),
    Bad(lambda: (f32(1, 4, 4, 2), 2), ValueError, "padding is 'all'", {"padding": "all"}),
    Bad(lambda: (f32(1, 0, 4, 2), 2), ValueError, "expected images with at least one pixel", {"padding": 1}),
    Bad(lambda: (f32(1, 4, 4, 2), 2), ValueError, "data_format is 'NCHW'", {"data_format": "NCHW"}),
    Bad(lambda: (np.ones((1, 4, 4, 2), np.int32), 2), TypeError, "int32"),
    Bad(lambda: (f32(1, 4, 4, 2), 2), ValueError, "out has shape (1, 2, 2, 1)", {"out": f32(1, 2, 2, 1)}),
]
ZERO = np.zeros((1, 2, 2, 2), np.int32)
BAD_BACKWARD = [
    Bad(
        lambda: (f32(1, 2, 3, 2), np.zeros((1, 2, 3, 2), np.int32), (1, 4, 4, 2), 2),
        ValueError,
        "dy has shape (1, 2, 3, 2), expected (1, 2, 2, 2)",
    ),
    Bad(
        lambda: (f32(1, 2, 2, 2), ZERO[:, :1], (1, 4, 4, 2), 2), ValueError, "indices has shape (1, 1, 2, 2)"
    ),
    Bad(
        lambda: (f32(1, 2, 2, 2), ZERO.astype(np.int64), (1, 4, 4, 2), 2),
        TypeError,
        "indices has dtype int64",
    ),
    Bad(lambda: (f32(1, 2, 2, 2), ZERO, (1, 4, 4), 2), ValueError, "x_shape is (1, 4, 4)"),
]
BAD_GATHER = [
    Bad(lambda: (f32(1, 4, 4, 2), ZERO + 16, 2), ValueError, "out of range"),
    Bad(lambda: (f32(1, 4, 4, 2), ZERO - 1, 2), ValueError, "out of range"),
    Bad(lambda: (f32(1, 4, 4, 3), ZERO, 2), ValueError, "expected (1, any, any, 3)"),
]
BAD_AVERAGE = [Bad(lambda: (f32(1, 2, 3, 2), (1, 4, 4, 2), 2), ValueError, "dy has shape (1, 2, 3, 2)")]


def pooled(name, line, inputs, *arguments, bad=(), **kwargs):
    function, model = getattr(ops, name.partition(":")[0]), getattr(reference, name.partition(":")[0])
    return Case(
        name,
        "pool2d",
        [line],
        function,
        model,
        lambda rng: (*inputs(rng), *arguments),
        kwargs,
        [0],
        True,
        bad,
    )


CASES = [
    pooled("max_pool2d", "max_pool2d_forward", distinct(2, 6, 7, 19), 2, bad=BAD),
    pooled(
        "max_pool2d:padded",
        "max_pool2d_forward",
        distinct(2, 6, 7, 5),
        (3, 2),
        return_indices=True,
        **WINDOWS,
    ),
    pooled(
        "max_pool2d:channels first",
        "max_pool2d_forward",
        distinct(2, 3, 6, 7),
        3,
        stride=1,
        padding="same",
        data_format="channels_first",
    ),
    pooled("avg_pool2d", "avg_pool2d_forward", images(2, 6, 7, 19), 2, bad=BAD),
    pooled("avg_pool2d:padded", "avg_pool2d_forward", images(2, 6, 7, 5), (3, 2), **WINDOWS),
    pooled(
        "avg_pool2d:counted", "avg_pool2d_forward", images(2, 6, 7, 5), (3, 2), count_padding=True, **WINDOWS
    ),
    pooled("global_avg_pool2d", "avg_pool2d_forward", images(2, 6, 7, 5)),
    pooled("global_max_pool2d", "max_pool2d_forward", distinct(2, 6, 7, 5), keepdims=True),
    Case(
        "max_pool2d_backward",
        "pool2d",
        ["max_pool2d_backward"],
        ops.max_pool2d_backward,
        reference.max_pool2d_backward,
        lambda rng: (*found(rng)[1:], (2, 6, 7, 5), 3),
        {"stride": 2},
        [0],
        True,
        BAD_BACKWARD,
    ),
    Case(
        "max_pool2d_gather",
        "pool2d",
        ["max_pool2d_gather"],
        ops.max_pool2d_gather,
        reference.max_pool2d_gather,
        lambda rng: (found(rng)[0], found(rng)[2], 3),
        {"stride": 2},
        [0],
        True,
        BAD_GATHER,
    ),
    Case(
        "avg_pool2d_backward",
        "pool2d",
        ["avg_pool2d_backward"],
        ops.avg_pool2d_backward,
        reference.avg_pool2d_backward,
        lambda rng: (found(rng)[1], (2, 6, 7, 5), 3),
        {"stride": 2},
        [0],
        True,
        BAD_AVERAGE,
    ),
]


def check_pools(shape, pool_size, dtype=np.float32, **options):
    """Both poolings and their gradients against the reference."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype(dtype)
    exact = x.astype(np.float64)
    y, indices = ops.max_pool2d(x, pool_size, return_indices=True, **options)
    want, where = reference.max_pool2d(exact, pool_size, return_indices=True, **options)
    compare(y, want, "pool2d", dtype)
    compare(indices, where, "pool2d")
    compare(ops.max_pool2d(x, pool_size, **options), want, "pool2d", dtype)
    dy = rng.standard_normal(y.shape).astype(dtype)
    compare(
        ops.max_pool2d_backward(dy, indices, shape, pool_size, **options),
        reference.max_pool2d_backward(dy.astype(np.float64), where, shape, pool_size, **options),
        "pool2d",
        dtype,
    )
    compare(ops.max_pool2d_gather(x, indices, pool_size, **options), want, "pool2d", dtype)
    for count in (False, True):
        compare(
            ops.avg_pool2d(x, pool_size, count_padding=count, **options),
            reference.avg_pool2d(exact, pool_size, count_padding=count, **options),
            "pool2d",
            dtype,
        )
        compare(
            ops.avg_pool2d_backward(dy, shape, pool_size, count_padding=count, **options),
            reference.avg_pool2d_backward(
                dy.astype(np.float64), shape, pool_size, count_padding=count, **options
            ),
            "pool2d",
            dtype,
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_of_channels(dtype, isa):
    for channels in SIZES:
        check_pools((2, 4, 5, channels), 2, dtype, padding="same")


@pytest.mark.parametrize("padding", ["valid", "same", ((0, 1), (1, 0))])
def test_windows_and_strides(padding, isa):
    for pool_size in (2, 3, (2, 4)):
        for stride in (None, 1, 3, (2, 5)):
            check_pools((2, 7, 9, 5), pool_size, stride=stride, padding=padding)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_shape(data):
    def number(low, high):
        return data.draw(st.integers(low, high))

    window = (number(1, 4), number(1, 4))
    padding = tuple((number(0, w - 1), number(0, w - 1)) for w in window)
    check_pools(
        (number(0, 2), window[0] + number(0, 6), window[1] + number(0, 6), number(1, 20)),
        window,
        stride=(number(1, 4), number(1, 4)),
        padding=padding,
    )


def test_nan_and_infinity(isa):
    x = np.random.default_rng(2).standard_normal((1, 4, 4, 20)).astype(np.float32)
    x[0, 1, 0], x[0, 0, 3], x[0, 2:, 2:] = np.nan, np.inf, -np.inf
    y, indices = ops.max_pool2d(x, 2, return_indices=True)
    assert np.isnan(y[0, 0, 0]).all() and (y[0, 0, 1] == np.inf).all() and (y[0, 1, 1] == -np.inf).all()
    assert (indices[0, 0, 0] == 4).all() and (indices[0, 0, 1] == 3).all() and (indices[0, 1, 1] == 10).all()
    assert np.isnan(ops.max_pool2d(x, 2)[0, 0, 0]).all()


def test_padding_never_wins(isa):
    x = np.full((1, 3, 3, 5), -5, np.float32)
    assert (ops.max_pool2d(x, 2, padding=1) == -5).all()


def test_any_strides_in_memory_and_out(isa):
    big = np.random.default_rng(3).standard_normal((4, 12, 10, 14)).astype(np.float32)
    for x in (
        big[::2, ::-1, :, 3:10],
        big.transpose(0, 2, 1, 3),
        big[..., ::2],
        np.broadcast_to(big[:, :1], big.shape),
    ):
        for name in ("max_pool2d", "avg_pool2d"):
            want = getattr(reference, name)(x.astype(np.float64), 3, stride=2)
            compare(getattr(ops, name)(x, 3, stride=2), want, "pool2d")
            wide = np.full((*want.shape[:3], 2 * want.shape[3]), 7, np.float32)
            getattr(ops, name)(x, 3, stride=2, out=wide[..., ::2])
            compare(wide[..., ::2], want, "pool2d")
            assert (wide[..., 1::2] == 7).all()


def test_read_only():
    x = f32(1, 2, 2, 3)
    x.flags.writeable = False
    assert ops.max_pool2d(x, 2).shape == ops.avg_pool2d(x, 2).shape == (1, 1, 1, 3)
    with pytest.raises(ValueError, match="read-only"):
        ops.max_pool2d(f32(1, 4, 4, 3), 2, out=np.broadcast_to(f32(1), (1, 2, 2, 3)))


def test_one_dimension():
    x = np.random.default_rng(4).standard_normal((2, 9, 5))
    image = x[:, None]
    for padding in ("valid", "same"):
        compare(
            ops.max_pool1d(x, 2, padding=padding),
            reference.max_pool2d(image, (1, 2), padding=padding)[:, 0],
            "pool2d",
        )
        compare(
            ops.avg_pool1d(x, 3, stride=2, padding=padding),
            reference.avg_pool2d(image, (1, 3), stride=(1, 2), padding=padding)[:, 0],
            "pool2d",
        )
    turned = {"data_format": "channels_first"}
    compare(ops.max_pool1d(x, 2, **turned), ops.max_pool1d(x.swapaxes(1, 2), 2).swapaxes(1, 2), "pool2d")
    compare(ops.global_max_pool1d(x), x.max(1), "pool2d")
    compare(ops.global_avg_pool1d(x, keepdims=True, **turned), x.mean(2, keepdims=True), "pool2d")


def test_agrees_with_pytorch():
    torch = pytest.importorskip("torch", reason="torch is a judge, not a dependency")
    f = torch.nn.functional
    x = np.random.default_rng(5).standard_normal((2, 5, 9, 10)).astype(np.float32)
    t = torch.from_numpy(x)
    first = {"data_format": "channels_first"}
    y, indices = f.max_pool2d(t, 3, 2, 1, return_indices=True)
    got, where = ops.max_pool2d(x, 3, stride=2, padding=1, return_indices=True, **first)
    compare(got, y.numpy(), "pool2d")
    compare(where, indices.numpy(), "pool2d")
    for count in (False, True):
        compare(
            ops.avg_pool2d(x, 3, stride=2, padding=1, count_padding=count, **first),
            f.avg_pool2d(t, 3, 2, 1, count_include_pad=count).numpy(),
            "pool2d",
        )


@pytest.mark.parametrize(
    "name",
    [
        "global_max_pool1d",
        "global_avg_pool1d",
        "global_max_pool2d",
        "global_avg_pool2d",
        "max_pool1d",
        "avg_pool1d",
    ],
)
def test_out_of_composed_functions_is_filled(name):
    x = np.random.default_rng(9).standard_normal((2, 6, 5, 3)[: 4 if "2d" in name else 3]).astype(np.float32)
    arguments = (x,) if "global" in name else (x, 2)
    want = getattr(ops, name)(*arguments)
    out = np.zeros_like(want)
    assert getattr(ops, name)(*arguments, out=out) is out
    np.testing.assert_array_equal(out, want)
    with pytest.raises(ValueError, match="out has shape"):
        getattr(ops, name)(*arguments, out=np.zeros(1, np.float32))
