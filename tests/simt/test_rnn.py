# SPDX-License-Identifier: Apache-2.0
"""The recurrent cells on the emulator: the operation tests of tests/ops, sizes, 16-bit storage, schedules.

Their kernels work unit by unit and meet nowhere; what synchronises is matmul's. It is no run on a GPU.
"""

import ml_dtypes
import numpy as np
import pytest
from ops.test_rnn import (  # noqa: F401
    FORMS,
    arrays,
    judge,
    saved,
    states,
    test_a_masked_step_keeps_the_state,
    test_broadcast_and_read_only_inputs,
    test_empty,
    test_gradients_are_computed_only_where_needed,
    test_out_may_not_overlap,
    test_shut_gates_keep_a_state_for_ever,
    test_special_values_stay_in_their_sequence,
    with_states,
)

from tilewright import _simt, ops
from tilewright.reference import rnn as reference

pytestmark = pytest.mark.usefixtures("on_simt")
bfloat16 = ml_dtypes.bfloat16


@pytest.fixture(autouse=True)
def schedule_put_back():
    before = _simt.schedule()
    yield
    _simt.record_sync_sites(False)
    _simt.set_schedule(before)


@pytest.mark.parametrize("form", FORMS)
def test_sizes(form):
    rng = np.random.default_rng(1)
    for units in (1, 3, 8, 17, 33):
        judge(form, rng, np.float32, 3, 3, 5, units, reverse=units == 8)
    for batch in (1, 9):
        judge(form, rng, np.float64, batch, 3, 2, 5, given=False)
    judge(form, rng, np.float32, 2, 1, 17, 12)
    judge(form, rng, np.float32, 20, 2, 8, 70)
    mask = rng.random((3, 7)) > 0.3
    judge(form, rng, np.float32, 3, 7, 4, 6, mask=mask, reverse=True)


@pytest.mark.parametrize("dtype", [np.float16, bfloat16])
@pytest.mark.parametrize("form", FORMS)
def test_16_bits(form, dtype):
    """Gates and states are stored in 16 bits each step: errors of a few of their last places."""
    cell, options = FORMS[form]
    rng = np.random.default_rng(2)
    inputs = [a.astype(dtype) for a in (*arrays(rng, cell, 3, 4, 6, 9), *states(rng, cell, 3, 9))]
    got = with_states(ops, cell)(*inputs, **options)
    want = with_states(reference, cell)(*(a.astype(np.float64) for a in inputs), **options)
    unit = 2.0**-11 if dtype is np.float16 else 2.0**-8
    for g, w in zip(got, want, strict=True):
        assert g.dtype == dtype and np.abs(g.astype(np.float64) - w).max() <= 8 * unit * max(
            1, np.abs(w).max()
        )


@pytest.mark.parametrize("form", FORMS)
def test_every_schedule_gives_the_same_bits(form):
    bits = set()
    for schedule in ("forward", "reverse", "random:1"):
        _simt.set_schedule(schedule)
        bits.add(
            b"".join(a.tobytes() for a in judge(form, np.random.default_rng(4), np.float32, 5, 3, 4, 11))
        )
    assert len(bits) == 1


def test_only_the_products_synchronise():
    _simt.record_sync_sites(True)
    judge("gru", np.random.default_rng(5), np.float32, 2, 2, 3, 4)
    _simt.record_sync_sites(False)
    sites = _simt.sync_sites()
    assert sites and all("matmul" in file for _, file, _ in sites)
