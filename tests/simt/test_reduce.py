# SPDX-License-Identifier: Apache-2.0
"""The reduce kernels on the emulator: the operation tests of tests/ops, and the cuts only large arrays take."""

import numpy as np
import pytest

from ops.test_reduce import (  # noqa: F401
    test_any_axes_of_any_strides,
    test_every_size_by_rows_and_by_columns,
    test_float32_squares_and_products_have_the_range_of_float64,
    test_infinities_in_logsumexp,
    test_integers_and_bool_as_numpy,
    test_nan_reaches_every_reduction,
    test_nothing_reduces_to_the_identity,
    test_out_is_written_and_must_not_overlap,
    test_scans_of_any_strides,
)
from tilewright import _simt, ops
from tilewright.reference import reduce as reference

from .conftest import SCHEDULES

pytestmark = pytest.mark.usefixtures("on_simt")


@pytest.mark.parametrize("shape", [(1, 40_000), (3, 9_001), (40_001, 1), (9_000, 12), (33_000, 3), (2, 3000, 5)])
def test_slices_of_long_reductions(shape):
    """Few outputs: the elements of each go to several blocks, by rows and by columns."""
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    for axis in (0, 1, None):
        for name in ("sum", "max", "logsumexp", "var"):
            got = getattr(ops, name)(x, axis=axis)
            want = np.asarray(getattr(reference, name)(x.astype(np.float64), axis=axis))
            assert np.allclose(got, want, rtol=1e-5, atol=1e-4), (name, axis)
        for name in ("argmax", "argmin"):
            assert np.array_equal(getattr(ops, name)(x, axis=axis), getattr(x, name)(axis)), (name, axis)


@pytest.mark.parametrize("shape", [(20_000,), (3, 17_001), (17_001, 2), (70, 300), (300, 130), (2, 65, 90)])
def test_running_sums_over_chunks_and_slices(shape):
    x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
    for axis in range(x.ndim):
        for exclusive, reverse in ((False, False), (True, True)):
            got = ops.cumsum(x, axis=axis, exclusive=exclusive, reverse=reverse)
            want = reference.cumsum(x.astype(np.float64), axis=axis, exclusive=exclusive, reverse=reverse)
            assert np.allclose(got, want, rtol=1e-5, atol=1e-4), axis


@pytest.mark.parametrize("cols, k", [(3000, 5), (3000, 64), (130, 65), (2500, 1024), (2500, 2500), (1025, 1025)])
def test_the_largest_of_long_rows(cols, k):
    rng = np.random.default_rng(3)
    for x in (rng.standard_normal((2, cols)), rng.integers(-9, 9, (2, cols)), np.full((2, cols), -np.inf)):
        for dtype in (np.float32, np.int64):
            if dtype == np.int64 and not np.isfinite(x).all():
                continue
            for got, want in zip(ops.top_k(x.astype(dtype), k), reference.top_k(x.astype(dtype), k), strict=True):
                assert np.array_equal(got, want)


def test_the_norm_of_a_long_list():
    """More arrays than one table holds, of mixed sizes, strides and dtypes."""
    rng = np.random.default_rng(4)
    arrays = [rng.standard_normal(n % 37).astype(np.float32) for n in range(300)]
    arrays += [rng.standard_normal(9001), rng.standard_normal((30, 40)).T, rng.standard_normal(50)[::-2]]
    y = np.empty((), np.float32)
    _simt.global_norm(y, arrays)
    assert np.isclose(y, np.sqrt(sum((a.astype(np.float64) ** 2).sum() for a in arrays)), rtol=1e-6)


def test_every_schedule_gives_the_same_bits():
    x = np.random.default_rng(5).standard_normal((3, 9_001)).astype(np.float32)
    bits = set()
    for schedule in SCHEDULES:
        _simt.set_schedule(schedule)
        results = [ops.sum(x, axis=1), ops.var(x, axis=1), ops.cumsum(x, axis=1), *ops.top_k(x, 70)]
        bits.add(b"".join(np.asarray(y).tobytes() for y in results))
    assert len(bits) == 1
