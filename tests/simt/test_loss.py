# SPDX-License-Identifier: Apache-2.0
"""The loss kernels on the emulator: the operation tests of tests/ops, and every way a row is held."""

import numpy as np
import pytest
from ops.harness import compare
from ops.test_loss import (  # noqa: F401
    test_every_number_of_classes,
    test_every_size_elementwise_and_squared,
    test_extreme_logits,
    test_ignored_rows_have_no_loss_and_no_gradient,
    test_label_dtypes_strides_and_dimensions,
    test_reductions_of_nothing,
)

from tilewright import _simt
from tilewright.reference import softmax

from .conftest import SCHEDULES

pytestmark = pytest.mark.usefixtures("on_simt")


@pytest.mark.parametrize("cols", [256, 260, 1030, 8196, 16388])
def test_every_way_a_row_is_held(cols):
    rng = np.random.default_rng(1)
    x = (rng.standard_normal((3, cols)) * 3).astype(np.float32)
    labels = np.array([0, cols - 1, cols // 2])
    log_p = softmax.log_softmax(x.astype(np.float64))
    want, gradient = -log_p[range(3), labels], np.exp(log_p)
    gradient[range(3), labels] -= 1
    bits = set()
    for schedule in SCHEDULES:
        _simt.set_schedule(schedule)
        loss, dx = np.empty(3, np.float32), np.empty_like(x)
        _simt.softmax_cross_entropy(loss, dx, x, labels, 0.0, None)
        bits.add(loss.tobytes() + dx.tobytes())
    compare(loss, want, "loss")
    compare(dx, gradient, "loss")
    assert len(bits) == 1


def test_the_first_label_out_of_range_is_named():
    x, loss = np.zeros((5, 3), np.float32), np.zeros(5, np.float32)
    with pytest.raises(ValueError, match=r"labels has 7 at index 2, expected 0 to 2 or ignore_index -1"):
        _simt.softmax_cross_entropy(loss, None, x, np.array([0, -1, 7, 9, 1]), 0.0, -1)
