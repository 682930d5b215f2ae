# SPDX-License-Identifier: Apache-2.0
"""Convolution: the edges of every way the CPU takes, by numbers of channels, images, groups and taps."""

import numpy as np
import pytest

from ops.harness import compare
from ops.test_conv2d import check_passes
from tilewright import _cpu, ops
from tilewright.reference import conv2d as reference


@pytest.mark.parametrize("images", [1, 2, 5, 13])
def test_small_padded_images(images, isa):
    """Tiles along images or along rows; taps that leave the image by one, two and more pixels."""
    for size, filters, padding, stride in (
        (5, 3, 2, 1),
        (3, 3, 1, 1),
        (7, 5, 4, 1),
        (4, 4, ((0, 3), (3, 0)), 1),
        (13, 3, 1, 2),
        (6, 1, 2, 1),
        (1, 3, 1, 1),
    ):
        for c, k in ((9, 33), (18, 70)):
            check_passes(
                (images, size, size + 1, c), (filters, filters, c, k), padding=padding, stride=stride
            )


def test_rows_with_an_edge_at_every_place_of_a_tile(isa):
    for width in range(1, 32, 3):
        for c, k in ((9, 40), (9, 70)):
            check_passes((1, 3, width, c), (3, 3, c, k), padding="same")
            check_passes((1, 3, width, c), (1, 7, c, k), padding=((0, 0), (6, 6)))
            check_passes((1, 3, width, c), (2, 3, c, k), padding=2, stride=2, dilation=2)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 8])
def test_few_input_channels(channels, isa):
    """Columns of the filter joined to one run; rows of small filters in one weight tile."""
    for filters, k in (((3, 3), 32), ((2, 3), 20), ((7, 7), 64), ((5, 5), 9), ((1, 4), 17)):
        for stride, padding, dilation in ((1, 0, 1), (1, "same", 1), (2, 3, 1), (1, 1, 2)):
            options = {"stride": stride, "padding": padding, "dilation": dilation}
            check_passes((3, 15, 17, channels), (*filters, channels, k), **options)
    check_passes((1, 2, 1100, channels), (1, 3, channels, 20), padding="same")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("filters", [(1, 1), (2, 2), (3, 3), (5, 5), (7, 7), (4, 3), (6, 2)])
def test_depthwise(filters, dtype, isa):
    for channels in (8, 16, 19, 40):
        for stride, padding, dilation in (
            (1, "same", 1),
            (2, "same", 1),
            (2, 0, 1),
            ((1, 2), ((3, 0), (1, 4)), 1),
            (3, 1, 1),
            (1, 2, 2),
            (2, 4, (1, 3)),
        ):
            check_passes(
                (2, 9 * 3, 7 * 3, channels),
                (*filters, 1, channels),
                dtype,
                stride=stride,
                padding=padding,
                dilation=dilation,
                groups=channels,
            )


def test_depthwise_of_every_width(isa):
    for width in range(1, 20):
        for stride in (1, 2):
            for filters in ((3, 3), (1, 5)):
                options = {"padding": "same", "stride": stride, "groups": 21}
                check_passes((1, 4, width, 21), (*filters, 1, 21), **options)


@pytest.mark.parametrize("channels", [1, 7, 16, 17, 35])
def test_gradient_of_a_strided_depthwise_layer(channels, isa):
    """All column phases in one tile: any width, padding of several pixels, inputs that no output reads."""
    for filters, stride, padding, dilation in (
        ((3, 3), 2, ((1, 0), (0, 1)), 1),
        ((2, 5), (1, 2), ((0, 2), (4, 3)), 1),
        ((5, 7), (3, 2), ((2, 1), (6, 5)), 1),
        ((1, 3), (4, 2), 0, 1),  # rows that no tap reads
        ((3, 3), 4, 1, 1),  # stride above the filter's size
        ((3, 5), 2, 2, (3, 1)),
        ((3, 3), 2, 2, 2),
    ):
        for width in (9, 10, 15, 17):
            check_passes(
                (2, 7, width, channels),
                (*filters, 1, channels),
                stride=stride,
                padding=padding,
                dilation=dilation,
                groups=channels,
            )
    check_passes((2, 7, 9, channels), (3, 3, 1, 3 * channels), stride=2, padding=1, groups=channels)


@pytest.mark.parametrize("activation", [None, "relu", "gelu"])
def test_transposed_depthwise_layer_with_its_epilogue(activation, isa):
    rng = np.random.default_rng(14)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in ((2, 5, 6, 19), (3, 5, 1, 19)))
    bias = rng.standard_normal(19).astype(np.float32)
    options = {"stride": 2, "padding": 1, "groups": 19, "activation": activation}
    want = reference.conv2d_transpose(
        *(a.astype(np.float64) for a in (x, w)), bias=bias.astype(float), **options
    )
    compare(ops.conv2d_transpose(x, w, bias=bias, **options), want, "conv2d")


