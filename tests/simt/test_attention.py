# SPDX-License-Identifier: Apache-2.0
"""The attention kernels on the emulator: the operation tests of tests/ops, every configuration the launchers
can choose, 16-bit storage, slices of the keys, and what each synchronisation is for.

Proves indices, lane maps, synchronisation and arithmetic. It is no run on a GPU.
"""

import ml_dtypes
import numpy as np
import pytest
from ops.harness import compare
from ops.test_attention import (  # noqa: F401
    MASKS,
    judge,
    test_an_element_has_the_same_bits_wherever_it_stands,
    test_broadcast_and_read_only_inputs,
    test_empty,
    test_gradient_through_views_and_lse,
    test_hidden_keys_leave_no_trace,
    test_out_may_not_overlap,
    test_rows_that_see_nothing_are_zero,
    test_special_values_stay_in_their_rows,
)

from tilewright import _simt, ops
from tilewright.reference import attention as reference

from .conftest import SCHEDULES
from .mutation import unmissed
from .test_matmul import aligned

pytestmark = pytest.mark.usefixtures("on_simt")
bfloat16 = ml_dtypes.bfloat16
HEAD_SIZES = (32, 64, 96, 128, 256)
# A result, its factors, and the weights between the two products are rounded to 11 (8) bits.
BOUND = {np.float16: 2.0**-10, bfloat16: 2.0**-7}


@pytest.fixture(autouse=True)
def whole_kernels_afterwards():
    before = _simt.schedule()
    yield
    _simt.remove_sync_site(-1)
    _simt.record_sync_sites(False)
    _simt.set_schedule(before)


def arrays(rng, dtype, batch, queries, keys, heads, key_heads, depth):
    shapes = (batch, queries, heads, depth), (batch, keys, key_heads, depth), (batch, keys, key_heads, depth)
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


def run(q, k, v, dy, **options):
    """Result, lse and the three gradients."""
    y, lse = ops.attention(q, k, v, return_lse=True, **options)
    return (y, lse, *ops.attention_backward(dy, q, k, v, y, lse, **options))


def judge_16(dtype, shape, mask=None, **options):
    """Forward and backward of 16-bit arrays against the reference."""
    rng = np.random.default_rng(1)
    q, k, v = arrays(rng, dtype, *shape)
    dy = rng.standard_normal(q.shape).astype(dtype)
    got = run(q, k, v, dy, mask=mask, **options)
    wide = [a.astype(np.float64) for a in (q, k, v, dy)]
    wide_mask = mask if mask is None or mask.dtype == bool else mask.astype(np.float64)
    y, lse = reference.attention(*wide[:3], mask=wide_mask, return_lse=True, **options)
    want = (y, lse, *reference.attention_backward(wide[3], *wide[:3], y, lse, mask=wide_mask, **options))
    assert got[1].dtype == np.float32
    for name, g, w in zip(("y", "lse", "dq", "dk", "dv"), got, want, strict=True):
        if name == "lse":
            compare(g, w, "attention", np.float32, f"{shape} lse")
            continue
        assert g.dtype == dtype
        bound = BOUND[dtype] * (np.abs(w) + np.abs(w).max(initial=1e-6))
        assert (np.abs(g.astype(np.float64) - w) <= bound).all(), (
            f"{np.dtype(dtype).name} {shape} {options} {name}"
        )


@pytest.mark.parametrize("depth", HEAD_SIZES)
def test_every_configuration_of_float32(depth):
    """Two tiles and a tail of rows and of keys, few rows and many; depths on a tile's edge and before it."""
    rng = np.random.default_rng(2)
    for queries, keys, d in ((70, 73, depth), (5, 73, depth - 3)):
        judge(rng, np.float32, (1, queries, keys, 2, 1, d), causal=queries > 8)


@pytest.mark.parametrize("depth", [64, 256])
def test_every_configuration_of_float64(depth):
    for d in (depth, depth - 1):
        judge(np.random.default_rng(3), np.float64, (1, 35, 37, 1, 1, d), causal=d == depth)


@pytest.mark.parametrize("depth", HEAD_SIZES)
@pytest.mark.parametrize("dtype", [np.float16, bfloat16])
def test_every_configuration_of_16_bits(dtype, depth):
    judge_16(dtype, (1, 133, 70, 1, 1, depth), causal=True)
    judge_16(dtype, (1, 7, 70, 2, 1, depth))
    judge_16(dtype, (1, 9, 35, 1, 1, depth - 3))


@pytest.mark.parametrize("mask", MASKS)
def test_masks_and_grouped_heads(mask):
    rng = np.random.default_rng(9)
    judge(rng, np.float32, (2, 13, 35, 6, 2, 12), True, mask, 0.3)
    judge(rng, np.float64, (1, 19, 40, 2, 1, 7), False, mask)


