# SPDX-License-Identifier: Apache-2.0
"""The core every benchmark shares: fair timing of rivals in one process, and records of what was measured.

Rivals run in turns, A B A B, on the same buffers, which rotate past the last-level cache unless a case is
meant to stay in it; the minimum and the median count. Outputs are compared in the same run.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tilewright import _cpu, profiling

SCHEMA = 1
_SHORTEST = 200e-6  # a timed stretch repeats its call until it lasts about this long
_UNDISTURBED = 2e-3  # the minimum of stretches shorter than this finds one that nothing interrupted
_MOST_SETS = 256
_PAUSE = 0.03  # threads of OpenMP and OpenBLAS spin after a call, on cores that the next rival needs
_LONG = 10e-3  # stretches that follow a pause last longer, so that the pauses do not eat the time
_PACKAGES = ("tilewright", "numpy", "torch", "jax", "keras", "tensorflow", "onnxruntime")


@dataclass
class Timing:
    """Seconds of one rival: minimum and median over `runs` stretches, and the largest error of its output."""

    minimum: float
    median: float
    runs: int
    error: float | None = None


@dataclass
class Row:
    """One case of a family: its work in FLOP and bytes, and each rival's Timing; "tilewright" is ours."""

    name: str
    group: str
    flop: float
    bytes: float
    rivals: dict[str, Timing] = field(default_factory=dict)
    only_reads: bool = False  # what is written is small
    # Of programs: bytes that training added, seconds of predicting a row; and our longest operations.
    memory: dict[str, float] = field(default_factory=dict)
    predict: dict[str, float] = field(default_factory=dict)
    profile: list[dict] = field(default_factory=list)

    def best_rival(self) -> str | None:
        """The fastest of the others."""
        others = [name for name in self.rivals if name != "tilewright"]
        return min(others, key=lambda name: self.rivals[name].minimum, default=None)

    def ratio(self) -> float | None:
        """How many times as fast as the best rival; above 1 we win."""
        best = self.best_rival()
        return None if best is None else self.rivals[best].minimum / self.rivals["tilewright"].minimum


@contextlib.contextmanager
def threads(count: int):
    """Every library found uses `count` threads inside; yields what was set, by library."""
    done = {"tilewright": count}
    before, torch = _cpu.num_threads(), sys.modules.get("torch")
    torch_before = torch.get_num_threads() if torch else None
    _cpu.set_num_threads(count)
    if torch:
        torch.set_num_threads(count)
        done["torch"] = torch.get_num_threads()
    try:
        from threadpoolctl import threadpool_info, threadpool_limits

        limits = threadpool_limits(count)
        done.update(
            {
                pool["internal_api"]: pool["num_threads"]
                for pool in threadpool_info()
                if "internal_api" in pool
            }
        )
    except ImportError:
        limits = contextlib.nullcontext()
        done["numpy"] = (
            f"unknown: threadpoolctl is missing (OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS')})"
        )
    try:
        with limits:
            yield done
    finally:
        _cpu.set_num_threads(before)
        if torch:
            torch.set_num_threads(torch_before)


def cache_bytes() -> int:
    """Size of the last-level cache, 32 MiB where the system does not say."""
    sizes = [0]
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text().strip()
        sizes.append(int(text.rstrip("KM")) << (20 if text.endswith("M") else 10))
    return max(sizes) or 32 << 20


