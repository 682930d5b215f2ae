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


def sites_of(run) -> list[tuple[str, str, int]]:
    """Where `run` synchronises: operation, file and line of each place."""
    _simt.set_schedule("forward")
    _simt.record_sync_sites(True)
    run()
    _simt.record_sync_sites(False)
    return _simt.sync_sites()


def unmissed(run) -> tuple[int, list]:
    """How many places `run` synchronises at, and which of them can be removed with nobody objecting."""
    sites, unseen = sites_of(run), []
    want = bits(run())
    for i, site in enumerate(sites):
        _simt.remove_sync_site(i)
        if not any(_simt.set_schedule(s) or objects(run, want) for s in SCHEDULES):
            unseen.append(site)
        _simt.remove_sync_site(-1)
    assert bits(run()) == want
    return len(sites), unseen
