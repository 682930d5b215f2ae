# SPDX-License-Identifier: Apache-2.0
"""The operation tests of tests/ops on the emulator: every case under several schedules, with the same bits.

A case runs here as soon as all the lines of the table it names are implemented for CUDA.
"""

import numpy as np
import pytest
from ops.halves import HALVES, check_half
from ops.harness import check_bad, check_gradient, check_result, check_second_order
from ops.test_catalogue import ALL, named

from tilewright import _simt

SCHEDULES = ("forward", "reverse", "random:1")
TABLE = {entry["name"]: entry for entry in _simt.operations()}


def takes(case, dtype):
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    return all(name in TABLE[o]["dtypes"] for o in case.operations)


READY = [c for c in ALL if all(TABLE[o]["implemented"] for o in c.operations)]
IN_FLOAT64 = [c for c in READY if takes(c, np.float64)]


pytestmark = pytest.mark.usefixtures("on_simt")


def unless_missing(call, *args):
    """Runs the check; a line of another family that has no kernel yet skips it."""
    try:
        return call(*args)
    except NotImplementedError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("case", named(READY))
def test_matches_reference_with_the_same_bits_under_every_schedule(case):
    for dtype in (d for d in case.dtypes if takes(case, d)):
        bits = []
        for schedule in SCHEDULES:
            _simt.set_schedule(schedule)
            bits.append([np.asarray(y).tobytes() for y in unless_missing(check_result, case, dtype)])
        assert bits[0] == bits[1] == bits[2], "the schedule changed the bits"


@pytest.mark.parametrize("case", named(c for c in IN_FLOAT64 if not isinstance(c.differentiable, str)))
def test_gradient_matches_finite_differences(case):
    unless_missing(check_gradient, case)


@pytest.mark.parametrize("case", named(c for c in IN_FLOAT64 if c.second_order))
def test_second_gradient_matches_finite_differences(case):
    unless_missing(check_second_order, case)


# The case hands over a float16 lse, which 16-bit attention wants in float32; "attention" runs it with its
# own.
IN_HALVES = [
    c for c in READY if takes(c, "float16") and takes(c, "bfloat16") and c.name != "attention_backward"
]


@pytest.mark.parametrize("dtype", HALVES, ids=["float16", "bfloat16"])
@pytest.mark.parametrize("case", named(IN_HALVES))
def test_half_floats_are_storage(case, dtype):
    unless_missing(check_half, case, dtype)


# What may have no kernels of its own for 16-bit floats: float32 copies are computed with (narrow.py).
WIDENED = {
    "adam_update", "adaptive_update", "affine_transform_backward", "affine_transform_forward", "argmax",
    "cumsum", "global_norm", "random_bernoulli", "random_normal", "random_truncated_normal", "random_uniform",
    "rmsprop_update", "scatter_add", "sgd_update", "top_k", "one_hot",
}  # fmt: skip


def test_every_operation_has_its_kernels():
    assert [name for name, entry in TABLE.items() if not entry["implemented"]] == []


def test_all_but_a_short_list_take_half_floats():
    lacking = {name for name, entry in TABLE.items() if not {"float16", "bfloat16"} <= set(entry["dtypes"])}
    assert lacking == WIDENED


# The CPU refuses 16-bit floats where CUDA takes them.
NOT_BAD = ("float16", "bfloat16")


@pytest.mark.parametrize(
    "case,bad",
    [
        pytest.param(c, b, id=f"{c.name}-{i}")
        for c in READY
        for i, b in enumerate(c.bad)
        if b.message not in NOT_BAD
    ],
)
def test_bad_input_is_named(case, bad):
    check_bad(case, bad)
