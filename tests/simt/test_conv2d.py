# SPDX-License-Identifier: Apache-2.0
"""The convolution kernels on the emulator: the operation tests of tests/ops, and every kernel the launchers
can choose by all three passes, with slices and without, channels by 16 bytes and one at a time.

Proves indices, lane maps, synchronisation and arithmetic. It is no run on a GPU.
"""

import ml_dtypes
import numpy as np
import pytest
from ops.test_conv2d import (  # noqa: F401
    check_passes,
    test_any_strides_in_memory,
    test_empty_arrays,
    test_gradients_of_a_transposed_convolution,
    test_out_may_not_share_memory_with_an_input,
    test_read_only_inputs,
    test_special_values_reach_what_reads_them_and_nothing_else,
    test_transposed_convolution,
)

from tilewright import _simt, ops
from tilewright.reference import conv2d as reference

from .conftest import SCHEDULES
from .mutation import unmissed
from .test_matmul import aligned, to_tf32

pytestmark = pytest.mark.usefixtures("on_simt")
bfloat16 = ml_dtypes.bfloat16
KERNELS = _simt.conv_kernels()
# Half a unit in the last place of the stored value. What tf32 does to the factors the reference does, too.
BOUND = {"float32": 2.0**-23, "float64": 2.0**-52, "float16": 2.0**-11, "bfloat16": 2.0**-8, "tf32": 2.0**-23}


@pytest.fixture(autouse=True)
def choices_put_back():
    before = _simt.schedule()
    yield
    _simt.force_conv(-1)
    _simt.allow_tf32(False)
    _simt.remove_sync_site(-1)
    _simt.record_sync_sites(False)
    _simt.set_schedule(before)


def close(got, want, terms, dtype, what):
    bound = BOUND[dtype] * np.abs(want) + (2.0**-48 if dtype == "float64" else 2.0**-20) * terms
    bad = ~(np.abs(got.astype(np.float64) - want) <= bound)
    assert not bad.any(), f"{what}: {bad.sum()} of {bad.size} bad, first at {np.argwhere(bad)[0]}"


def passes(dtype, x_shape, w_shape, **options):
    """Inputs and the three passes by name: arguments, result, result of absolute values."""
    rng = np.random.default_rng(1)
    storage = {"tf32": np.float32, "bfloat16": bfloat16}.get(dtype) or np.dtype(dtype)
    x, w = rng.standard_normal(x_shape).astype(storage), rng.standard_normal(w_shape).astype(storage)
    exact = to_tf32 if dtype == "tf32" else np.asarray
    x64, w64 = exact(x).astype(np.float64), exact(w).astype(np.float64)
    y = reference.conv2d(x64, w64, **options)
    dy = rng.standard_normal(y.shape).astype(storage)
    dy64 = exact(dy).astype(np.float64)
    db = dy.astype(np.float64).sum(axis=(0, 1, 2))  # not a product: nothing is rounded
    weight = {"bias_gradient": True, **options}
    return {
        "conv2d": ((x, w), options, y, reference.conv2d(abs(x64), abs(w64), **options)),
        "conv2d_backward_data": (
            (dy, w, x_shape), options,
            reference.conv2d_backward_data(dy64, w64, x_shape, **options),
            reference.conv2d_backward_data(abs(dy64), abs(w64), x_shape, **options),
        ),
        "conv2d_backward_weight": (
            (dy, x, w_shape), weight,
            (reference.conv2d_backward_weight(dy64, x64, w_shape, **options), db),
            reference.conv2d_backward_weight(abs(dy64), abs(x64), w_shape, **weight),
        ),
    }  # fmt: skip


def check(kernel, dtype, x_shape, w_shape, runs, **options):
    """All passes by one kernel against the reference, and the same bits from runs with as many slices."""
    _simt.allow_tf32(dtype == "tf32")
    bits = {}
    for name, (arguments, keywords, want, terms) in passes(dtype, x_shape, w_shape, **options).items():
        for schedule, slices in runs:
            _simt.set_schedule(schedule)
            _simt.force_conv(KERNELS.index(kernel), slices)
            got = getattr(ops, name)(*arguments, **keywords)
            several = isinstance(got, tuple)
            for g, w, t in zip(*((got, want, terms) if several else ([got], [want], [terms])), strict=True):
                close(g, w, t, dtype, f"{kernel} {dtype} {name} {schedule} {slices} slices")
            joined = b"".join(g.tobytes() for g in (got if several else [got]))
            assert bits.setdefault((name, slices), joined) == joined, "the schedule changed the bits"