def buffer_sets(make: Callable[[], object], set_bytes: float, rivals: int = 3, cold: bool = True) -> list:
    """Results of `make`: one where `cold` is false, else enough that each rival finds none in the caches,
    although all of them go round the same ones."""
    count = (
        1 if not cold else int(min(_MOST_SETS, max(2, -(-2 * rivals * cache_bytes() // max(set_bytes, 1)))))
    )
    return [make() for _ in range(count)]


def measure(
    rivals: dict[str, Callable],
    sets: Sequence,
    *,
    seconds: float = 0.3,
    single_thread: bool = True,
    error: Callable | None = None,
    on_round: Callable | None = None,
) -> dict[str, Timing]:
    """Times each rival's call(buffers) in turns for about `seconds` in all, at least three rounds.

    Parameters
        rivals : name to function of one element of `sets`
        single_thread : long stretches are timed by the thread's CPU time, which other programs disturb least;
            everything else by wall time. With more threads each stretch follows a pause and an untimed call,
            else a rival's spinning threads would hold the cores
        error : error(name, what the rival returned for sets[0]) gives the number kept with its Timing
    """
    errors, repeats, longest = {}, {}, 0.0
    for name, call in rivals.items():
        result = call(sets[0])
        errors[name] = error(name, result) if error else None
        start = time.perf_counter()
        call(sets[-1])
        once = time.perf_counter() - start
        shortest = _SHORTEST if single_thread else _LONG
        repeats[name], longest = max(1, int(shortest / max(once, 1e-7))), max(longest, once)
    clock = time.thread_time if single_thread and longest > _UNDISTURBED else time.perf_counter
    spent: dict[str, list[float]] = {name: [] for name in rivals}
    # Rivals start at different places of the round, else each would find the buffers its neighbour just used.
    position = {name: i * len(sets) // len(rivals) for i, name in enumerate(rivals)}
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < 3 or time.perf_counter() < end:
        for name, call in rivals.items():
            count, at = repeats[name], position[name]
            if not single_thread:
                time.sleep(_PAUSE)
                call(sets[(at - 1) % len(sets)])
            start = clock()
            for i in range(at, at + count):
                call(sets[i % len(sets)])
            spent[name].append((clock() - start) / count)
            position[name] = at + count
        rounds += 1
        if on_round:
            on_round(rounds)
    return {n: Timing(min(t), statistics.median(t), len(t), errors[n]) for n, t in spent.items()}


def cpu_name() -> str:
    """The processor as the system calls it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Versions of the packages that are installed and may be rivals."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def commit() -> str | None:
    """The commit of the source tree this runs from, with "+" for changes; None outside a checkout."""

    def git(*words):
        return subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True)

    with contextlib.suppress(OSError):
        head = git("rev-parse", "--short=12", "HEAD")
        if head.returncode == 0:
            return head.stdout.strip() + ("+" if git("status", "--porcelain", "-uno").stdout.strip() else "")
    return None


def isa_limits() -> dict[str, str]:
    """The variables that keep libraries to older instructions, as far as they are set."""
    names = (
        "TILEWRIGHT_ISA",
        "MKL_ENABLE_INSTRUCTIONS",
        "ONEDNN_MAX_CPU_ISA",
        "OPENBLAS_CORETYPE",
        "ATEN_CPU_CAPABILITY",
        "NPY_DISABLE_CPU_FEATURES",
    )
    return {name: os.environ[name] for name in names if name in os.environ}


def environment(thread_counts: dict) -> dict:
    """Where a record was made: machine, ISA, threads of each library, versions, commit, roofline."""
    flops, bandwidth, reading = profiling.limits()
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "cache_bytes": cache_bytes(),
        "isa": _cpu.isa(),
        "isa_limits": isa_limits(),
        "conv2d_method": _cpu.conv2d_method(),
        "threads": thread_counts,
        "versions": versions(),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "peak_flops": flops,
        "copy_bandwidth": bandwidth,
        "read_bandwidth": reading,
    }


def save(path, family: str, place: dict, rows: Sequence[Row]) -> None:
    """Writes one record: {schema, family, environment, rows}. The file is replaced whole or not at all."""
    record = {
        "schema": SCHEMA,
        "family": family,
        "environment": place,
        "rows": [{**asdict(row), "best_rival": row.best_rival(), "ratio": row.ratio()} for row in rows],
    }
    path = Path(path)
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(json.dumps(record, indent=1) + "\n")
    part.replace(path)


def summary(rows: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Per group of rows: how many, geometric mean and worst of the ratios."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        if row.ratio() is not None:
            groups.setdefault(row.group, []).append(row.ratio())
    return {
        group: {"rows": len(r), "geomean": statistics.geometric_mean(r), "worst": min(r)}
        for group, r in groups.items()
    }
