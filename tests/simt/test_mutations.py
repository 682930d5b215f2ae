# SPDX-License-Identifier: Apache-2.0
"""Every synchronisation of every kernel, removed in turn, must be missed: a report, or a wrong result.

This is how one knows that a kernel that runs clean on the emulator has the synchronisation it needs. A place
that can be removed unseen is either redundant (remove it) or a gap of the emulator: then it stands in
mutations.txt with its reason, and there may be at most 2 % of them.
"""

from pathlib import Path

import numpy as np
import pytest

from tilewright import _simt

from .conftest import SCHEDULES
from .mutation import sites_of, unmissed

TABLE = Path(__file__).with_name("mutations.txt")
KERNELS = _simt.matmul_kernels()


def softmax(operation, cols):
    rng = np.random.default_rng(5)
    count = 5 if cols < 2000 else 2
    x = rng.standard_normal((count, cols)).astype(np.float32) * 3
    out = np.zeros_like(x)
    if operation.endswith("forward"):
        getattr(_simt, operation)(out, x)
    else:
        getattr(_simt, operation)(out, rng.standard_normal(x.shape).astype(np.float32), x)
    return out


def matmul(kernel, dtype, shape, transpose_b):
    """K is longer than the ring of panels, so that every panel is used twice."""
    m, n, k = shape
    rng = np.random.default_rng(6)
    a = rng.standard_normal((m, k)).astype(dtype)
    b = rng.standard_normal((n, k) if transpose_b else (k, n)).astype(dtype)
    out = np.zeros((m, n), dtype)
    _simt.force_matmul(KERNELS.index(kernel))
    _simt.matmul(out, a, b, transpose_b=transpose_b)
    return out


# Name, call, the file its places stand in: every kernel that chooses its own synchronisation.
RUNS = {
    f"{name}_{direction} {cols}": (lambda o=f"{name}_{direction}", c=cols: softmax(o, c))
    for name in ("softmax", "log_softmax")
    for direction in ("forward", "backward")
    for cols in (40, 1030, 20000)
}
RUNS |= {
    f"matmul {kernel} {np.dtype(dtype).name}{' transposed' * transposed}": (
        lambda k=kernel, d=dtype, s=shape, t=transposed: matmul(k, d, s, t)
    )
    for kernel, dtype, shape in (
        ("fma_large", np.float32, (40, 72, 112)),
        ("fma_medium", np.float32, (40, 72, 112)),
        ("fma_small", np.float32, (40, 72, 112)),
        ("fma_double", np.float64, (40, 72, 56)),
        ("mma_large", np.float16, (40, 72, 384)),
        ("mma_medium", np.float16, (40, 72, 576)),
        ("mma_small", np.float16, (40, 72, 576)),
    )
    for transposed in (False, True)
}
RUNS["matmul thin_dot float32"] = lambda: matmul("thin_dot", np.float32, (5, 40, 300), True)
RUNS["matmul thin_stream float32"] = lambda: matmul("thin_stream", np.float32, (5, 150, 300), False)


@pytest.fixture(autouse=True)
def whole_kernels_afterwards():
    before = _simt.schedule()
    yield
    _simt.remove_sync_site(-1)
    _simt.record_sync_sites(False)
    _simt.force_matmul(-1)
    _simt.set_schedule(before)


def table():
    """Run -> (places, {place that is not missed: reason}), from mutations.txt."""
    rows, run = {}, ""
    for line in TABLE.read_text().splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith(" "):
            place, reason = line.strip().split(": ", 1)
            rows[run][1][place] = reason
        else:
            run, places = line.rsplit(": ", 1)
            rows[run] = (int(places), {})
    return rows


@pytest.mark.parametrize("run", RUNS)
def test_each_synchronisation_is_needed(run):
    call = RUNS[run]
    count, unseen = unmissed(lambda: (call(),))
    places, known = table()[run]
    assert count == places, f"the kernel synchronises in {count} places, mutations.txt has {places}"
    unseen = [f"{operation} in {Path(file).name}" for operation, file, _ in unseen]
    assert sorted(unseen) == sorted(known), "removed and not missed"


def test_the_table_is_complete():
    rows = table()
    assert list(rows) == list(RUNS)
    places, unseen = sum(r[0] for r in rows.values()), sum(len(r[1]) for r in rows.values())
    assert unseen <= 0.02 * places, f"{unseen} of {places} are not missed"


def test_a_missing_barrier_is_a_race_under_every_schedule():
    """The report does not wait for an unlucky order: happens-before finds it whatever ran first."""
    call = RUNS["softmax_backward 1030"]
    sites = sites_of(call)
    barrier = [i for i, (operation, _, _) in enumerate(sites) if operation == "block_sync"]
    assert len(barrier) == 1
    _simt.remove_sync_site(barrier[0])
    for schedule in SCHEDULES:
        _simt.set_schedule(schedule)
        with pytest.raises(RuntimeError, match="race on shared memory|uninitialised shared memory read"):
            call()


@pytest.mark.parametrize("operation", ["copy_async_wait", "block_sync"])
def test_a_missing_wait_in_the_ring_is_found_under_every_schedule(operation):
    """Whether the data lands early or late."""
    call = RUNS["matmul fma_small float32"]
    sites = sites_of(call)
    _simt.remove_sync_site(next(i for i, site in enumerate(sites) if site[0] == operation))
    for schedule in SCHEDULES:
        _simt.set_schedule(schedule)
        with pytest.raises(RuntimeError, match="race on shared memory|uninitialised shared memory read"):
            call()


def test_unknown_place():
    _simt.record_sync_sites(True)
    _simt.record_sync_sites(False)
    with pytest.raises(IndexError, match="no such synchronisation"):
        _simt.remove_sync_site(0)
