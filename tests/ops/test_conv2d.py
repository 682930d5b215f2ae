# SPDX-License-Identifier: Apache-2.0
"""Convolution: cases for the catalogue, sweeps over shapes, strides, layouts, special values, PyTorch."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw
from ops.harness import ACTIVATIONS as FUSED_ACTIVATIONS
from ops.harness import Bad, Case, compare, f32
from tilewright import _cpu, ops
from tilewright.reference import conv2d as reference

ACTIVATIONS = [None, *FUSED_ACTIVATIONS]


def arrays(*shapes):
    return lambda rng: tuple(rng.standard_normal(shape) for shape in shapes)


BAD = [
    Bad(lambda: ([1.0], f32(1, 1, 1, 1)), TypeError, "x is a list, expected an array"),
    Bad(lambda: (f32(1, 4, 4), f32(1, 1, 4, 1)), ValueError, "x has shape (1, 4, 4), expected 4 dimensions"),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 2)), ValueError, "w has shape (3, 3, 2), expected 4 dimensions"),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 3, 5)), ValueError, "w has shape (3, 3, 3, 5)"),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)), ValueError, "groups = 0", {"groups": 0}),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 1, 5)), ValueError, "groups = 2", {"groups": 2}),
    Bad(lambda: (f32(1, 4, 4, 2), f32(5, 3, 2, 5)), ValueError, "w spans 5 pixels, expected 1 to 4"),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)), ValueError, "w spans 7 pixels", {"dilation": 3}),
    Bad(lambda: (f32(1, 4, 4, 2), f32(0, 3, 2, 5)), ValueError, "w spans"),
    Bad(
        lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)),
        ValueError,
        "stride is 0, expected at least 1",
        {"stride": 0},
    ),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)), TypeError, "stride is 1.5", {"stride": 1.5}),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)), ValueError, "padding is 'full'", {"padding": "full"}),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)), ValueError, "padding is -1", {"padding": -1}),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)), ValueError, "activation", {"activation": "swoosh"}),
    Bad(
        lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)),
        ValueError,
        "data_format is 'NHWC'",
        {"data_format": "NHWC"},
    ),
    Bad(
        lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)),
        ValueError,
        "bias has shape (4,), expected (5,)",
        {"bias": f32(4)},
    ),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)), TypeError, "bias", {"bias": np.ones(5)}),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)), ValueError, "residual", {"residual": f32(1, 2, 3, 5)}),
    Bad(
        lambda: (f32(1, 4, 4, 2), f32(3, 3, 2, 5)),
        ValueError,
        "out has shape (1, 2, 2, 4)",
        {"out": f32(1, 2, 2, 4)},
    ),
    Bad(lambda: (f32(1, 4, 4, 2), np.ones((3, 3, 2, 5))), TypeError, "w has dtype float64"),
    Bad(lambda: (np.ones((1, 4, 4, 2), np.int32), f32(3, 3, 2, 5)), TypeError, "int32"),
    Bad(lambda: (np.ones((1, 4, 4, 2), ">f4"), f32(3, 3, 2, 5)), TypeError, "byte-swapped"),
]
BAD_DATA = [
    Bad(
        lambda: (f32(1, 2, 2, 5), f32(3, 3, 2, 5), (1, 4, 4)),
        ValueError,
        "x_shape is (1, 4, 4), expected 4 sizes",
    ),
    Bad(lambda: (f32(1, 2, 2, 5), f32(3, 3, 2, 5), (1, 4, 4, -2)), ValueError, "x_shape"),
    Bad(
        lambda: (f32(1, 2, 3, 5), f32(3, 3, 2, 5), (1, 4, 4, 2)),
        ValueError,
        "dy has shape (1, 2, 3, 5), expected (1, 2, 2, 5)",
    ),
    Bad(lambda: (f32(1, 2, 2, 5), f32(3, 3, 3, 5), (1, 4, 4, 2)), ValueError, "w has shape (3, 3, 3, 5)"),
]
BAD_WEIGHT = [
    Bad(lambda: (f32(1, 2, 2, 5), f32(1, 4, 4, 2), (3, 3, 2)), ValueError, "w_shape"),
    Bad(lambda: (f32(1, 2, 2, 4), f32(1, 4, 4, 2), (3, 3, 2, 5)), ValueError, "dy has shape (1, 2, 2, 4)"),
    Bad(lambda: (f32(1, 2, 2, 5), f32(1, 4, 4), (3, 3, 2, 5)), ValueError, "x has shape (1, 4, 4)"),
]
BAD_TRANSPOSE = [
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 5, 3)), ValueError, "x has 2 channels, expected 3"),
    Bad(lambda: (f32(1, 4, 4, 2), f32(3, 3, 5, 2)), ValueError, "output_padding is 2", {"output_padding": 2}),
    Bad(lambda: (f32(1, 1, 1, 2), f32(3, 3, 5, 2)), ValueError, "leaves no pixel", {"padding": 5}),
]


def case(
    name,
    shapes,
    kwargs=None,
    differentiable=(0, 1),
    line="conv2d_forward",
    function=None,
    second=True,
    bad=(),
):
    function = function or name.partition(":")[0]
    return Case(
        name,
        "conv2d",
        [line],
        getattr(ops, function),
        getattr(reference, function),
        arrays(*shapes),
        kwargs or {},
        differentiable,
        second,
        bad,
    )


def with_shape(name, line, shapes, shape, kwargs, bad):
    """A gradient function, whose third argument is a shape."""
    return Case(
        name,
        "conv2d",
        [line],
        getattr(ops, line),
        getattr(reference, line),
        lambda rng: (*arrays(*shapes)(rng), shape),
        kwargs,
        (0, 1),
        True,
        bad,
    )


CASES = [
    case("conv2d", [(2, 7, 9, 5), (3, 3, 5, 19)], bad=BAD),
    case("conv2d:few outputs", [(2, 7, 9, 5), (3, 2, 5, 3)], {"padding": "same", "stride": 2}),
    case("conv2d:groups", [(2, 7, 9, 36), (3, 3, 2, 36)], {"padding": "same", "groups": 18, "dilation": 2}),
    case("conv2d:wide groups", [(2, 7, 9, 6), (3, 3, 3, 36)],
         {"padding": ((2, 0), (1, 3)), "groups": 2, "stride": (2, 3)}),
    case("conv2d:channels first", [(2, 5, 7, 9), (3, 3, 5, 19)],
         {"data_format": "channels_first", "padding": 1}),
    case("conv2d:gelu", [(2, 5, 6, 3), (3, 3, 3, 17)], {"activation": "gelu"}),
    case("depthwise_conv2d", [(2, 7, 9, 19), (3, 3, 19, 2)], {"padding": "same"}),
    case("conv2d_transpose", [(2, 4, 5, 6), (3, 3, 17, 6)], {"stride": 2, "padding": "same"},
         line="conv2d_backward_data", bad=BAD_TRANSPOSE),
    case("conv1d", [(2, 9, 5), (3, 5, 18)], {"padding": "causal", "dilation": 2}),
    with_shape("conv2d_backward_data", "conv2d_backward_data", [(2, 5, 7, 19), (3, 3, 5, 19)],
               (2, 7, 9, 5), {}, BAD_DATA),
    with_shape("conv2d_backward_weight", "conv2d_backward_weight", [(2, 5, 7, 19), (2, 7, 9, 5)],
               (3, 3, 5, 19), {}, BAD_WEIGHT),
    with_shape("conv2d_backward_weight:bias", "conv2d_backward_weight", [(2, 5, 7, 19), (2, 7, 9, 5)],
               (3, 3, 5, 19), {"bias_gradient": True}, ()),
]  # fmt: skip


def check_passes(x_shape, w_shape, dtype=np.float32, seed=0, **options):
    """All three passes of one problem against the reference."""
    rng = np.random.default_rng(seed)
    x, w = rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(w_shape).astype(dtype)
    x64, w64 = x.astype(np.float64), w.astype(np.float64)
    what = f"x {x_shape} w {w_shape} {options}"
    want = reference.conv2d(x64, w64, **options)
    compare(ops.conv2d(x, w, **options), want, "conv2d", dtype, what)
    dy = rng.standard_normal(want.shape).astype(dtype)
    dy64 = dy.astype(np.float64)
    compare(
        ops.conv2d_backward_data(dy, w, x_shape, **options),
        reference.conv2d_backward_data(dy64, w64, x_shape, **options),
        "conv2d",
        dtype,
        "backward_data " + what,
    )
    got = ops.conv2d_backward_weight(dy, x, w_shape, bias_gradient=True, **options)
    want = reference.conv2d_backward_weight(dy64, x64, w_shape, bias_gradient=True, **options)
    squares = reference.conv2d_backward_weight(dy64**2, x64**2, w_shape, bias_gradient=True, **options)
    for g, r, s in zip(got, want, squares, strict=True):  # a small filter's few long sums may all cancel
        compare(g, r, "conv2d", dtype, "backward_weight " + what, scale=np.sqrt(s.max(initial=0)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_of_channels(dtype, isa):
    for c, k in itertools.product((0, 1, 2, 3, 7, 8, 17, 33), (0, 1, 2, 4, 5, 9, 16, 31, 49, 65)):
        check_passes((1, 4, 6, c), (3, 2, c, k), dtype, padding="same")


def test_every_width(isa):
    for width in (1, 2, 3, 4, 5, 7, 8, 13, 14, 15, 17, 29, 33, 65, 161):
        check_passes((2, 5, width, 3), (3, 1, 3, 18))
        check_passes((1, 3, width, 2), (3, 1, 2, 2), padding=1)


@pytest.mark.parametrize("stride", [1, 2, 3, (2, 1), (1, 4)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
@pytest.mark.parametrize("padding", ["valid", "same", ((0, 3), (2, 1)), 4])
def test_strides_dilations_and_paddings(stride, dilation, padding, isa):
    for filters in ((1, 1), (3, 3), (2, 4)):
        for c, k, groups in ((3, 20, 1), (5, 2, 1), (6, 6, 6), (8, 12, 4)):
            check_passes(
                (2, 8, 11, c),
                (*filters, c // groups, k),
                stride=stride,
                dilation=dilation,
                padding=padding,
                groups=groups,
            )


@pytest.mark.parametrize(
    "groups,c,k",
    [
        (2, 4, 4),
        (5, 5, 5),
        (16, 16, 16),
        (17, 17, 34),
        (33, 66, 33),
        (20, 80, 100),
        (3, 51, 60),
        (32, 128, 128),
    ],
)
def test_groups(groups, c, k, isa):
    for dtype in (np.float32, np.float64):
        check_passes((2, 6, 7, c), (3, 3, c // groups, k), dtype, padding="same", groups=groups)
        check_passes((1, 6, 7, c), (3, 3, c // groups, k), dtype, stride=2, groups=groups)


def test_blocks_of_channels_rows_and_columns(isa):
    """Large enough for every kind of block: channels, rows, columns, panels shared among tasks."""
    if isa == "scalar":
        pytest.skip("the blocks are cut alike on every instruction set; the scalar one is slow")
    check_passes((1, 4, 5, 700), (3, 3, 700, 40), padding="same")
    check_passes((1, 40, 300, 3), (3, 3, 3, 34), padding="same")
    check_passes((1, 1, 5000, 5), (1, 3, 5, 2))
    check_passes((3, 20, 30, 33), (1, 1, 33, 70))
    check_passes((1, 3, 3, 64), (3, 3, 64, 300))
    check_passes((4, 64, 64, 3), (3, 3, 3, 8), padding="same")
    check_passes((1, 12, 13, 8), (11, 11, 8, 40), padding=3)
    check_passes((2, 7, 7, 200), (3, 3, 200, 260), padding=1)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_shape(data):
    def number(low, high):
        return data.draw(st.integers(low, high))

    groups = number(1, 5)
    rows, cols, dilation = number(1, 4), number(1, 4), (number(1, 3), number(1, 3))
    height, width = (rows - 1) * dilation[0] + number(1, 6), (cols - 1) * dilation[1] + number(1, 40)
    padding = tuple((number(0, 3), number(0, 3)) for _ in range(2))
    per_group = number(1, 9)
    check_passes(
        (number(0, 3), height, width, groups * per_group),
        (rows, cols, per_group, groups * number(1, 40)),
        stride=(number(1, 3), number(1, 3)),
        dilation=dilation,
        padding=padding,
        groups=groups,
    )


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_epilogue(activation, isa):
    rng = np.random.default_rng(5)
    for c, k, groups in ((3, 37, 1), (3, 2, 1), (18, 18, 18), (200, 20, 1)):
        x, w, bias, residual = (
            rng.standard_normal(s).astype(np.float32)
            for s in ((2, 5, 6, c), (3, 3, c // groups, k), (k,), (2, 3, 4, k))
        )
        w *= 0.01
        for options in ({}, {"bias": bias}, {"bias": bias, "residual": residual}):
            exact = {name: a.astype(np.float64) for name, a in options.items()}
            want = reference.conv2d(
                x.astype(np.float64), w.astype(np.float64), groups=groups, activation=activation, **exact
            )
            got = ops.conv2d(x, w, groups=groups, activation=activation, **options)
            compare(got, want, "conv2d", np.float32, f"{activation} {c} {k} {sorted(options)}")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_through_an_activation_and_bias(activation):
    """The fused node against the same written out, first and second order."""
    rng = np.random.default_rng(6)
    values = [rng.standard_normal(s) for s in ((1, 4, 5, 3), (2, 2, 3, 6), (6,), (1, 3, 4, 6))]

    def gradients(function):
        x, w, b, r = tensors = [tw.Tensor(v) for v in values]
        with tw.GradientTape() as outer:
            outer.watch(tensors)
            with tw.GradientTape() as inner:
                y = function(x, w, b, r)
            first = inner.gradient(y, tensors)
            penalty = ops.sum(ops.square(first[0])) + ops.sum(ops.square(first[1])) + ops.sum(y)
        return [t.numpy() for t in first + outer.gradient(penalty, tensors, unconnected_gradients="zero")]

    def written_out(x, w, b, r):
        z = ops.conv2d(x, w) + b + r
        if activation is None:
            return z
        constants = {"leaky_relu": (0.2,), "elu": (1.0,)}.get(activation, ())
        return getattr(ops, activation)(z, *constants)

    fused = gradients(lambda x, w, b, r: ops.conv2d(x, w, bias=b, residual=r, activation=activation))
    for got, want in zip(fused, gradients(written_out), strict=True):
        compare(got, want, "conv2d", np.float64, f"{activation}")


@pytest.mark.parametrize("activation", [None, "relu", "gelu"])
def test_gradients_of_a_transposed_convolution(activation):
    rng = np.random.default_rng(7)
    values = [rng.standard_normal(s) for s in ((1, 3, 4, 4), (3, 3, 5, 4), (5,))]
    results = []
    for fused in (True, False):
        tensors = [tw.Tensor(v) for v in values]
        with tw.GradientTape() as tape:
            tape.watch(tensors)
            x, w, b = tensors
            options = {"stride": 2, "padding": 1, "output_padding": 1}
            if fused:
                y = ops.conv2d_transpose(x, w, bias=b, activation=activation, **options)
            else:
                y = ops.conv2d_transpose(x, w, **options) + b
                y = getattr(ops, activation)(y) if activation else y
        results.append([y.numpy(), *(g.numpy() for g in tape.gradient(y, tensors))])
    for got, want in zip(*results, strict=True):
        compare(got, want, "conv2d", np.float64)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2},
        {"stride": 3, "padding": "same"},
        {"padding": "same"},
        {"stride": 2, "padding": 1},
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"stride": (3, 2), "padding": ((1, 0), (0, 2)), "dilation": 2},
        {"stride": 2, "padding": "same", "output_padding": (1, 0)},
        {"stride": 4},
        {"groups": 2, "stride": 2},
    ],
)
def test_transposed_convolution(options, isa):
    rng = np.random.default_rng(8)
    for rows, cols in ((3, 3), (1, 1), (2, 4)):
        groups = options.get("groups", 1)
        x, w = rng.standard_normal((2, 4, 5, 6)), rng.standard_normal((rows, cols, 9, 6))
        bias = rng.standard_normal(9 * groups)
        want = reference.conv2d_transpose(x, w, bias=bias, activation="tanh", **options)
        got = ops.conv2d_transpose(
            *(a.astype(np.float32) for a in (x, w)),
            bias=bias.astype(np.float32),
            activation="tanh",
            **options,
        )
        compare(got, want, "conv2d", np.float32, f"{rows} x {cols} {options}")


def test_any_strides_in_memory(isa):
    rng = np.random.default_rng(9)
    big = rng.standard_normal((4, 16, 20, 12)).astype(np.float32)
    weights = rng.standard_normal((6, 3, 10, 40)).astype(np.float32)
    w = weights[::2, ::-1, ::2, 3:37:2]
    for x in (
        big[::2, :, :, :5],
        big[:, ::-1, ::2, 5:10],
        big.transpose(0, 2, 1, 3)[..., 2:7],
        big[:2, :, :, ::-2][..., :5],
        np.broadcast_to(big[:1, :, :1, :5], (2, 16, 20, 5)),
    ):
        want = reference.conv2d(x.astype(np.float64), w.astype(np.float64), padding="same")
        compare(ops.conv2d(x, w, padding="same"), want, "conv2d")
        wide = np.full((*want.shape[:3], 40), 7, np.float32)
        out = wide[:, ::-1, :, 4 : 4 + want.shape[3]]
        assert ops.conv2d(x, w, padding="same", out=out) is out
        compare(out, want, "conv2d")
        assert (wide[..., :4] == 7).all() and (wide[..., 4 + want.shape[3] :] == 7).all()
        gaps = np.full((*want.shape[:3], 2 * want.shape[3]), 7, np.float32)
        ops.conv2d(x, w, padding="same", out=gaps[..., ::2])
        compare(gaps[..., ::2], want, "conv2d")
        assert (gaps[..., 1::2] == 7).all()


def test_out_may_not_share_memory_with_an_input():
    x = f32(1, 4, 4, 4)
    with pytest.raises(ValueError, match="out shares memory with x"):
        ops.conv2d(x, f32(1, 1, 4, 4), out=x)


def test_read_only_inputs():
    x, w = f32(1, 3, 3, 2), f32(3, 3, 2, 4)
    x.flags.writeable = w.flags.writeable = False
    compare(ops.conv2d(x, w), np.full((1, 1, 1, 4), 18.0), "conv2d")
    out = f32(1, 1, 1, 4)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        ops.conv2d(x, w, out=out)


def test_special_values_reach_what_reads_them_and_nothing_else(isa):
    for c, k, groups in ((2, 20, 1), (2, 3, 1), (18, 18, 18)):
        x, w = f32(1, 9, 9, c), f32(3, 3, c // groups, k)
        x[0, 4, 4, 0] = np.nan
        y = ops.conv2d(x, w, groups=groups, activation="relu")
        first = y[..., : k // groups]
        assert np.isnan(first[0, 2:5, 2:5]).all()
        assert np.isnan(y).sum() == np.isnan(first[0, 2:5, 2:5]).sum()
        x[0, 4, 4, 0] = np.inf
        assert np.isinf(ops.conv2d(x, w, groups=groups)[..., : k // groups][0, 2:5, 2:5]).all()


def test_empty_arrays(isa):
    for n, h, c, k in ((0, 5, 3, 4), (2, 5, 0, 4), (2, 5, 3, 0)):
        check_passes((n, h, h, c), (3, 3, c, k))
    assert ops.conv2d(f32(2, 0, 0, 3), f32(1, 1, 3, 4), padding=1).shape == (2, 2, 2, 4)
    assert (ops.conv2d(f32(2, 5, 5, 0), f32(3, 3, 0, 4), bias=f32(4) * 3) == 3).all()


def test_same_bits_for_any_number_of_threads(isa):
    rng = np.random.default_rng(10)
    for shapes, options in (
        (((3, 17, 19, 40), (3, 3, 40, 50)), {"padding": "same"}),
        (((3, 17, 19, 40), (3, 3, 40, 3)), {}),
        (((2, 17, 19, 40), (3, 3, 1, 40)), {"groups": 40}),
        (((9, 9, 9, 3), (3, 3, 3, 8)), {"stride": 2}),
    ):
        x, w = (rng.standard_normal(s).astype(np.float32) for s in shapes)
        bits = []
        for threads in (1, 2, 3):
            _cpu.set_num_threads(threads)
            y = ops.conv2d(x, w, **options)
            bits.append(
                [
                    a.tobytes()
                    for a in (
                        y,
                        ops.conv2d_backward_data(y, w, x.shape, **options),
                        *ops.conv2d_backward_weight(y, x, w.shape, bias_gradient=True, **options),
                    )
                ]
            )
        assert bits[0] == bits[1] == bits[2]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"stride": 2, "padding": 1},
        {"dilation": 2, "padding": (2, 1)},
        {"groups": 4},
        {"groups": 8, "padding": 1},
    ],
)
def test_agrees_with_pytorch(options):
    torch = pytest.importorskip("torch", reason="torch is a judge, not a dependency")
    rng = np.random.default_rng(11)
    groups = options.get("groups", 1)
    x, w = rng.standard_normal((2, 8, 9, 11)), rng.standard_normal((24, 8 // groups, 3, 3))
    tx, tw_ = (torch.from_numpy(a).requires_grad_() for a in (x, w))
    ty = torch.nn.functional.conv2d(tx, tw_, **options)
    dy = rng.standard_normal(tuple(ty.shape))
    ty.backward(torch.from_numpy(dy))
    filters = w.transpose(2, 3, 1, 0)
    first = {"data_format": "channels_first", **options}
    padding = options.get("padding", 0)
    compare(ops.conv2d(x, filters, **{"padding": padding, **first}), ty.detach().numpy(), "conv2d")
    first["padding"] = padding
    compare(ops.conv2d_backward_data(dy, filters, x.shape, **first), tx.grad.numpy(), "conv2d")
    compare(
        ops.conv2d_backward_weight(dy, x, filters.shape, **first).transpose(3, 2, 0, 1),
        tw_.grad.numpy(),
        "conv2d",
    )


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 1, "output_padding": 1}, {"groups": 2, "dilation": 2}]
)
def test_transposed_agrees_with_pytorch(options):
    torch = pytest.importorskip("torch", reason="torch is a judge, not a dependency")
    rng = np.random.default_rng(12)
    groups = options.get("groups", 1)
    x, w = rng.standard_normal((2, 8, 5, 6)), rng.standard_normal((8, 6 // groups, 3, 3))
    want = torch.nn.functional.conv_transpose2d(torch.from_numpy(x), torch.from_numpy(w), **options)
    got = ops.conv2d_transpose(
        x, w.transpose(2, 3, 1, 0), data_format="channels_first", **{"padding": 0, **options}
    )
    compare(got, want.numpy(), "conv2d")
    assert isinstance(ops.conv2d(torch.ones(1, 3, 3, 1), torch.ones(2, 2, 1, 1)), torch.Tensor)
