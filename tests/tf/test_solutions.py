# SPDX-License-Identifier: Apache-2.0
"""tf.linalg's factorizations, inverses and solutions: values and gradients against PyTorch."""

import numpy as np
import pytest

import tilewright as tf
from tf.judge import Case, check, floats

torch = pytest.importorskip("torch", reason="PyTorch is the judge of values and gradients")

TALL, WIDE, RIGHT = floats(2, 5, 3), floats(2, 3, 5), floats(2, 3, 2, seed=1)
SQUARE = floats(2, 3, 3) + 3 * np.eye(3, dtype=np.float32)
POSITIVE = SQUARE @ SQUARE.swapaxes(1, 2)


def signless(*matrices):
    """What is the same for all signs of the columns: the sizes of the entries."""
    return [abs(m) for m in matrices]


def symmetric(x):
    return (x + x.transpose(-1, -2)) / 2


def lower_twice(x):
    lower = x.tril()
    return lower @ lower.transpose(-1, -2)


def tf_symmetric(x):
    return (x + tf.linalg.matrix_transpose(x)) / 2


L = torch.linalg
CASES = [
    Case(
        "cholesky",
        lambda x: tf.linalg.cholesky(tf_symmetric(x)),
        lambda x: L.cholesky(symmetric(x)),
        (POSITIVE,),
    ),
    Case(
        "logdet",
        lambda x: tf.linalg.logdet(tf_symmetric(x)),
        lambda x: torch.logdet(symmetric(x)),
        (POSITIVE,),
    ),
    Case(
        "cholesky_solve",
        tf.linalg.cholesky_solve,
        lambda x, b: L.solve(lower_twice(x), b),
        (SQUARE, RIGHT),
        tolerance=2e-4,
    ),
    Case("det", tf.linalg.det, L.det, (SQUARE,)),
    Case("slogdet", lambda x: list(tf.linalg.slogdet(x)), lambda x: list(L.slogdet(x)), (SQUARE,)),
    Case("inv", tf.linalg.inv, L.inv, (SQUARE,)),
    Case("inv_adjoint", lambda x: tf.linalg.inv(x, adjoint=True), lambda x: L.inv(x).mT, (SQUARE,)),
    Case("pinv", tf.linalg.pinv, L.pinv, (TALL,), tolerance=2e-4),
    Case("solve", tf.linalg.solve, L.solve, (SQUARE, RIGHT)),
    Case(
        "solve_adjoint",
        lambda a, b: tf.linalg.solve(a, b, adjoint=True),
        lambda a, b: L.solve(a.mT, b),
        (SQUARE, RIGHT),
    ),
    Case("triangular", tf.linalg.triangular_solve, lambda a, b: L.solve(a.tril(), b), (SQUARE, RIGHT)),
    Case(
        "triangular_upper",
        lambda a, b: tf.linalg.triangular_solve(a, b, lower=False, adjoint=True),
        lambda a, b: L.solve(a.triu().mT, b),
        (SQUARE, RIGHT),
    ),
    Case("qr", lambda x: signless(*tf.linalg.qr(x)), lambda x: signless(*L.qr(x)), (TALL,), tolerance=2e-4),
    Case(
        "svd",
        lambda x: [tf.linalg.svd(x)[0], *signless(*tf.linalg.svd(x)[1:])],
        lambda x: [L.svd(x, False)[1], *signless(L.svd(x, False)[0], L.svd(x, False)[2].mT)],
        (WIDE,),
        tolerance=5e-4,
    ),
    Case(
        "eigh",
        lambda x: [tf.linalg.eigvalsh(tf_symmetric(x)), *signless(tf.linalg.eigh(tf_symmetric(x))[1])],
        lambda x: [L.eigvalsh(symmetric(x)), *signless(L.eigh(symmetric(x))[1])],
        (SQUARE,),
        tolerance=5e-4,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_value_and_gradients(case):
    check(case)


@pytest.mark.parametrize("shape", [(2, 5, 3), (2, 3, 5)])
@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_least_squares(shape, weight):
    a, b = floats(*shape), floats(2, shape[1], 2, seed=2)
    got = tf.linalg.lstsq(a, b, l2_regularizer=weight).numpy()
    wide = a.astype(np.float64)
    more = np.sqrt(weight) * np.broadcast_to(np.eye(shape[2]), (2, shape[2], shape[2]))
    left, right = np.concatenate([wide, more], 1), np.concatenate([b, np.zeros((2, shape[2], 2))], 1)
    for i in range(2):
        np.testing.assert_allclose(got[i], np.linalg.lstsq(left[i], right[i])[0], rtol=1e-4, atol=1e-4)
    if not weight:
        np.testing.assert_allclose(tf.linalg.lstsq(a, b, fast=False).numpy(), got, rtol=1e-3, atol=1e-4)


def test_the_normal_equation_of_a_textbook():
    x = np.c_[np.ones(50), floats(50, 2)].astype(np.float32)
    y = x @ np.array([[4.0], [3.0], [-2.0]], np.float32)
    x_t = tf.transpose(tf.constant(x))
    theta = tf.matmul(tf.matmul(tf.linalg.inv(tf.matmul(x_t, x)), x_t), y)
    np.testing.assert_allclose(theta.numpy(), [[4.0], [3.0], [-2.0]], rtol=1e-4)


def test_ranks_and_refusals():
    assert tf.linalg.matrix_rank(np.outer([1.0, 2.0], [3.0, 4.0])).numpy() == 1
    with pytest.raises(ValueError, match=r"\[inv\] x is singular"):
        tf.linalg.inv(np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"\[cholesky\] x is not positive definite"):
        tf.linalg.cholesky(-np.eye(2))
    with pytest.raises(ValueError, match=r"\[det\] x has shape \(2, 3\), expected square matrices"):
        tf.linalg.det(np.ones((2, 3)))
