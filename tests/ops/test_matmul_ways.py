# SPDX-License-Identifier: Apache-2.0
"""matmul: the ways that products of unusual proportions take, each at its edges."""

import itertools

import numpy as np
import pytest

from ops.harness import compare
from tilewright import _cpu, ops
from tilewright.reference import matmul as reference

# (m, n, k) for each way through the driver and the kernels.
WAYS = {
    "sums of no term": [(9, 50, 0), (70, 3, 0)],
    "sums of up to four terms, row by row": [(47, 131, 1), (5, 200, 2), (17, 101, 3), (131, 53, 4)],
    "short sums, row by row": [(37, 211, 7), (64, 50, 13), (33, 307, 31)],
    "short dot products": [(61, 1, 2), (1, 83, 6), (59, 2, 7), (2, 61, 5), (1, 1, 1)],
    "dot products": [(37, 3, 64), (3, 71, 46), (20, 6, 226), (130, 1, 33), (1, 131, 17), (8, 45, 65)],
    "turned, few columns": [(28, 1, 343), (31, 3, 280), (12, 5, 558), (97, 7, 17), (131, 8, 5), (90, 2, 1)],
    "as many rows as columns": [(16, 16, 40), (32, 32, 70), (7, 7, 130), (8, 8, 20)],
    "turned, large transposed b": [(16, 67, 40), (31, 97, 64), (32, 211, 70), (64, 113, 131)],
    "streamed": [(14, 165, 323), (30, 182, 120), (4, 605, 118), (33, 531, 97), (64, 1031, 70), (9, 1024, 40)],
    "streamed in slices": [(11, 61, 3001), (40, 120, 2100)],
}
SHAPES = [shape for shapes in WAYS.values() for shape in shapes]


def laid_out(rng, shape, dtype, layout):
    """A matrix in C order, transposed in memory, backwards in both directions, or with gaps."""
    rows, cols = shape
    if layout == "n":
        return rng.standard_normal((rows, cols)).astype(dtype)
    if layout == "t":
        return rng.standard_normal((cols, rows)).astype(dtype).T
    if layout == "backwards":
        return rng.standard_normal((rows, cols)).astype(dtype)[::-1, ::-1]
    if layout == "rows backwards":
        return rng.standard_normal((cols, rows)).astype(dtype).T[::-1]
    return rng.standard_normal((rows, 2 * cols + 3)).astype(dtype)[:, 1:-2:2]


LAYOUTS = [
    *itertools.product("nt", "nt"),
    ("rows backwards", "n"),
    ("t", "backwards"),
    ("gaps", "rows backwards"),
]


@pytest.mark.parametrize("layouts", LAYOUTS, ids="-".join)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_way_in_every_layout(dtype, layouts, isa):
    rng = np.random.default_rng(1)
    for m, n, k in SHAPES:
        a, b = laid_out(rng, (m, k), dtype, layouts[0]), laid_out(rng, (k, n), dtype, layouts[1])
        wide = np.full((m + 2, n + 3), np.nan, dtype)
        ops.matmul(a, b, out=wide[1:-1, 2:-1])
        compare(wide[1:-1, 2:-1], a.astype(np.float64) @ b, "matmul", dtype, f"{(m, n, k)}")
        wide[1:-1, 2:-1] = np.nan
        assert np.isnan(wide).all(), f"{(m, n, k)}: written outside out"


