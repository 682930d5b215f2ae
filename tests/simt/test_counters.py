# SPDX-License-Identifier: Apache-2.0
"""Bank conflicts and global sectors of the kernels, counted by the emulator, against access_counts.json.

A change of an index that costs a conflict shows here, with no GPU. TILEWRIGHT_UPDATE_RECORDS=1 writes the
file.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from tilewright import _simt

from .count_records import recorded
from .test_matmul import aligned

RECORD = Path(__file__).with_name("access_counts.json")
KERNELS = _simt.matmul_kernels()


def filled(shape, dtype):
    array = aligned(shape, dtype)
    array[...] = 1
    return array


def matmul(kernel, dtype, shape, transpose_a=False, transpose_b=False):
    m, n, k = shape
    a = filled((k, m) if transpose_a else (m, k), dtype)
    b = filled((n, k) if transpose_b else (k, n), dtype)
    _simt.force_matmul(KERNELS.index(kernel))
    _simt.matmul(aligned((m, n), dtype), a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def softmax(cols, dtype):
    x = filled((4, cols), dtype)
    _simt.softmax_forward(aligned((4, cols), dtype), x)
    _simt.softmax_backward(aligned((4, cols), dtype), x, x)


def layer_norm(dtype):
    x, y = filled((4, 1024), dtype), aligned((4, 1024), dtype)
    gamma, dgamma, dbeta = (filled((1024,), dtype) for _ in range(3))
    mean, rstd = (filled((4,), dtype) for _ in range(2))
    _simt.layer_norm_forward(y, None, mean, rstd, x, None, gamma, gamma, 1e-5)
    _simt.layer_norm_backward(y, dgamma, dbeta, x, None, x, mean, rstd, gamma)


def pooling(dtype):
    x, y, indices = (
        filled((1, 16, 16, 32), dtype),
        aligned((1, 8, 8, 32), dtype),
        aligned((1, 8, 8, 32), np.int32),
    )
    _simt.max_pool2d_forward(y, indices, x, (2, 2), (2, 2), (0, 0, 0, 0))
    _simt.max_pool2d_backward(x, y, indices, (2, 2), (2, 2), (0, 0, 0, 0))


def affine(dtype):
    x, shift = filled((1, 16, 16, 4), dtype), np.array([[[1.0, 0.0, 0.25], [0.0, 1.0, 0.5]]])
    y = aligned(x.shape, dtype)
    _simt.affine_transform_forward(y, x, shift, "bilinear", "nearest", 0.0)
    _simt.affine_transform_backward(x, y, shift, "bilinear", "nearest")


# One whole tile each, so that the counts are those of the main loop and the epilogue.
CASES = {
    f"{kernel} {np.dtype(dtype).name} {'T' if ta else 'N'}{'T' if tb else 'N'}": (
        lambda k=kernel, d=dtype, s=shape, ta=ta, tb=tb: matmul(k, d, s, ta, tb)
    )
    for kernel, dtype, shape in (
        ("fma_large", np.float32, (128, 128, 32)),
        ("fma_medium", np.float32, (64, 64, 32)),
        ("fma_small", np.float32, (64, 32, 32)),
        ("fma_double", np.float64, (64, 64, 16)),
        ("mma_large", np.float16, (128, 128, 64)),
        ("mma_medium", np.float16, (64, 64, 64)),
        ("mma_small", np.float16, (64, 32, 64)),
    )
    for ta in (False, True)
    for tb in (False, True)
}
CASES["thin_dot float32 NT"] = lambda: matmul("thin_dot", np.float32, (1, 64, 512), transpose_b=True)
CASES["thin_stream float32 NN"] = lambda: matmul("thin_stream", np.float32, (1, 256, 64))
CASES |= {
    f"softmax {cols} {np.dtype(dtype).name}": (lambda c=cols, d=dtype: softmax(c, d))
    for cols in (1024, 4096, 32768)
    for dtype in (np.float32, np.float16)
}


for dtype in (np.float32, np.float16):
    CASES[f"layer_norm {np.dtype(dtype).name}"] = lambda d=dtype: layer_norm(d)
    CASES[f"max_pool2d {np.dtype(dtype).name}"] = lambda d=dtype: pooling(d)
CASES["affine_transform float32"] = lambda: affine(np.float32)


@pytest.fixture(autouse=True)
def not_counting_afterwards():
    before = _simt.schedule()
    _simt.set_schedule("forward")
    yield
    _simt.count_accesses(False)
    _simt.force_matmul(-1)
    _simt.set_schedule(before)


def counts_of(case):
    _simt.count_accesses(True)
    CASES[case]()
    _simt.count_accesses(False)
    return _simt.counted_accesses()


def written(record):
    return json.dumps(record, indent=1) + "\n"


@pytest.mark.parametrize("case", CASES)
def test_counts_are_as_recorded(case):
    counts = counts_of(case)
    assert counts == recorded(RECORD, case, counts, CASES, written), f"{case}: {counts}"


@pytest.mark.parametrize("case", [c for c in CASES if "ma_" in c or "norm" in c])
def test_tiles_have_no_bank_conflicts(case):
    for kernel, counts in counts_of(case).items():
        assert counts["shared_requests"] > 0 and counts["shared_conflicts"] == 0, (kernel, counts)


def test_the_counter_itself():
    """One warp reads 4 rows of 1024 floats by 16 bytes: 32 requests, each of 16 sectors."""
    counts = counts_of("softmax 1024 float32")["softmax_forward_held"]
    assert counts["global_reads"] == counts["global_writes"] == 4 * 1024 // (32 * 4)
    assert counts["global_read_sectors"] == 4 * 1024 * 4 // 32
