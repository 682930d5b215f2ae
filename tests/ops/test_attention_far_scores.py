# SPDX-License-Identifier: Apache-2.0
"""Attention where scores lie far from 0, as masks that are added to them make them."""

import numpy as np
import pytest

import tilewright as tw
from tilewright import ops


@pytest.mark.parametrize("heads", [(4, 4), (8, 2)], ids=str)
@pytest.mark.parametrize("length", [1, 7, 40])
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_rows_hidden_by_the_lowest_number_look_everywhere(heads, length, dtype):
    rng = np.random.default_rng(0)
    q = rng.normal(size=(2, length, heads[0], 16)).astype(dtype)
    k, v = (rng.normal(size=(2, length, heads[1], 16)).astype(dtype) for _ in range(2))
    for lowest in (np.finfo(dtype).min, 0.7 * np.finfo(dtype).min, -1e9):
        mask = np.zeros((2, 1, length, length), dtype)
        mask[:, :, 0] = lowest  # as Keras masks: no score is above another's rounding
        y = ops.attention(q * 0, k, v, mask=mask)
        mean = np.repeat(v.mean(1, keepdims=True), heads[0] // heads[1], axis=2)
        assert np.allclose(y[:, :1], mean, atol=1e-5)


@pytest.mark.parametrize("length", [1, 7, 40])
def test_far_scores_keep_their_differences(length, isa):
    """A row whose scores all lie far from 0 has finite results and gradients; their sum is 1 as ever."""
    rng = np.random.default_rng(1)
    q, k, v = (rng.normal(size=(2, length, 3, 16)).astype(np.float32) for _ in range(3))
    for far in (-1e30, -1e9, -1e5, 1e5):
        mask = np.zeros((2, 1, length, length), np.float32)
        mask[:, :, ::2] = far
        with tw.GradientTape() as tape:
            tensors = [tw.Tensor(x) for x in (q, k, v)]
            tape.watch(tensors)
            y, lse = ops.attention(*tensors, mask=mask, return_lse=True)
        found = [y, lse, *tape.gradient(y, tensors)]
        assert all(np.isfinite(x.numpy()).all() for x in found), far
        ones = ops.attention(q, k, np.ones_like(v), mask=mask)
        assert np.abs(ones - 1).max() < 1e-5, far
        rows = np.abs(lse.numpy()[:, :, ::2] - far)
        assert rows.max() < 50 + 1e-6 * abs(far), far
