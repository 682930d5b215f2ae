# SPDX-License-Identifier: Apache-2.0
"""`with tw.profile():` around any code: calls, time, FLOP, bytes and share of the roofline by operation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tilewright import _cpu


@dataclass(frozen=True)
class Row:
    """One operation of a profile. `roof_percent` is the share of the best this machine could do: the larger
    of its rate over the peak of multiply-adds and its traffic over the copy bandwidth (Williams, Waterman &
    Patterson, "Roofline", 2009). Work that stays in the caches can pass 100 % of the bandwidth."""

    operation: str
    calls: int
    seconds: float
    flop: float
    bytes: float
    roof_percent: float


@cache
def _roofline(threads: int, isa: str) -> tuple[float, float, float]:
    return _cpu.roofline()


def limits() -> tuple[float, float, float]:
    """`roofline`, and bytes per second where memory is only read."""
    return _roofline(_cpu.num_threads(), _cpu.isa())


def roofline() -> tuple[float, float]:
    """Measured peak of this machine with the threads and instruction set in use: FLOP per second of float32
    multiply-adds, and bytes per second (read plus written) of a large copy. Measured once, about 0.2 s."""
    return limits()[:2]


class profile:
    """Counts every operation the calling thread runs inside the `with` block, and prints a table at its end.

    Parameters
        show : print the table when the block ends
    Examples
        >>> import numpy as np, tilewright as tw
        >>> with tw.profile(show=False) as p:
        ...     y = tw.ops.softmax(np.zeros((4, 10), np.float32))
        >>> [(row.operation, row.calls) for row in p.rows()]
        [('softmax_forward', 1)]
    """

    def __init__(self, show: bool = True):
        self._show = show
        self._counts = _cpu.Profile()

    def __enter__(self) -> profile:
        self._counts.start()
        return self

    def __exit__(self, kind, *_) -> None:
        self._counts.stop()
        if self._show and kind is None:
            print(self.table())

    def rows(self) -> list[Row]:
        """One Row an operation, the longest first."""
        peak, bandwidth = roofline()
        rows = []
        for operation, calls, seconds, flop, size in self._counts.rows():
            best = max(flop / peak, size / bandwidth)
            rows.append(Row(operation, calls, seconds, flop, size, 100 * best / seconds if seconds else 0.0))
        return sorted(rows, key=lambda row: -row.seconds)

    def table(self) -> str:
        """The rows as text, with totals."""
        rows = self.rows()
        total = sum(row.seconds for row in rows) or 1.0
        lines = [
            f"{'operation':<26}{'calls':>8}{'ms':>11}{'share':>8}"
            f"{'GFLOP':>10}{'GFLOP/s':>10}{'MB':>11}{'GB/s':>8}{'roof':>7}"
        ]
        for r in rows:
            lines.append(
                f"{r.operation:<26}{r.calls:>8}{1e3 * r.seconds:>11.3f}{100 * r.seconds / total:>7.1f}%"
                f"{r.flop / 1e9:>10.3f}{r.flop / r.seconds / 1e9:>10.1f}{r.bytes / 1e6:>11.2f}"
                f"{r.bytes / r.seconds / 1e9:>8.1f}{r.roof_percent:>6.0f}%"
            )
        lines.append(
            f"{'total':<26}{sum(r.calls for r in rows):>8}{1e3 * sum(r.seconds for r in rows):>11.3f}"
        )
        peak, bandwidth = roofline()
        lines.append(
            f"roofline measured with {_cpu.num_threads()} threads, {_cpu.isa()}: "
            f"{peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.1f} GB/s"
        )
        return "\n".join(lines)
