# SPDX-License-Identifier: Apache-2.0
"""The elementwise kernels on the emulator: the operation tests of tests/ops, and what only these kernels take."""

import ml_dtypes
import numpy as np
import pytest

from ops.test_elementwise_strides import (  # noqa: F401
    test_any_strides,
    test_broadcast_rows_and_columns_of_large_arrays,
    test_fill_any_strides,
    test_out_may_be_an_input_but_not_half_of_one,
    test_transposed_copies,
)
from ops.test_elementwise_values import (  # noqa: F401
    test_bool,
    test_cast_between_all_dtypes,
    test_casts_out_of_range_are_defined,
    test_casts_to_16_bits_round_once,
    test_derivatives_at_infinity_are_their_limits,
    test_dropout_keeps_the_share_and_the_scale,
    test_every_size,
    test_integers,
    test_special_values_as_in_numpy,
    test_the_smallest_gelu_keeps_its_digits,
)
from tilewright import _cpu, _simt

pytestmark = pytest.mark.usefixtures("on_simt")
HALVES = [np.float16, ml_dtypes.bfloat16]


@pytest.mark.parametrize("dtype", HALVES, ids=["float16", "bfloat16"])
def test_16_bit_floats_compute_in_float(dtype):
    """The result of the float32 kernel, rounded once."""
    rng = np.random.default_rng(1)
    for n in (1, 7, 8, 64, 129):
        x, dy = (rng.standard_normal((2, n)) * 2).astype(dtype)
        wide, wide_dy = x.astype(np.float32), dy.astype(np.float32)
        got, want = np.empty_like(x), np.empty_like(wide)
        for name in ("relu", "gelu", "sigmoid", "sin"):
            _simt.unary(got, x, name)
            _simt.unary(want, wide, name)
            assert got.tobytes() == want.astype(dtype).tobytes(), name
            _simt.unary_backward(got, dy, x, None, name)
            _simt.unary_backward(want, wide_dy, wide, None, name)
            assert got.tobytes() == want.astype(dtype).tobytes(), name
        _simt.binary(got, x, dy, "multiply")
        assert got.tobytes() == (wide * wide_dy).astype(dtype).tobytes()
        _simt.bias_activation_forward(got[None], None, x[None], dy, None, "silu", 0.0)
        _simt.bias_activation_forward(want[None], None, wide[None], wide_dy, None, "silu", 0.0)
        assert got.tobytes() == want.astype(dtype).tobytes()


def test_dropout_draws_what_the_cpu_draws():
    for n in (1, 3, 4, 5, 1000):
        x = np.ones(n + 1, np.float32)
        key = np.array([2**63 - 5, 2**40 + 3])
        for start in (0, 1):  # aligned, and not
            ours, theirs = np.empty(n, np.float32), np.empty(n, np.float32)
            _simt.dropout(ours, x[start : start + n], key, 0.4)
            _cpu.dropout(theirs, x[start : start + n], key, 0.4)
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("rows, cols", [(1, 1), (3, 4), (700, 1), (700, 5), (33, 128), (9, 131), (2000, 64)])
def test_gradient_of_the_bias_over_slices_and_tiles(rows, cols):
    rng = np.random.default_rng(2)
    dy, saved = rng.standard_normal((2, rows, cols)).astype(np.float32)
    dz, db = np.empty_like(dy), np.empty(2 * cols, np.float32)
    _simt.bias_activation_backward(dz, db[::2], dy, saved, "tanh", 0.0)
    want = dy.astype(np.float64) * (1 - saved.astype(np.float64) ** 2)
    assert np.allclose(dz, want, rtol=1e-5, atol=1e-6)
    assert np.allclose(db[::2], want.sum(0), rtol=1e-4, atol=1e-4)
