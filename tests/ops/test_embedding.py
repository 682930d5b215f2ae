# SPDX-License-Identifier: Apache-2.0
"""Embedding: cases for the catalogue, strides, ids out of range, the order of additions, PyTorch."""

import numpy as np
import pytest

import tilewright as tw
from ops.harness import SIZES, Bad, Case, compare
from tilewright import _cpu, ops
from tilewright.reference import embedding as reference


def table(*shape):
    return np.ones(shape, np.float32)


def inputs(rng):
    return rng.standard_normal((9, 5)), rng.integers(0, 9, (3, 4))


def backward_inputs(rng):
    return rng.standard_normal((3, 4, 5)), rng.integers(0, 9, (3, 4)), (9, 5)


BAD = [
    Bad(
        lambda: (table(3, 2), np.array([[0, 1], [2, 3]])),
        ValueError,
        "[embedding] ids has value 3 at (3,), expected 0 to 2",
    ),
    Bad(
        lambda: (table(3, 2), np.array([-1])),
        ValueError,
        "[embedding] ids has value -1 at (0,), expected 0 to 2",
    ),
    Bad(lambda: (table(3, 2), np.array([0.0])), TypeError, "ids has dtype float64, expected int32 or int64"),
    Bad(lambda: (table(3), np.array([0])), ValueError, "table has shape (3,), expected 2 dimensions"),
    Bad(lambda: (table(0, 2), np.array([0])), ValueError, "nothing to index"),
    Bad(
        lambda: (table(3, 2), np.array([0])),
        ValueError,
        "out has shape (2,), expected (1, 2)",
        {"out": table(2)},
    ),
]
BAD_BACKWARD = [
    Bad(
        lambda: (table(1, 2), np.array([5]), (3, 2)),
        ValueError,
        "[embedding_backward] ids has value 5 at (0,)",
    ),
    Bad(lambda: (table(2, 2), np.array([1]), (3, 2)), ValueError, "dy has shape (2, 2), expected (1, 2)"),
]

CASES = [
    Case(
        "embedding",
        "embedding",
        ["embedding_gather"],
        ops.embedding,
        reference.embedding,
        inputs,
        differentiable=[0],
        second_order=True,
        bad=BAD,
    ),
    Case(
        "embedding_backward",
        "embedding",
        ["embedding_scatter_add"],
        ops.embedding_backward,
        reference.embedding_backward,
        backward_inputs,
        differentiable=[0],
        second_order=True,
        bad=BAD_BACKWARD,
    ),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_size(dtype, isa):
    rng = np.random.default_rng(1)
    for n in SIZES:
        rows, ids = rng.standard_normal((7, n)).astype(dtype), rng.integers(0, 7, n).astype(np.int32)
        assert (ops.embedding(rows, ids) == rows[ids]).all()
        dy = rng.standard_normal((n, n)).astype(dtype)
        compare(
            ops.embedding_backward(dy, ids, (7, n)),
            reference.embedding_backward(dy.astype(np.float64), ids, (7, n)),
            "embedding",
            dtype,
            f"size {n}",
        )


def test_tables_and_ids_of_any_strides():
    wide = np.random.default_rng(2).standard_normal((12, 10)).astype(np.float32)
    ids = np.array([[3, 0, 1], [2, 2, 0]])
    for rows in (
        wide[::2],
        wide[::-1],
        wide[:, ::2],
        wide[:, ::-1],
        wide.T,
        np.broadcast_to(wide[0], (5, 10)),
    ):
        for i in (ids, ids.T, ids[:, ::-1], np.broadcast_to(ids[0], (4, 3))):
            assert (ops.embedding(rows, i) == rows[i]).all()


def test_additions_keep_the_order_of_ids_for_any_thread_count(isa):
    rng = np.random.default_rng(3)
    ids, dy = rng.integers(0, 50, 3000), rng.standard_normal((3000, 300)).astype(np.float32)
    want = np.zeros((50, 300), np.float32)
    for row, i in zip(dy, ids, strict=True):
        want[i] += row
    for threads in (1, 2, 3):
        _cpu.set_num_threads(threads)
        assert (ops.embedding_backward(dy, ids, (50, 300)) == want).all()


def test_large_ids_are_named_by_the_first():
    ids = np.zeros(100_000, np.int64)
    ids[[40_000, 90_000]] = 77
    with pytest.raises(ValueError, match=r"ids has value 77 at \(40000,\)"):
        ops.embedding(table(5, 3), ids)


@pytest.mark.parametrize("id_dtype", [np.int32, np.int64])
def test_rows_of_every_number_of_bytes(id_dtype, isa):
    rng = np.random.default_rng(5)
    for width in (*range(1, 70), 127, 128, 129, 191, 192, 193, 1000):
        rows = rng.integers(0, 256, (11, width)).astype(np.uint8)
        ids = rng.integers(0, 11, 23).astype(id_dtype)
        space = np.full((25, width), 7, np.uint8)
        ops.embedding(rows, ids, out=space[1:24])
        assert (space[1:24] == rows[ids]).all() and (space[[0, 24]] == 7).all(), f"{width} bytes"


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.float16, np.int32, np.float32, np.int64, np.float64])
def test_short_rows_of_every_dtype(dtype, isa):
    rng = np.random.default_rng(6)
    for width in range(1, 18):
        rows = rng.integers(0, 2 if dtype is np.bool_ else 100, (300, 2 * width)).astype(dtype)
        for ids in (
            rng.integers(0, 300, 1000),
            rng.integers(0, 300, 1000)[::-3],
            rng.integers(0, 300, (4, 5, 3)),
        ):
            assert (ops.embedding(rows[:, :width].copy(), ids) == rows[:, :width][ids]).all()
            assert (ops.embedding(rows[:, :width], ids) == rows[:, :width][ids]).all()  # rows apart
            assert (ops.take(rows[:, :width], ids - 150, axis=0) == rows[:, :width][ids - 150]).all()