# Two tiles and a tail each way, sums longer than the ring; channels by 16 bytes, and one at a time.
LARGE = [((1, 17, 17, 32), (3, 3, 32, 136)), ((1, 9, 31, 131), (1, 2, 131, 33))]
SMALL = [((1, 9, 15, 40), (3, 2, 40, 72)), ((2, 7, 11, 37), (2, 3, 37, 67))]


@pytest.mark.parametrize("dtype", ["float32", "tf32", "float16", "bfloat16"])
@pytest.mark.parametrize("shapes", LARGE, ids=["vectors", "elements"])
def test_every_large_tile(dtype, shapes):
    kernel = "fma_large" if dtype == "float32" else "mma_large"
    check(kernel, dtype, *shapes, [("random:1", 2)], padding="same" if shapes is LARGE[0] else 0)


@pytest.mark.parametrize("dtype", ["float32", "tf32", "float16", "bfloat16"])
@pytest.mark.parametrize("shapes", SMALL, ids=["vectors", "elements"])
def test_every_small_tile(dtype, shapes):
    kernel = "fma_small" if dtype == "float32" else "mma_small"
    runs = [("forward", 3), ("reverse", 3), ("random:1", 3), ("starve:1", 1)]
    check(kernel, dtype, *shapes, runs, padding="same", stride=2 if shapes is SMALL[1] else 1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_direct_and_depthwise(dtype):
    runs = [("forward", 1), ("random:1", 1), ("reverse", 3), ("random:2", 3)]
    check(
        "direct", dtype, (2, 7, 9, 6), (3, 2, 3, 36), runs, groups=2, padding=((2, 0), (1, 3)), stride=(2, 3)
    )
    for channels in (40, 19):
        check(
            "depthwise",
            dtype,
            (2, 6, 7, channels),
            (3, 3, 1, channels),
            runs[:2],
            groups=channels,
            padding=1,
            stride=2,
        )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_groups_by_tiles(dtype):
    kernel = "fma_small" if dtype == "float32" else "mma_small"
    for channels, outputs in ((16, 24), (9, 10)):
        check(
            kernel,
            dtype,
            (2, 5, 7, 3 * channels),
            (2, 2, channels, 3 * outputs),
            [("forward", 1), ("random:1", 2)],
            groups=3,
            dilation=2,
        )


@pytest.mark.parametrize("stride", [1, 2, 3, (1, 4)])
@pytest.mark.parametrize("dilation", [1, 2, (1, 3)])
def test_strides_and_dilations(stride, dilation):
    """Each phase of the stride has taps of its own in the data gradient, some none."""
    for rows, cols in ((1, 1), (3, 2), (2, 5)):
        check_passes(
            (2, 11, 14, 9), (rows, cols, 9, 10), stride=stride, dilation=dilation, padding=((1, 2), (0, 3))
        )
    check_passes((1, 11, 14, 4), (3, 2, 1, 4), np.float64, stride=stride, dilation=dilation, groups=4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_number_of_channels(dtype):
    for channels, outputs in ((0, 4), (1, 1), (2, 9), (3, 16), (7, 65), (8, 8), (17, 33), (33, 5)):
        check_passes((1, 4, 6, channels), (3, 2, channels, outputs), dtype, padding="same")


@pytest.mark.parametrize(
    "kernel, dtype",
    [("fma_small", np.float32), ("mma_small", bfloat16), ("direct", np.float64), ("depthwise", np.float32)],
)
@pytest.mark.parametrize("slices", [1, 2])
def test_epilogue_of_every_kind_of_kernel(kernel, dtype, slices):
    rng = np.random.default_rng(5)
    depthwise = kernel == "depthwise"
    for outputs in (16, 13):
        groups = outputs if depthwise else 1
        x, w, bias, residual = (
            rng.standard_normal(s).astype(dtype)
            for s in (
                (2, 5, 6, groups if depthwise else 12),
                (3, 3, 1 if depthwise else 12, outputs),
                (outputs,),
                (2, 3, 4, outputs),
            )
        )
        exact = {name: a.astype(np.float64) for name, a in (("bias", bias), ("residual", residual))}
        z64 = reference.conv2d(x.astype(np.float64), w.astype(np.float64), groups=groups, **exact)
        for activation in (None, "relu", "gelu", "tanh"):
            want = reference.conv2d(
                x.astype(np.float64), w.astype(np.float64), groups=groups, activation=activation, **exact
            )
            _simt.force_conv(KERNELS.index(kernel), slices)
            y, z = np.empty(want.shape, dtype), np.empty(want.shape, dtype)
            _simt.conv2d_forward(
                y, x, w, (1, 1), (0, 0, 0, 0), (1, 1), groups, bias, activation, None, residual, z
            )
            for got, exact_value in ((y, want), (z, z64)):
                limit = (2.0**-8 if dtype is bfloat16 else 0) * np.abs(exact_value) + 2e-5
                assert (np.abs(got.astype(np.float64) - exact_value) <= limit).all(), (
                    kernel,
                    activation,
                    outputs,
                )


def test_what_is_chosen():
    """Few channels go one output a thread, images of the usual kind by tiles, depthwise ones by 16 bytes."""

    def used(x_shape, w_shape, dtype=np.float32, **options):
        _simt.count_accesses(True)
        ops.conv2d(np.ones(x_shape, dtype), np.ones(w_shape, dtype), **options)
        _simt.count_accesses(False)
        return set(_simt.counted_accesses())

    assert any("depthwise" in k for k in used((1, 5, 5, 8), (3, 3, 1, 8), groups=8))
    assert any("direct" in k for k in used((1, 5, 5, 6), (3, 3, 1, 6), groups=6))
    assert any("fma" in k for k in used((1, 8, 8, 16), (3, 3, 16, 32)))
    assert any("mma" in k for k in used((1, 8, 8, 16), (3, 3, 16, 32), bfloat16))


MUTATED = [
    ("fma_large", np.float32),
    ("fma_small", np.float32),
    ("mma_large", np.float16),
    ("mma_small", bfloat16),
    ("direct", np.float32),
]


def mutated(kernel, dtype):
    """A sum longer than the ring, and a result of two passes."""
    rng = np.random.default_rng(8)
    depth = 4 if kernel == "direct" else 16 if dtype == np.float32 else 48
    x, w = (rng.standard_normal(s).astype(dtype) for s in ((1, 6, 8, depth), (3, 3, depth, 20)))
    dy = rng.standard_normal((1, 4, 6, 20)).astype(dtype)

    def run():
        _simt.force_conv(KERNELS.index(kernel), 1)
        weight = ops.conv2d_backward_weight(dy, x, w.shape, bias_gradient=True)
        return weight if kernel == "direct" else (ops.conv2d(x, w), *weight)

    return run


@pytest.mark.parametrize("kernel, dtype", MUTATED)
def test_each_synchronisation_is_needed(kernel, dtype):
    places, unseen = unmissed(mutated(kernel, dtype))
    assert places >= 1 and not unseen, f"{len(unseen)} of {places} were not missed: {unseen}"


def test_every_schedule_gives_the_same_bits():
    rng = np.random.default_rng(9)
    x, w = (rng.standard_normal(s).astype(np.float32) for s in ((2, 9, 9, 20), (3, 3, 20, 40)))
    bits = set()
    for schedule in SCHEDULES:
        _simt.set_schedule(schedule)
        y = ops.conv2d(x, w, stride=2)
        results = (
            y,
            ops.conv2d_backward_data(y, w, x.shape, stride=2),
            ops.conv2d_backward_weight(y, x, w.shape, stride=2),
        )
        bits.add(b"".join(r.tobytes() for r in results))
    assert len(bits) == 1


@pytest.mark.parametrize("dtype", [np.float32, bfloat16])
def test_no_bank_conflicts(dtype):
    x, w = aligned((1, 16, 16, 64), dtype), aligned((3, 3, 64, 64), dtype)
    x[...] = w[...] = 1
    _simt.count_accesses(True)
    y = ops.conv2d(x, w, padding="same")
    ops.conv2d_backward_data(y, w, x.shape, padding="same")
    _simt.count_accesses(False)
    counts = _simt.counted_accesses()
    assert counts and all(c["shared_conflicts"] == 0 for c in counts.values()), counts
