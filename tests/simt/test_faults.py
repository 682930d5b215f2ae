# SPDX-License-Identifier: Apache-2.0
"""Each kind of fault, seeded in a small kernel, is reported with its place; the right kernel is not."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from .conftest import SANITIZERS, SCHEDULES

KERNELS = Path(__file__).with_name("fault_kernels.cu").read_text().splitlines()


def line_of(text: str, after: str) -> int:
    """Number of the first line that holds `text`, at or below the one that holds `after`."""
    start = next(i for i, line in enumerate(KERNELS) if after in line)
    return next(i for i, line in enumerate(KERNELS[start:], start + 1) if text in line)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(
    "kernel",
    [
        "exchange",
        "rounds",
        "lanes_warp_sync",
        "named_pair",
        "bytes",
        "global",
        "vector_store",
        "shared_vector",
        "shuffle",
        "warp_sync_on_two_lines",
    ],
)
def test_right_kernels_run_clean(emulator, kernel, schedule):
    report, _ = emulator.run(kernel, schedule)
    assert report == ""


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_results_do_not_depend_on_the_schedule(emulator, schedule):
    t = np.arange(64, dtype=np.float32)
    assert np.array_equal(emulator.run("exchange", schedule)[1][:64], 63 - t)
    assert np.array_equal(emulator.run("rounds", schedule)[1][:64], 3 * ((t + 32) % 64) + 3)
    values = emulator.run("warp_values", schedule)[1].reshape(32, 8)
    lane = np.arange(32)
    want = [lane ^ 5, np.where(lane < 29, lane + 3, lane), 7, 0xAAAA, 1, 0, 496, 31]
    for i, w in enumerate(want):
        assert np.array_equal(values[:, i], np.broadcast_to(w, 32)), i


# Kernel, what the report must say besides kernel and block, and the line it must name.
FAULTS = [
    ("missing_barrier", "race on shared memory", ("y[t] = smem.a[kThreads - 1 - t]", "void exchange")),
    (
        "missing_second_barrier",
        "race on shared memory",
        ("smem.a[t] = static_cast<float>(t + round)", "void rounds"),
    ),
    ("same_element", "race on shared memory", ("block_shared<Smem>().a[0]", "void same_element")),
    ("lanes_nothing", "race on shared memory", ("y[t] = smem.a[t ^ 1]", "void lanes")),
    ("lanes_shuffle", "race on shared memory", ("y[t] = smem.a[t ^ 1]", "void lanes")),
    ("named_pair_stranger", "race on shared memory", ("== kReader", "void named_pair")),
    ("bytes_shared", "race on shared memory", ("smem.a[t >> kShift]", "void bytes")),
    ("unwritten", "uninitialised shared memory read", ("y[thread_index()] = smem.a", "void unwritten")),
    ("shared_end", "elements 64 to 64 of a shared array of 64", ("thread_index() + 1", "void shared_end")),
    (
        "shared_size",
        "the kernel uses 512 bytes, the launch gave 256",
        ("block_shared<BigSmem>", "void shared_size"),
    ),
    (
        "global_end",
        "writes 4 bytes of y at byte 1024, the array has 1024 bytes",
        ("kOffset", "void global_end"),
    ),
    (
        "global_begin",
        "writes 4 bytes of y at byte -4, the array has 1024 bytes",
        ("kOffset", "void global_end"),
    ),
    ("read_only", "write to a read-only argument", ("kOffset", "void global_end")),
    (
        "vector_store_misaligned",
        "global memory write at an address that is not a multiple of 16 bytes",
        ("store_vector", "void vector_store"),
    ),
    (
        "shared_vector_misaligned",
        "shared memory write at an address that is not a multiple of 16 bytes",
        ("store_vector", "void shared_vector"),
    ),
    (
        "barrier_of_some",
        r"divergent block barrier.*threads 0-47: waiting in block_sync.*threads 48-63: finished",
        ("block_sync", "void barrier_of_some"),
    ),
    (
        "barrier_on_two_lines",
        r"divergent block barrier.*threads 0-31: waiting.*threads 32-63: waiting",
        ("block_sync", "void barrier_on_two_lines"),
    ),
    (
        "barriers_crossed",
        r"deadlock.*threads 0-31: waiting in named_barrier_sync 1 \(32 of 64 threads\).*threads 32-63: "
        r"waiting in named_barrier_sync 2 \(32 of 64 threads\)",
        ("named_barrier_sync", "void barriers_crossed"),
    ),
    (
        "barrier_count_differs",
        r"named barrier 1 is met by \d+ threads here and by \d+ at",
        ("named_barrier_sync", "void barrier_count_differs"),
    ),
    (
        "shuffle_of_some",
        r"warp operation without convergence.*all 32 lanes of warp \d",
        ("shfl_xor", "void shuffle_of_some"),
    ),
    ("shuffle_on_two_lines", "warp operation without convergence", ("shfl_xor", "void shuffle_on_two_lines")),
    (
        "shuffle_against_barrier",
        "warp operation without convergence.*block_sync",
        ("shfl_xor", "void shuffle_against_barrier"),
    ),
    (
        "shuffle_in_part_of_a_warp",
        "shfl_xor in warp 1, which has only 16 threads",
        ("shfl_xor", "void shuffle("),
    ),
]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kernel, text, place", FAULTS, ids=[f[0] for f in FAULTS])
def test_fault_is_reported(emulator, kernel, text, place, schedule):
    report, _ = emulator.run(kernel, schedule)
    assert re.search(text, report, re.DOTALL), report
    assert f"in kernel {kernel}\n" in report
    assert re.search(r"block \([0-3], 0, 0\) of grid \(4, 1, 1\), block size \(\d+, 1, 1\)", report), report
    assert re.search(r"threads? \d+", report)
    line = line_of(*place)
    assert re.search(rf"fault_kernels\.cu:{line}\b", report), (line, report)


def test_race_names_both_sides(emulator):
    report, _ = emulator.run("missing_barrier", "reverse")
    write = line_of("smem.a[t] = static_cast<float>(t);", "void exchange")
    read = line_of("y[t] = smem.a", "void exchange")
    assert re.search(
        rf"thread \d+ at fault_kernels\.cu:{write}: writes bytes \d+ to \d+, which thread \d+ read at "
        rf"fault_kernels\.cu:{read} with no barrier between|"
        rf"thread \d+ at fault_kernels\.cu:{read}: reads bytes \d+ to \d+, which thread \d+ wrote at "
        rf"fault_kernels\.cu:{write} with no barrier between",
        report,
    ), report


def test_writes_past_the_checks_hit_the_guard_zone(emulator):
    report, _ = emulator.run("plain_pointer")
    assert "bytes after the block's shared memory were overwritten" in report


@pytest.mark.parametrize(
    "kernel, text",
    [
        (
            "too_many_threads",
            "[too_many_threads] kernel launch failed: a block has at most 1024 threads (grid (4, 1, 1), "
            "block (1056, 1, 1), shared memory 256 bytes)",
        ),
        ("too_much_shared", "a block has at most 232448 bytes of shared memory"),
        ("no_threads", "the block is empty"),
    ],
)
def test_launch_sizes(emulator, kernel, text):
    assert text in emulator.run(kernel)[0]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_exceptions_come_through_and_leave_the_emulator_usable(emulator, schedule):
    assert emulator.run("throws", schedule)[0] == "thrown by thread 40"
    assert emulator.run("exchange", schedule)[0] == ""


@pytest.mark.parametrize(
    "text", ["", "sideways", "forward:1", "random:", "random:-1", "random:x", "starve:1:2"]
)
def test_unknown_schedule(emulator, text):
    report, _ = emulator.run("exchange", text)
    assert report == f'[simt] schedule is "{text}", expected forward, reverse, random:SEED or starve:WARP'


def test_clean_under_the_sanitizers(toolchain, tmp_path):
    program = toolchain.build(tmp_path / "fault_kernels", "-DTW_MAIN", flags=SANITIZERS)
    result = subprocess.run([str(program)], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    assert result.stderr == ""


def test_without_assembly_the_reports_are_the_same(emulator, toolchain, tmp_path):
    program = toolchain.build(tmp_path / "fault_kernels", "-DTW_MAIN", flags=("-DTW_FIBER_ASSEMBLY=0", "-O0"))
    result = subprocess.run([str(program)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-4000:]
    for kernel in ("exchange", "missing_barrier", "barriers_crossed", "throws"):
        first_line = emulator.run(kernel)[0].partition("\n")[0]
        assert f"{kernel} forward: {first_line}\n" in result.stdout