@pytest.mark.parametrize("width", [1, 3, 16, 17, 100, 1100])
def test_tables_beyond_the_caches(width, isa):
    rng = np.random.default_rng(7)
    rows = rng.standard_normal(((1 << 20) // width, width)).astype(np.float32)
    ids = rng.integers(0, len(rows), 3000)
    for threads in (1, 3):
        _cpu.set_num_threads(threads)
        assert (ops.embedding(rows, ids) == rows[ids]).all()
        want = np.zeros_like(rows)
        np.add.at(want, ids, rows[ids])
        assert (ops.embedding_backward(rows[ids], ids, rows.shape) == want).all()


@pytest.mark.parametrize("width", range(1, 18))
def test_short_rows_are_added_in_order(width, isa):
    rng = np.random.default_rng(8)
    for dtype in (np.float32, np.float64):
        ids, dy = rng.integers(0, 4, 500), rng.standard_normal((500, width)).astype(dtype)
        want = np.zeros((4, width), dtype)
        np.add.at(want, ids, dy)
        assert (ops.embedding_backward(dy, ids, (4, width)) == want).all()


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_a_bad_id_anywhere_writes_nothing(dtype):
    lowest, highest = np.iinfo(dtype).min, np.iinfo(dtype).max
    for n in (1, 2, 17, 20_000):
        for at in {0, n // 2, n - 1}:
            for bad in (-1, 5, lowest, highest):
                ids, out = np.ones(n, dtype), np.full((n, 3), 7, np.float32)
                ids[at] = bad
                for given in (ids, np.repeat(ids, 2)[::2]):
                    with pytest.raises(
                        ValueError, match=rf"ids has value {bad} at \({at},\), expected 0 to 4"
                    ):
                        ops.embedding(table(5, 3), given, out=out)
                assert (out == 7).all()


def test_ids_of_two_axes_reach_the_back_end_as_they_are():
    rows, ids = np.arange(12, dtype=np.float32).reshape(4, 3), np.array([[0, 3], [1, 1]])
    y = np.zeros((2, 2, 3), np.float32)
    _cpu.embedding_gather(y, rows, ids)
    assert (y == rows[ids]).all()
    for shape in ((2, 3), (4, 3), (2, 1, 3), (2, 2, 2)):
        with pytest.raises(ValueError, match="expected"):
            _cpu.embedding_gather(np.zeros(shape, np.float32), rows, ids)
    with pytest.raises(ValueError, match=r"ids has value 4 at \(3,\)"):
        _cpu.embedding_gather(y, rows, ids + np.array([[0, 0], [0, 3]]))


def test_agrees_with_pytorch():
    torch = pytest.importorskip("torch", reason="torch is a judge, not a dependency")
    rows, ids = inputs(np.random.default_rng(4))
    t, v = torch.from_numpy(rows).requires_grad_(), tw.Tensor(rows)
    with tw.GradientTape() as tape:
        tape.watch(v)
        y = ops.embedding(v, ids)
    z = torch.nn.functional.embedding(torch.from_numpy(ids), t)
    compare(y.numpy(), z.detach().numpy(), "embedding", np.float64)
    (g,) = torch.autograd.grad((z * z).sum(), t)
    compare(
        tape.gradient(y, v, output_gradients=tw.Tensor(2 * rows[ids])).numpy(),
        g.numpy(),
        "embedding",
        np.float64,
    )
