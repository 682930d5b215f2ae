# SPDX-License-Identifier: Apache-2.0
"""Every kernel and layout the matmul launcher can choose, on the emulator.

At least two tiles and a tail each way, K longer than the ring, with and without slices of K; dtypes,
epilogues, batches, and what is chosen when.

Proves indices, lane maps, synchronisation and rounding. It is no run on a GPU.
"""

import itertools

import ml_dtypes
import numpy as np
import pytest

from tilewright import _simt
from tilewright.reference import matmul as reference

bfloat16 = ml_dtypes.bfloat16
KERNELS = _simt.matmul_kernels()
# Half a unit in the last place of the stored value, plus float's sum over a few hundred terms.
BOUND = {np.float32: 0.0, np.float64: 0.0, np.float16: 2.0**-11, bfloat16: 2.0**-8}

# Kernel, dtype, (M, N, K): two tiles and a tail along M and N; along K a panel more than the ring holds, and
# a tail.
TILES = [
    ("fma_large", np.float32, (261, 258, 85)),
    ("fma_medium", np.float32, (131, 137, 85)),
    ("fma_small", np.float32, (133, 71, 85)),
    ("fma_double", np.float64, (130, 139, 43)),
    ("mma_large", np.float16, (258, 261, 200)),
    ("mma_large", bfloat16, (258, 261, 200)),
    ("mma_large", "tf32", (258, 261, 100)),
    ("mma_medium", np.float16, (131, 133, 264)),
    ("mma_medium", bfloat16, (131, 133, 264)),
    ("mma_medium", "tf32", (131, 133, 135)),
    ("mma_small", np.float16, (131, 69, 264)),
    ("mma_small", bfloat16, (131, 69, 264)),
    ("mma_small", "tf32", (131, 69, 135)),
]
THIN = [
    (kernel, dtype, shape)
    for kernel in ("thin_dot", "thin_stream")
    for dtype in (np.float32, np.float64, np.float16, bfloat16)
    for shape in ((1, 523, 700), (5, 523, 700), (523, 1, 700), (523, 8, 533))
]
LAYOUTS = ("rows", "columns", "gaps")


def test_no_kernel_is_left_out():
    assert {kernel for kernel, _, _ in (*TILES, *THIN)} == set(KERNELS)


OFFSET = {"rows": 0, "columns": 0, "gaps": 1}


@pytest.fixture(autouse=True)
def choices_put_back():
    before = _simt.schedule()
    yield
    _simt.force_matmul(-1)
    _simt.allow_tf32(False)
    _simt.set_schedule(before)


def force(kernel, slices=1, tf32=False):
    _simt.allow_tf32(tf32)
    _simt.force_matmul(KERNELS.index(kernel), slices)


def aligned(shape, dtype):
    """A C-ordered array at a multiple of 64 bytes, so that 16-byte accesses are the tested ones."""
    count = int(np.prod(shape))
    raw = np.empty(count * np.dtype(dtype).itemsize + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + count * np.dtype(dtype).itemsize].view(dtype).reshape(shape)


def laid_out(rng, shape, dtype, layout):
    """Normal numbers; rows or columns in aligned lines (their length padded to 8), or gaps on both axes."""
    rows, cols = shape
    pad = (-rows % 8, -cols % 8)
    if layout == "rows":
        view = aligned((rows, cols + pad[1]), dtype)[:, :cols]
    elif layout == "columns":
        view = aligned((cols, rows + pad[0]), dtype)[:, :rows].T
    else:
        view = aligned((2 * rows, 3 * cols), dtype)[::2, ::3]
    view[...] = rng.standard_normal(shape)
    return view


def to_tf32(x):
    """Rounded to 10 bits of mantissa, ties away from zero."""
    bits = np.ascontiguousarray(x).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def check(y, a, b, dtype, what=""):
    want = a.astype(np.float64) @ b.astype(np.float64)
    terms = np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64))
    eps = 2.0**-52 if y.dtype == np.float64 else 2.0**-23
    bound = BOUND.get(dtype, 0.0) * np.abs(want) + 8 * eps * terms + 1e-38
    bad = ~(np.abs(y.astype(np.float64) - want) <= bound)
    assert not bad.any(), f"{what}: {bad.sum()} of {bad.size} bad, first at {np.argwhere(bad)[0]}"


def product(a, b, dtype):
    y = aligned((a.shape[0], b.shape[1]), np.float32 if dtype == "tf32" else dtype)
    y[...] = np.nan
    _simt.matmul(y, a, b)
    return y


