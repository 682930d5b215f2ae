# SPDX-License-Identifier: Apache-2.0
"""Every synchronisation of every kernel, removed in turn, must be missed: a report, or a wrong result.

This is how one knows that a kernel that runs clean on the emulator has the synchronisation it needs. A place
that can be removed unseen is either redundant (remove it) or a gap of the emulator (list it, with a reason).
"""

from pathlib import Path

import numpy as np
import pytest

from tilewright import _simt

from .conftest import SCHEDULES

# (operation, cols): every kernel that chooses its own synchronisation.
RUNS = [
    (f"{name}_{direction}", cols)
    for name in ("softmax", "log_softmax")
    for direction in ("forward", "backward")
    for cols in (40, 1030, 20000)
]


@pytest.fixture(autouse=True)
def whole_kernels_afterwards():
    before = _simt.schedule()
    yield
    _simt.remove_sync_site(-1)
    _simt.record_sync_sites(False)
    _simt.set_schedule(before)


def run(operation, cols):
    rng = np.random.default_rng(5)
    count = 5 if cols < 2000 else 2
    x = rng.standard_normal((count, cols)).astype(np.float32) * 3
    out = np.zeros_like(x)
    if operation.endswith("forward"):
        getattr(_simt, operation)(out, x)
    else:
        getattr(_simt, operation)(out, rng.standard_normal(x.shape).astype(np.float32), x)
    return out


def sites_of(operation, cols):
    _simt.record_sync_sites(True)
    want = run(operation, cols)
    _simt.record_sync_sites(False)
    return want, _simt.sync_sites()


@pytest.mark.parametrize("operation, cols", RUNS)
def test_each_synchronisation_is_needed(operation, cols):
    _simt.set_schedule("forward")
    want, sites = sites_of(operation, cols)
    assert sites, "the kernel synchronises nowhere?"
    assert {Path(file).name for _, file, _ in sites} == {"softmax.cuh"}
    unseen = []
    for i, site in enumerate(sites):
        _simt.remove_sync_site(i)
        if not any(objects(operation, cols, schedule, want) for schedule in SCHEDULES):
            unseen.append(site)
        _simt.remove_sync_site(-1)
    assert not unseen, f"{len(unseen)} of {len(sites)} removed synchronisations were not missed: {unseen}"
    assert np.array_equal(run(operation, cols), want)


def objects(operation, cols, schedule, want):
    _simt.set_schedule(schedule)
    try:
        return not np.array_equal(run(operation, cols), want)
    except RuntimeError as report:
        assert "[simt]" in str(report)
        return True


def test_a_missing_barrier_is_a_race_under_every_schedule():
    """The report does not wait for an unlucky order: happens-before finds it whatever ran first."""
    want, sites = sites_of("softmax_backward", 1030)
    barrier = [i for i, (operation, _, _) in enumerate(sites) if operation == "block_sync"]
    assert len(barrier) == 1
    _simt.remove_sync_site(barrier[0])
    for schedule in SCHEDULES:
        _simt.set_schedule(schedule)
        with pytest.raises(RuntimeError, match="race on shared memory|uninitialised shared memory read"):
            run("softmax_backward", 1030)


def test_unknown_place():
    _simt.record_sync_sites(True)
    _simt.record_sync_sites(False)
    with pytest.raises(IndexError, match="no such synchronisation"):
        _simt.remove_sync_site(0)
