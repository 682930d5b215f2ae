# SPDX-License-Identifier: Apache-2.0
"""The optimizer kernels on the emulator: the tests of tests/ops, long lists, misaligned arrays."""

import numpy as np
import pytest
from ops.test_optimizer import (  # noqa: F401
    test_adam_agrees_with_pytorch_over_20_steps,
    test_empty_lists_do_nothing,
    test_nan_gradients_stay_visible,
    test_rates_may_be_arrays_that_change_later,
    test_rmsprop_agrees_with_pytorch_over_20_steps,
    test_sgd_agrees_with_pytorch_over_20_steps,
)

from tilewright import _simt, backend, ops

from .conftest import SCHEDULES

pytestmark = pytest.mark.usefixtures("on_simt")


def lists(seed, sizes, count):
    rng = np.random.default_rng(seed)
    return [[rng.standard_normal(n + 1).astype(np.float32)[n % 2 :][:n] for n in sizes] for _ in range(count)]


@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.5}, {"global_clip_norm": 2.0}, {"clip_value": 0.1}])
def test_lists_longer_than_a_table_and_arrays_longer_than_a_chunk(clip):
    """Empty arrays, tails, misaligned starts, more arrays than a launch takes: as the CPU, any schedule."""
    sizes = [0, 1, 3, 4096, 4097, 9001, *(n % 23 for n in range(120))]
    params, grads, m, v = lists(1, sizes, 4)
    v = [np.abs(a) for a in v]
    step, rate = np.array([3]), np.array([0.01], np.float32)
    results = []
    for schedule in ("cpu", *SCHEDULES):
        copies = [[a.copy() for a in arrays] for arrays in (params, m, v)]
        backend.set_device("cpu" if schedule == "cpu" else "simt")
        if schedule != "cpu":
            _simt.set_schedule(schedule)
        ops.adam_update(copies[0], grads, copies[1], copies[2], step=step, learning_rate=rate, **clip)
        results.append(np.concatenate([a for arrays in copies for a in arrays]))
    np.testing.assert_allclose(results[1], results[0], rtol=2e-5, atol=1e-6)
    assert all(r.tobytes() == results[1].tobytes() for r in results[1:])
