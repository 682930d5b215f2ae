# SPDX-License-Identifier: Apache-2.0
"""What runs beside the threads: copies, mbarriers, clusters, atomics, tensor cores.

Right kernels run clean and give the same numbers under every schedule; each seeded fault is reported with its
place."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from .conftest import SANITIZERS, SCHEDULES

KERNELS = Path(__file__).with_name("async_kernels.cu").read_text().splitlines()
T = np.arange(64, dtype=np.float32)


def line_of(text: str, after: str) -> int:
    start = next(i for i, line in enumerate(KERNELS) if after in line)
    return next(i for i, line in enumerate(KERNELS[start:], start + 1) if text in line)


def run(async_kernels, kernel, schedule, fill=None):
    """The report and y, which the kernel found filled with 0, 1, 2, ..."""
    report, y = async_kernels.run(kernel, schedule, np.arange(256) if fill is None else fill)
    return report, y.copy()


def product():
    i, k, j = np.ogrid[:16, :16, :8]
    a, b = (i + k / 4)[:, :, 0], (k - 3.0 * j)[0]
    return (a @ b).ravel()


RIGHT = {
    "copies": (slice(128, 256), np.concatenate([np.full(64, 63.0), np.full(64, 64.0 + 127.0)])),
    "zero_fill": (
        slice(128, 148),
        np.where(np.arange(20) % 4 < np.arange(20) // 4, np.arange(20), 0),
    ),
    "ring": (slice(0, 128), np.concatenate([100 * tile + T[31::-1] for tile in range(4)])),
    "bulk": (slice(128, 192), 63 - T),
    "neighbours": (slice(0, 256), np.concatenate([100 * b + 63 - T for b in (1, 0, 3, 2)])),
    "remote_arrival": (slice(0, 64), 63 - T),
    "arrive": (slice(0, 32), 31 - T[:32]),
    "global_count": (slice(0, 32), T[:32] + 4 * 2),
    "multiply": (slice(0, 128), product()),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kernel", RIGHT)
def test_right_kernels(async_kernels, kernel, schedule):
    report, y = run(async_kernels, kernel, schedule)
    assert report == ""
    where, want = RIGHT[kernel]
    assert np.array_equal(y[where], want), y[where]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_atomics_and_warp_values(async_kernels, schedule):
    report, y = run(async_kernels, "count", schedule)
    assert report == ""
    assert y[0] == 63 * 32 and y[1] == 49 and y[2] + y[3] == 1
    report, y = run(async_kernels, "more_warp_values", schedule)
    assert report == ""
    lane = np.arange(32)
    members = np.where(lane // 5 < 6, 0b11111, 0b11)
    want = [np.where(lane < 3, lane, lane - 3), members, 496, -9, -40]
    for i, w in enumerate(want):
        assert np.array_equal(y[:160].reshape(32, 5)[:, i], np.broadcast_to(w, 32)), i


# Kernel, what the report must say, and a line it must name.
FAULTS = [
    (
        "copies_not_waited_for",
        "race on shared memory.*copies to",
        ("copy_async<4>(smem.a, group", "void copies"),
    ),
    ("copies_no_barrier", "race|uninitialised", ("sums[group] =", "void copies")),
    ("copies_one_group_short", "race on shared memory.*copies to at", ("sums[group] =", "void copies")),
    ("copies_over_readers", "race on shared memory", ("copy_async<4>(smem.a, t,", "void copies")),
    ("copy_out_of_bounds", "reads 16 bytes of y at byte 1024", ("copy_async<16>", "void copy_out_of_bounds")),
    (
        "copy_misaligned",
        "asynchronous copy at an address that is not",
        ("copy_async<16>", "void copy_misaligned"),
    ),
    ("ring_not_waited_for", "race|uninitialised", ("smem.a[slot * 32 + 31 - lane]", "void ring")),
    # The producer may run a phase ahead of the consumer, or its lanes of each other.
    ("ring_reused", "race on shared memory|deadlock|uninitialised", ()),
    ("bulk_not_waited_for", "race|uninitialised", ("smem.a[63 - thread_index()]", "void bulk")),
    (
        "bulk_too_few_bytes",
        r"deadlock.*waiting in mbarrier_wait for parity 0 \(phase 0, 0 of 1 arrivals and 256 bytes to come\)",
        ("mbarrier_wait", "void bulk"),
    ),
    ("mbarrier_unmade", "race|no mbarrier was made here", ("mbarrier_arrive", "void mbarrier_unmade")),
    ("neighbours_no_barrier", "race|uninitialised", ("map_shared_rank", "void neighbours")),
    ("remote_not_waited_for", "race|uninitialised", ("y[t] = smem.a[63 - t]", "void remote_arrival")),
    ("cluster_barrier_of_some", "divergent block barrier", ()),
    ("cluster_too_large", "clusters of 3 blocks, expected 1 to 8 that divide the grid", ()),
    ("arrive_never", r"deadlock.*named_barrier_sync 1 \(32 of 64", ("named_barrier_sync", "void arrive")),
    ("arrive_then_write", "race on shared memory", ("= -1.0f", "void arrive")),
    ("count_no_barrier", "race on shared memory", ("y[0] =", "void count")),
    ("count_plain_write", "race on shared memory", ("smem.counter[0] = 5", "void count")),
    ("multiply_no_sync", "race|uninitialised", ("load_matrix<4>", "void multiply")),
    ("mma_of_some", "warp operation without convergence", ("mma<F16>", "void mma_of_some")),
    (
        "load_matrix_misaligned",
        "load_matrix at an address that is not a multiple of 16",
        ("load_matrix<1>", "void load_matrix_misaligned"),
    ),
]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kernel, text, place", FAULTS, ids=[f[0] for f in FAULTS])
def test_fault_is_reported(async_kernels, kernel, text, place, schedule):
    report, _ = run(async_kernels, kernel, schedule)
    assert re.search(text, report, re.DOTALL), report
    if place:
        assert re.search(rf"async_kernels\.cu:{line_of(*place)}\b", report), (line_of(*place), report)


def test_a_block_that_ends_while_others_reach_into_it(async_kernels):
    """Only some orders show it: a block of the cluster has ended when its neighbour reads."""
    reports = [run(async_kernels, "neighbours_end_early", s)[0] for s in SCHEDULES]
    assert any("of the cluster, which has ended" in report for report in reports), reports


def test_clean_under_the_sanitizers(toolchain, tmp_path):
    program = toolchain.build(
        tmp_path / "async_kernels", "-DTW_MAIN", flags=SANITIZERS, source="async_kernels.cu"
    )
    result = subprocess.run([str(program)], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    assert result.stderr == ""
