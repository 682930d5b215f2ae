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