@pytest.mark.parametrize("layouts", ["nn", "nt", "tn", "tt"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scaling_and_epilogue_on_every_way(dtype, layouts, isa):
    rng = np.random.default_rng(2)
    for m, n, k in SHAPES:
        a, b = laid_out(rng, (m, k), dtype, layouts[0]), laid_out(rng, (k, n), dtype, layouts[1])
        bias, residual, out = (rng.standard_normal(s).astype(dtype) for s in (n, (m, n), (m, n)))
        options = {"alpha": 0.7, "beta": -1.5, "bias": bias, "residual": residual, "activation": "elu"}
        exact = {key: v.astype(np.float64) if isinstance(v, np.ndarray) else v for key, v in options.items()}
        want = reference.matmul(
            a.astype(np.float64), b.astype(np.float64), out=out.astype(np.float64), **exact
        )
        compare(ops.matmul(a, b, out=out, **options), want, "matmul", dtype, f"{(m, n, k)}")
        only_bias = ops.matmul(a, b, bias=bias)
        compare(only_bias, a.astype(np.float64) @ b + bias, "matmul", dtype, f"{(m, n, k)} with a bias")


@pytest.mark.parametrize("layouts", ["nn", "nt", "tn", "tt"])
def test_same_bits_for_any_thread_count(layouts, isa):
    rng = np.random.default_rng(3)
    for m, n, k in SHAPES:
        a, b = laid_out(rng, (m, k), np.float32, layouts[0]), laid_out(rng, (k, n), np.float32, layouts[1])
        bits = []
        for threads in (1, 2, 3):
            _cpu.set_num_threads(threads)
            bits.append(ops.matmul(a, b).tobytes())
        assert bits[0] == bits[1] == bits[2], f"{(m, n, k)}"


@pytest.mark.parametrize("layouts", ["nn", "nt", "tn", "tt"])
def test_nothing_outside_the_inputs_is_read(layouts, isa):
    """NaN all around the inputs: a lane read past an edge would show."""
    rng = np.random.default_rng(4)
    for m, n, k in SHAPES:
        inside = []
        for layout, shape in zip(layouts, ((m, k), (k, n)), strict=True):
            rows, cols = shape if layout == "n" else shape[::-1]
            wide = np.full((rows + 2, cols + 32), np.nan, np.float32)
            wide[1:-1, 16:-16] = rng.standard_normal((rows, cols))
            inside.append(wide[1:-1, 16:-16] if layout == "n" else wide[1:-1, 16:-16].T)
        a, b = inside
        compare(ops.matmul(a, b), a.astype(np.float64) @ b, "matmul", what=f"{(m, n, k)}")


@pytest.mark.parametrize("layouts", ["nn", "nt", "tn", "tt"])
def test_batches_that_broadcast(layouts, isa):
    rng = np.random.default_rng(5)
    for m, n, k in [
        (28, 1, 34),
        (12, 5, 55),
        (47, 131, 2),
        (32, 65, 70),
        (3, 71, 46),
        (6, 2, 1),
        (5, 300, 70),
    ]:
        a = np.stack([laid_out(rng, (m, k), np.float32, layouts[0]) for _ in range(3)])
        b = np.stack([laid_out(rng, (k, n), np.float32, layouts[1]) for _ in range(2)])
        if layouts[0] == "t":
            a = np.ascontiguousarray(a.swapaxes(1, 2)).swapaxes(1, 2)
        if layouts[1] == "t":
            b = np.ascontiguousarray(b.swapaxes(1, 2)).swapaxes(1, 2)
        for x, y in ((a[:, None], b), (a[:2], b), (a, b[:1]), (a[:1], b)):
            compare(ops.matmul(x, y), x.astype(np.float64) @ y, "matmul", what=f"{(m, n, k)}")


@pytest.mark.parametrize("rows", [2053, 2048])
def test_a_result_larger_than_the_caches(rows, isa):
    """Written past the caches where its rows begin on cache lines, and usual stores where they do not."""
    rng = np.random.default_rng(6)
    a, bias = (
        rng.standard_normal((33, rows)).astype(np.float32).T,
        rng.standard_normal(1043).astype(np.float32),
    )
    for n in (1040, 1043):
        b = rng.standard_normal((33, n)).astype(np.float32)
        want = a[::17].astype(np.float64) @ b
        compare(ops.matmul(a, b)[::17], want, "matmul", what=f"{n} columns")
        compare(ops.matmul(a, b, bias=bias[:n])[::17], want + bias[:n], "matmul", what=f"{n} columns, bias")