@pytest.mark.parametrize(
    "kernel, dtype, shape",
    [pytest.param(*t, id=f"{t[0]}-{t[1] if t[1] == 'tf32' else np.dtype(t[1]).name}") for t in TILES],
)
def test_every_tile_configuration(kernel, dtype, shape):
    m, n, k = shape
    tf32 = dtype == "tf32"
    storage = np.float32 if tf32 else dtype
    rng = np.random.default_rng(1)
    for layouts in (
        ("rows", "rows"),
        ("rows", "columns"),
        ("columns", "rows"),
        ("columns", "columns"),
        ("gaps", "gaps"),
    ):
        a, b = laid_out(rng, (m, k), storage, layouts[0]), laid_out(rng, (k, n), storage, layouts[1])
        exact = (to_tf32(a), to_tf32(b)) if tf32 else (a, b)
        force(kernel, 2, tf32)
        bits = set()
        for schedule in ("forward", "reverse", "random:1"):
            _simt.set_schedule(schedule)
            y = product(a, b, dtype)
            check(y, *exact, dtype, f"{layouts} in slices, {schedule}")
            bits.add(y.tobytes())
        assert len(bits) == 1, "the schedule changed the bits"
        _simt.set_schedule("starve:1")
        force(kernel, 1, tf32)
        check(product(a, b, dtype), *exact, dtype, f"{layouts} whole")


@pytest.mark.parametrize(
    "kernel, dtype, shape",
    [pytest.param(*t, id=f"{t[0]}-{np.dtype(t[1]).name}-{t[2][0]}x{t[2][1]}") for t in THIN],
)
def test_every_thin_configuration(kernel, dtype, shape):
    m, n, k = shape
    rng = np.random.default_rng(2)
    wide_layout = {("thin_dot", True): "columns", ("thin_dot", False): "rows"}.get(
        (kernel, m <= n), "rows" if m <= n else "columns"
    )
    for thin_layout, odd in itertools.product(LAYOUTS, (False, True)):
        lengths = (k, n) if m <= n else (m, k)
        wide = laid_out(rng, lengths, dtype, wide_layout)
        if odd:  # one element off the alignment: single elements
            shifted = np.empty(np.prod(lengths) + 1, dtype)[1:]
            shifted = shifted.reshape(lengths) if wide_layout == "rows" else shifted.reshape(lengths[::-1]).T
            shifted[...] = wide
            wide = shifted
        thin = laid_out(rng, (m, k) if m <= n else (k, n), dtype, thin_layout)
        a, b = (thin, wide) if m <= n else (wide, thin)
        for slices, schedule in ((1, "forward"), (3, "random:1")):
            force(kernel, slices)
            _simt.set_schedule(schedule)
            check(product(a, b, dtype), a, b, dtype, f"{thin_layout} {odd} {slices}")


EPILOGUES = [
    dict(bias=True, activation="relu"),
    dict(residual=True, alpha=0.5, beta=-2.0),
    dict(bias=True, residual=True, z=True, activation="gelu", beta=1.0),
    dict(activation="elu", slope=0.3, z=True),
]


@pytest.mark.parametrize("slices", [1, 2])
@pytest.mark.parametrize(
    "kernel, dtype",
    [
        ("fma_small", np.float32),
        ("fma_double", np.float64),
        ("mma_small", bfloat16),
        ("thin_dot", np.float32),
    ],
)
def test_epilogue_of_every_kind_of_kernel(kernel, dtype, slices):
    rng = np.random.default_rng(3)
    m, n, k = (4, 70, 520) if kernel == "thin_dot" else (70, 68, 200)
    for options, cols in itertools.product(EPILOGUES, (n, n - 1)):
        a, b = laid_out(rng, (m, k), dtype, "rows"), laid_out(rng, (k, cols), dtype, "columns")
        array = lambda *shape: laid_out(rng, shape, dtype, "rows")  # noqa: E731
        bias = array(1, cols)[0] if options.get("bias") else None
        residual = array(m, cols) if options.get("residual") else None
        y, z = array(m, cols), aligned((m, cols), dtype) if options.get("z") else None
        scalars = {key: options.get(key, default) for key, default in (("alpha", 1.0), ("beta", 0.0))}
        wide = lambda v: None if v is None else v.astype(np.float64)  # noqa: E731
        argument = reference.matmul(
            wide(a), wide(b), bias=wide(bias), residual=wide(residual), out=wide(y), **scalars
        )
        want = reference.activate(argument, options.get("activation"), options.get("slope"))
        force(kernel, slices)
        _simt.matmul(
            y, a, b, bias=bias, residual=residual, z=z, activation=options.get("activation"),
            slope=options.get("slope"), **scalars,
        )  # fmt: skip
        limit = (1e-12 if dtype == np.float64 else 2e-5) + BOUND[dtype] * np.abs(want)
        limit = limit * max(1, np.abs(want).max() / 8)
        assert (np.abs(wide(y) - want) <= limit).all(), (options, cols)
        if z is not None:
            assert (np.abs(wide(z) - argument) <= limit + BOUND[dtype] * np.abs(argument)).all(), options


