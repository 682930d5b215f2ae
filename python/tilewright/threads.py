# SPDX-License-Identifier: Apache-2.0
"""How many threads the kernels use, and how threadpoolctl sees them."""

from __future__ import annotations

from tilewright import _cpu


def num_threads() -> int:
    """Threads a call may use: set_num_threads, TILEWRIGHT_NUM_THREADS, OMP_NUM_THREADS, affinity, cgroup."""
    return _cpu.num_threads()


class set_num_threads:
    """Sets the number of threads for the process; as a context manager, puts the old number back at its end.

    Parameters
        threads : int, at least 1
    Raises    ValueError: threads below 1
    """

    def __init__(self, threads: int):
        self._before = _cpu.num_threads()
        _cpu.set_num_threads(threads)

    def __enter__(self) -> set_num_threads:
        return self

    def __exit__(self, *_) -> None:
        _cpu.set_num_threads(self._before)
