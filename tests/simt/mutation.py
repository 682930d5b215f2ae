# SPDX-License-Identifier: Apache-2.0
"""Removing one synchronisation of a kernel after another: what the mutation tests of all families share."""

import numpy as np

from tilewright import _simt

from .conftest import SCHEDULES


def bits(outputs) -> bytes:
    return b"".join(np.asarray(y).tobytes() for y in outputs)


def objects(run, want: bytes) -> bool:
    """Whether the emulator reports something, or the result is another, under the schedule set."""
    try:
        return bits(run()) != want
    except RuntimeError as report:
        assert "[simt]" in str(report)
        return True


def unmissed(run) -> tuple[int, list]:
    """How many places `run` synchronises at, and which of them can be removed with nobody objecting."""
    _simt.set_schedule("forward")
    _simt.record_sync_sites(True)
    want = bits(run())
    _simt.record_sync_sites(False)
    sites, unseen = _simt.sync_sites(), []
    for i, site in enumerate(sites):
        _simt.remove_sync_site(i)
        if not any(_simt.set_schedule(s) or objects(run, want) for s in SCHEDULES):
            unseen.append(site)
        _simt.remove_sync_site(-1)
    assert bits(run()) == want
    return len(sites), unseen