def test_an_infinite_weight_reaches_only_what_it_multiplies(isa):
    """Inputs beyond the edge and phases that a tap does not read are left out, not multiplied by zero."""
    dy, w = np.ones((1, 3, 3, 16), np.float32), np.zeros((3, 3, 1, 16), np.float32)
    w[0, 0] = np.inf
    dx = ops.conv2d_backward_data(dy, w, (1, 6, 6, 16), stride=2, padding=1, groups=16)
    reached = np.zeros((6, 6), bool)
    reached[1:5:2, 1:5:2] = True
    np.testing.assert_array_equal(np.isinf(dx[0, :, :, 3]), reached)


def test_weight_gradients_of_every_division_into_tasks(isa):
    """Small images in one block, filter rows or slices of pixels by task; the bias's gradient beside each."""
    for x_shape, filters, k, options in (
        ((7, 5, 5, 20), (3, 3), 40, {"padding": 0}),
        ((9, 4, 3, 33), (3, 2), 70, {"padding": "same"}),
        ((2, 6, 6, 200), (3, 3), 150, {"padding": 1}),
        ((3, 5, 4, 130), (5, 3), 64, {"padding": 2, "stride": 2}),
        ((3, 6, 7, 96), (3, 3), 64, {"padding": 1, "groups": 2}),
        ((2, 9, 8, 150), (3, 3), 5, {"padding": 1, "dilation": 2}),
        ((13, 3, 3, 5), (3, 3), 17, {"padding": 0}),
    ):
        check_passes(x_shape, (*filters, x_shape[3] // options.get("groups", 1), k), **options)


def test_depthwise_of_arrays_with_gaps(isa):
    rng = np.random.default_rng(11)
    big = rng.standard_normal((3, 9, 24, 64)).astype(np.float32)
    x, w = big[::2, :, ::-2, 5:42], rng.standard_normal((3, 3, 1, 74)).astype(np.float32)[..., ::2]
    bias = rng.standard_normal(37).astype(np.float32)
    exact = [a.astype(np.float64) for a in (x, w, bias)]
    options = {"padding": "same", "stride": 2, "groups": 37, "activation": "gelu"}
    got = ops.conv2d(x, w, bias=bias, **options)
    compare(got, reference.conv2d(*exact[:2], bias=exact[2], **options), "conv2d")


def test_pointwise_is_a_matrix_product_with_the_same_epilogue(isa):
    rng = np.random.default_rng(12)
    for n, c, k in ((1, 5, 7), (3, 64, 40), (2, 1, 33), (2, 40, 1)):
        shapes = (n, 6, 5, c), (1, 1, c, k), (k,), (n, 6, 5, k)
        x, w, bias, residual = (rng.standard_normal(s).astype(np.float32) for s in shapes)
        check_passes(x.shape, w.shape)
        options = {"bias": bias, "residual": residual}
        exact = {name: a.astype(np.float64) for name, a in options.items()}
        for activation in (None, "relu", "gelu"):
            want = reference.conv2d(x.astype(float), w.astype(float), activation=activation, **exact)
            compare(ops.conv2d(x, w, activation=activation, **options), want, "conv2d")


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_any_number_of_threads_gives_the_same_bits(threads, isa):
    rng = np.random.default_rng(13)
    before = _cpu.num_threads()
    for x_shape, w_shape, options in (
        ((13, 5, 5, 20), (3, 3, 20, 40), {"padding": 2}),
        ((2, 14, 14, 96), (3, 3, 96, 130), {"padding": 1}),
        ((2, 20, 21, 3), (5, 5, 3, 40), {"stride": 2, "padding": "same"}),
        ((2, 17, 19, 37), (3, 3, 1, 37), {"stride": 2, "padding": 1, "groups": 37}),
        ((2, 6, 6, 200), (3, 3, 200, 150), {"padding": 1}),
        ((11, 5, 4, 20), (3, 3, 20, 40), {}),
    ):
        x, w = (rng.standard_normal(s).astype(np.float32) for s in (x_shape, w_shape))
        results = []
        try:
            for count in (1, threads):
                _cpu.set_num_threads(count)
                y = ops.conv2d(x, w, **options)
                dx = ops.conv2d_backward_data(y, w, x_shape, **options)
                dw, db = ops.conv2d_backward_weight(y, x, w_shape, bias_gradient=True, **options)
                results.append((y, dx, dw, db))
        finally:
            _cpu.set_num_threads(before)
        for one, other in zip(*results, strict=True):
            np.testing.assert_array_equal(one, other)