def test_masks_of_16_bits():
    rng = np.random.default_rng(4)
    for dtype in (np.float16, bfloat16):
        judge_16(dtype, (2, 20, 37, 2, 1, 24), mask=rng.random((2, 2, 20, 37)) > 0.3, causal=True)
        judge_16(dtype, (2, 20, 37, 2, 2, 24), mask=rng.standard_normal((2, 20, 1)).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, bfloat16])
def test_one_query_and_slices_of_many_keys(dtype):
    """Enough keys for slices, whose sums are added in order: the same bits under every schedule."""
    rng = np.random.default_rng(5)
    for queries, causal in ((1, False), (3, True)):
        shape = (1, queries, 800, 2, 1, 24)
        if dtype is bfloat16:
            judge_16(dtype, shape, causal=causal)
        else:
            judge(rng, dtype, shape, causal=causal)
        q, k, v = arrays(rng, dtype, *shape)
        bits = set()
        for schedule in ("forward", "reverse", "random:1"):
            _simt.set_schedule(schedule)
            bits.add(ops.attention(q, k, v, causal=causal).tobytes())
        assert len(bits) == 1
    # The last slices see nothing of it.
    hidden = np.arange(800) < 300
    got = ops.attention(q, k, v, mask=hidden)
    want = reference.attention(*(a.astype(np.float64) for a in (q, k, v)), mask=hidden)
    compare(
        got, want, "attention", np.float32 if dtype is np.float64 else dtype
    ) if dtype is not bfloat16 else None


@pytest.mark.parametrize("dtype", [np.float32, bfloat16])
def test_every_schedule_gives_the_same_bits(dtype):
    rng = np.random.default_rng(6)
    q, k, v = arrays(rng, dtype, 1, 40, 75, 2, 1, 20)
    dy = rng.standard_normal(q.shape).astype(dtype)
    bits = set()
    for schedule in SCHEDULES:
        _simt.set_schedule(schedule)
        bits.add(b"".join(a.tobytes() for a in run(q, k, v, dy, causal=True)))
    assert len(bits) == 1


@pytest.mark.parametrize("dtype", [np.float32, bfloat16])
def test_strides_and_alignment(dtype):
    """Lines with gaps, reversed axes, bases off 16 bytes: the same bits as from contiguous arrays."""
    rng = np.random.default_rng(7)
    q, k, v = arrays(rng, dtype, 2, 19, 35, 2, 2, 24)
    want = run(q, k, v, q)

    def moved(a):
        wide = np.zeros((a.shape[0], 2 * a.shape[1], a.shape[2], a.shape[3] + 5), dtype)
        view = wide[:, ::-2, :, 3:-2]
        view[...] = a
        return view

    got = run(moved(q), moved(k), moved(v), moved(q))
    for g, w in zip(got, want, strict=True):
        assert np.array_equal(g, w)


def test_a_large_head_size_is_refused():
    q = np.ones((1, 2, 1, 257), np.float32)
    with pytest.raises(ValueError, match=r"\[attention\] q has head size 257, expected at most 256"):
        ops.attention(q, q, q)
    with pytest.raises(ValueError, match=r"\[attention_backward\] q has head size 257, expected at most 256"):
        ops.attention_backward(q, q, q, q, q, np.ones((1, 1, 2), np.float32))


def test_lse_of_16_bits_is_float32():
    q, lse = np.ones((1, 2, 1, 4), np.float16), np.ones((1, 1, 2), np.float16)
    with pytest.raises(TypeError, match="lse has dtype float16, expected float32 for 16-bit inputs"):
        _simt.attention_forward(q.copy(), lse, q, q, q, None, 1.0, False)


# Every kernel with a synchronisation of its own, with two blocks of what passes and a tail.
MUTATED = [(dtype, depth) for dtype in (np.float32, bfloat16) for depth in (32, 256)]


def mutated(dtype, depth):
    rng = np.random.default_rng(8)
    columns = 64 if depth == 32 else 32
    q, k, v = arrays(rng, dtype, 1, 40, columns + 7, 1, 1, depth - 8)
    dy = rng.standard_normal(q.shape).astype(dtype)
    return lambda: run(q, k, v, dy)


@pytest.mark.parametrize("dtype, depth", MUTATED)
def test_each_synchronisation_is_needed(dtype, depth):
    places, unseen = unmissed(mutated(dtype, depth))
    assert places >= 12 and not unseen, f"{len(unseen)} of {places} were not missed: {unseen}"


@pytest.mark.parametrize("depth", [64, 128, 256])
@pytest.mark.parametrize("dtype", [np.float32, bfloat16])
def test_no_bank_conflicts(dtype, depth):
    q = aligned((1, 64, 1, depth), dtype)
    q[...] = 1
    _simt.count_accesses(True)
    y, lse = ops.attention(q, q, q, return_lse=True)
    ops.attention_backward(q, q, q, q, y, lse)
    _simt.count_accesses(False)
    counts = _simt.counted_accesses()
    assert len(counts) == 4  # forward, statistics, dq, dk and dv
    assert all(c["shared_conflicts"] == 0 for c in counts.values()), counts
