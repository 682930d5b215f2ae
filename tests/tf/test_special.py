# SPDX-License-Identifier: Apache-2.0
"""Functions from rational approximations: to the last digits against NumPy and SciPy, and at the ends."""

import numpy as np
import pytest

import tilewright as tf
from tilewright.tf import special

scipy_special = pytest.importorskip("scipy.special", reason="SciPy judges the error functions")

WIDE = np.concatenate([np.random.default_rng(0).standard_normal(2000) * 4, np.geomspace(1e-300, 1e300, 400)])
ENDS = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan])
INSIDE = np.concatenate(
    [np.random.default_rng(1).uniform(-1, 1, 2000), 1 - np.geomspace(1e-12, 0.5, 100), [1, -1]]
)
# Function, its judge in float64, arguments, and how many roundings it may be off in float64 and float32: the
# square in erfc's exponent and the slope of erfinv near 1 stretch rounding.
CASES = [
    ("atan", np.arctan, WIDE, 2, 4),
    ("asin", np.arcsin, INSIDE, 3, 6),
    ("acos", np.arccos, INSIDE, 3, 6),
    ("erfc", scipy_special.erfc, np.clip(WIDE, -9, 9), 8, 64),
    ("erfinv", scipy_special.erfinv, INSIDE, 8, 32),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c[0])
def test_digits(case, dtype):
    name, judge, x, wide, narrow = case
    with np.errstate(all="ignore"):
        x = x.astype(dtype)
        want = judge(x.astype(np.float64)).astype(dtype)
    got = getattr(special, name)(x)
    assert got.dtype == dtype
    roundings = wide if dtype == "float64" else narrow
    np.testing.assert_allclose(
        got.numpy(), want, rtol=roundings * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny
    )


def test_the_quadrants_of_atan2():
    y, x = np.meshgrid(ENDS, ENDS)
    got, want = tf.atan2(y, x).numpy(), np.arctan2(y, x)
    np.testing.assert_array_equal(got, want)
    known = ~np.isnan(want)
    np.testing.assert_array_equal(np.signbit(got)[known], np.signbit(want)[known])


def test_beyond_the_ends():
    beyond = np.array([1.5, -2.0, np.nan])
    for name in ("asin", "acos", "erfinv"):
        assert np.isnan(getattr(special, name)(beyond).numpy()).all()
    np.testing.assert_array_equal(special.erfinv(np.array([1.0, -1.0])).numpy(), [np.inf, -np.inf])
    np.testing.assert_array_equal(special.erfc(np.array([np.inf, -np.inf])).numpy(), [0, 2])


@pytest.mark.parametrize("name", special.__all__)
def test_gradients_differentiate_again(name):
    x = tf.constant([0.3, -0.6], tf.float64)
    more = (tf.constant([0.5, 2.0], tf.float64),) if name == "atan2" else ()

    def slope(at):
        with tf.GradientTape() as tape:
            tape.watch(at)
            y = getattr(special, name)(at, *more)
        return tape.gradient(y, at)

    with tf.GradientTape() as tape:
        tape.watch(x)
        first = slope(x)
    second = tape.gradient(first, x).numpy()
    step = 1e-5
    want = (slope(x + step).numpy() - slope(x - step).numpy()) / (2 * step)
    np.testing.assert_allclose(second, want, rtol=1e-8)