def test_beta_zero_and_empty_sums_do_not_read_y():
    for kernel, dtype in (("fma_small", np.float32), ("mma_small", np.float16), ("thin_stream", np.float32)):
        force(kernel)
        for k in (0, 1, 3):
            m = 3 if kernel == "thin_stream" else 9
            y = np.full((m, 20), np.nan, dtype)
            _simt.matmul(y, np.ones((m, k), dtype), np.ones((k, 20), dtype), bias=np.ones(20, dtype))
            assert (y == k + 1).all()


def test_batches_broadcast_and_outnumber_a_grid():
    rng = np.random.default_rng(4)
    a = rng.standard_normal((3, 1, 20, 33)).astype(np.float32)
    b = rng.standard_normal((4, 33, 17)).astype(np.float32)
    y = np.empty((3, 4, 20, 17), np.float32)
    for slices in (1, 2):
        force("fma_small", slices)
        _simt.matmul(y, a, b)
        np.testing.assert_allclose(y, a.astype(np.float64) @ b, rtol=2e-5, atol=2e-5)
    many = rng.standard_normal((8200, 1, 1)).astype(np.float32)
    y = np.empty_like(many)
    force("thin_dot")
    _simt.matmul(y, many, many)
    np.testing.assert_array_equal(y, many * many)


def test_what_is_not_there_is_not_read_nor_written():
    """NaN around the inputs, a mark around the result."""
    rng = np.random.default_rng(5)
    for kernel, dtype in (
        ("fma_medium", np.float32),
        ("mma_small", np.float16),
        ("mma_small", bfloat16),
        ("fma_double", np.float64),
    ):
        force(kernel)
        for transposed in (False, True):
            around_a, around_b = np.full((90, 96), np.nan, dtype), np.full((96, 90), np.nan, dtype)
            a, b = around_a[8:79, 8:83], around_b[8:83, 8:77]
            a[...], b[...] = rng.standard_normal(a.shape), rng.standard_normal(b.shape)
            x, w = (b.T, a.T) if transposed else (a, b)
            around_y = np.full((99, 99), 7, dtype)
            y = around_y[10 : 10 + x.shape[0], 9 : 9 + w.shape[1]]
            _simt.matmul(y, x, w)
            check(y, x, w, dtype, kernel)
            y[...] = 7
            assert (around_y == 7).all()


def test_tf32_is_rounded_to_nearest_and_asked_for():
    rng = np.random.default_rng(6)
    a, b = (rng.standard_normal((64, 64)).astype(np.float32) for _ in range(2))
    exact = product(a, b, np.float32)
    check(exact, a, b, np.float32)
    _simt.allow_tf32(True)
    rounded = product(a, b, "tf32")
    check(rounded, to_tf32(a), to_tf32(b), "tf32")
    assert 1e-5 < np.abs(rounded - exact).max() < 0.05


def test_the_chip_is_filled():
    """132 multiprocessors: small products are cut until most have a block, large ones are not cut."""
    sizes = {
        "fma_large": (128, 128),
        "fma_medium": (64, 64),
        "fma_small": (64, 32),
        "mma_large": (128, 128),
        "mma_medium": (64, 64),
        "mma_small": (64, 32),
    }
    for bits in (32, 16):
        for m in (256, 512, 1024):
            kernel, slices = _simt.plan_matmul(m, m, m, bits=bits)
            rows, cols = sizes[kernel]
            blocks = -(-m // rows) * -(-m // cols) * slices
            assert blocks >= (120 if m > 256 else 32), (bits, m, kernel, slices)
        for m in (4096, 8192):
            assert _simt.plan_matmul(m, m, m, bits=bits) == (f"{'fma' if bits == 32 else 'mma'}_large", 1)
    kernel, slices = _simt.plan_matmul(64, 64, 100000)
    assert slices >= 8


def test_same_bits_for_the_plan_whatever_the_threads():
    from tilewright import _cpu

    rng = np.random.default_rng(7)
    a, b = (
        rng.standard_normal((70, 3000)).astype(np.float32),
        rng.standard_normal((3000, 40)).astype(np.float32),
    )
    bits = set()
    for threads in (1, 2):
        _cpu.set_num_threads(threads)
        bits.add(product(a, b, np.float32).tobytes())
    assert len(bits) == 1 and _simt.plan_matmul(70, 40, 3000)[1] > 1
