# SPDX-License-Identifier: Apache-2.0
"""The norm kernels on the emulator: the operation tests of tests/ops, and every way a row is held."""

import numpy as np
import pytest
from ops.harness import compare
from ops.test_norm_values import (  # noqa: F401
    test_a_constant_row_gives_beta,
    test_a_large_mean_costs_no_digits,
    test_any_axis_and_strides,
    test_every_number_of_channels_and_of_rows,
    test_every_row_length,
    test_gradients_may_be_written_over_dy,
    test_gradients_of_nothing,
    test_moving_statistics,
    test_nan_and_infinity_stay_in_their_row_or_channel,
    test_out_may_be_the_input_and_may_be_strided,
    test_second_order_where_x_flows_in_again_as_dy,
)

from tilewright import _simt, ops
from tilewright.reference import norm as reference

from .conftest import SCHEDULES

pytestmark = pytest.mark.usefixtures("on_simt")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cols", [255, 256, 257, 260, 1028, 8193, 16384, 16388])
def test_every_way_a_row_is_held(cols, dtype):
    rng = np.random.default_rng(1)
    x, residual, dy, dsum = (rng.standard_normal((3, cols)).astype(dtype) for _ in range(4))
    gamma, beta = (rng.standard_normal(cols).astype(dtype) for _ in range(2))
    y, h, mean, rstd = ops.layer_norm(x, gamma, beta, residual=residual, return_statistics=True)
    exact = [a.astype(np.float64) for a in (x, gamma, beta, residual, dy, dsum)]
    want = reference.layer_norm(*exact[:3], residual=exact[3], return_statistics=True)
    for got, w in zip((y, h, mean, rstd), want, strict=True):
        compare(got, w, "norm", dtype, f"cols {cols}")
    found = ops.layer_norm_backward(dy, h, mean, rstd, gamma, dsum=dsum)
    want = reference.layer_norm_backward(exact[4], h.astype(np.float64), *want[2:], exact[1], dsum=exact[5])
    for got, w in zip(found, want, strict=True):
        compare(got, w, "norm", dtype, f"backward, cols {cols}")


def test_every_schedule_gives_the_same_bits():
    rng = np.random.default_rng(2)
    for shape in ((5, 40), (3, 700), (600, 12)):
        x, dy = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
        bits = set()
        for schedule in SCHEDULES:
            _simt.set_schedule(schedule)
            y, mean, rstd = ops.layer_norm(x, return_statistics=True)
            results = [y, *ops.layer_norm_backward(dy, x, mean, rstd)]
            y, mean, rstd = ops.batch_norm(x, training=True, return_statistics=True)
            results += [y, *ops.batch_norm_backward(dy, x, mean, rstd)]
            bits.add(b"".join(r.tobytes() for r in results))
        assert len(bits) == 1
