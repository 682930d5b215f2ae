# SPDX-License-Identifier: Apache-2.0
"""The emulator against golden data of a GPU, once there is a file of it; before, against arithmetic."""

import ctypes
import shutil

import ml_dtypes
import numpy as np
import pytest

from cuda import golden


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    return golden.build(tmp_path_factory.mktemp("golden"), on_gpu=False)


@pytest.fixture(scope="module")
def emulated(library):
    return golden.collect(library)


@pytest.mark.skipif(
    not golden.FILE.exists(), reason="no GPU has dumped golden data yet: benchmarks/gpu.sh --stage golden"
)
@pytest.mark.parametrize("name", golden.items())
def test_the_emulator_answers_as_the_gpu_did(emulated, name):
    data = np.load(golden.FILE)
    np.testing.assert_array_equal(emulated[name][0], data[f"{name}_x"])
    np.testing.assert_array_equal(emulated[name][1], data[f"{name}_y"])


def test_every_item_gives_an_answer(emulated):
    for name, (_, y) in emulated.items():
        assert y.any(), f"{name}: nothing was written"


@pytest.mark.parametrize("name, dtype", [("round_f16", np.float16), ("round_bf16", ml_dtypes.bfloat16)])
def test_roundings_are_those_of_numpy(emulated, name, dtype):
    x, y = emulated[name]
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(y, x.astype(dtype).view(np.uint16))


def test_the_lane_map_of_a_product_is_that_of_the_ptx_manual(emulated):
    x, c = emulated["mma_bf16"]
    words = x.view(ml_dtypes.bfloat16).astype(np.float32).reshape(32, 6, 2)
    a, b = np.zeros((16, 16), np.float32), np.zeros((16, 8), np.float32)
    for lane in range(32):
        g, t = divmod(lane, 4)
        for i, (row, k) in enumerate([(g, 2 * t), (g + 8, 2 * t), (g, 2 * t + 8), (g + 8, 2 * t + 8)]):
            a[row, k : k + 2] = words[lane, i]
        for i, k in enumerate([2 * t, 2 * t + 8]):
            b[k : k + 2, g] = words[lane, 4 + i]
    want = a @ b
    for lane in range(32):
        g, t = divmod(lane, 4)
        np.testing.assert_array_equal(c[lane], [*want[g, 2 * t : 2 * t + 2], *want[g + 8, 2 * t : 2 * t + 2]])


def test_a_fault_in_a_kernel_is_said(library):
    with pytest.raises(RuntimeError, match=r"\[golden\] philox: .*out of bounds"):
        golden.ask(ctypes.CDLL(str(library)), "philox", np.zeros((4, 4), np.uint64), np.uint32, (2, 4))
