# SPDX-License-Identifier: Apache-2.0
"""Every case of tests/ops with GPU arrays on the stand-in of conftest.py, and with 16-bit floats."""

import numpy as np
import pytest
from ops.halves import HALVES, WITH_ARRAYS, check_half, named, nested, raw, with_gradients
from stand_in_cupy import asarray, ndarray

from tilewright import backend
from tilewright.narrow import _UPDATED, _WRITTEN, argument_names


def on_host(y):
    return y._a if isinstance(y, ndarray) else y


@pytest.mark.parametrize("case", named(WITH_ARRAYS))
def test_gpu_arrays_give_gpu_arrays_with_the_same_bits_and_nothing_is_read(case, cupy):
    arguments = case.arguments(np.float32)
    want, want_gradients = with_gradients(case, arguments)
    moved = [nested(asarray, a) for a in arguments]
    cupy.counts.reads = 0
    got, got_gradients = with_gradients(case, moved, asarray)
    reads = cupy.counts.reads
    for g, w in zip([*got, *got_gradients], [*want, *want_gradients], strict=True):
        if w is None or not isinstance(raw(w), np.ndarray):
            assert type(g) is type(w)
            continue
        assert type(raw(g)) is ndarray, "an array came back from the GPU"
        np.testing.assert_array_equal(on_host(raw(g)), raw(w))
    assert reads == 0, "a value was read, which makes the host wait for the GPU"


@pytest.mark.parametrize("dtype", HALVES, ids=["float16", "bfloat16"])
@pytest.mark.parametrize("case", named(WITH_ARRAYS))
def test_half_floats_are_computed_in_float32_and_stored_as_given(case, dtype):
    check_half(case, dtype)


def test_every_line_says_what_it_writes():
    module = backend.load("cpu")
    for entry in module.operations():
        names = argument_names(getattr(module, entry["name"]))
        written = _WRITTEN[entry["name"]].split()
        assert set(written) <= set(names), entry["name"]
        assert set(_UPDATED.get(entry["name"], "").split()) <= set(written), entry["name"]
    assert set(_WRITTEN) == {entry["name"] for entry in module.operations()}
