# SPDX-License-Identifier: Apache-2.0
"""The random kernels on the emulator: the operation tests of tests/ops, and the CPU's own draws."""

import numpy as np
import pytest
from ops.test_random import (  # noqa: F401
    test_a_later_offset_continues_the_stream,
    test_bernoulli_dtypes_and_certainty,
    test_kernel_draws_the_words_of_the_reference,
    test_normals_follow_the_reference,
    test_out_may_be_strided,
)

from tilewright import _cpu, _simt

pytestmark = pytest.mark.usefixtures("on_simt")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 4, 7, 1023])
def test_draws_are_the_cpus(n, dtype):
    """Uniform numbers and coins bit for bit, normals to the last digits of sine and logarithm."""
    key = np.array([-7, 2**32 - 2])
    for start in (0, 1):  # aligned, and not
        ours, theirs = np.empty((2, n + start), dtype)[:, start:]
        _simt.random_uniform(ours, key, 0.0, 1.0)
        _cpu.random_uniform(theirs, key, 0.0, 1.0)
        assert ours.tobytes() == theirs.tobytes()
        _simt.random_bernoulli(ours, key, 0.3)
        _cpu.random_bernoulli(theirs, key, 0.3)
        assert ours.tobytes() == theirs.tobytes()
        for name in ("random_normal", "random_truncated_normal"):
            getattr(_simt, name)(ours, key, 1.0, 2.0)
            getattr(_cpu, name)(theirs, key, 1.0, 2.0)
            assert np.allclose(ours, theirs, rtol=1e-5, atol=2e-5)


def test_uniform_never_reaches_the_upper_end():
    y = np.empty(1 << 14, np.float32)
    _simt.random_uniform(y, np.array([1, 2]), 1.0, 1.0 + 2.0**-22)
    assert y.min() >= 1 and y.max() < np.float32(1 + 2.0**-22)
