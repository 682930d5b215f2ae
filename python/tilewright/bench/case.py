# SPDX-License-Identifier: Apache-2.0
"""Case: one computation to be timed, done by Tilewright and by others on the same buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tilewright.bench import harness
from tilewright.threads import set_num_threads

# The shape files lie beside the benchmarks in a source tree, and inside the package in a wheel.
_FOLDERS = (Path(__file__).parents[3] / "benchmarks" / "shapes", Path(__file__).parent / "shapes")


@dataclass
class Case:
    """What to time.

    Parameters
        name, group : the row's, as in the shape file
        flop, bytes : the work: FLOP as the textbook counts it, bytes that must move, read plus written
        make : one set of buffers, a dict
        rivals : library to a call on such a set, which gives its result as one array (or a list of them)
        exact : the same in float64 from a set, or None: no error is recorded
        cold : whether the buffers rotate past the caches
        only_reads : what it writes is small beside what it reads: the bandwidth of reading is its roof
    """

    name: str
    group: str
    flop: float
    bytes: float
    make: Callable[[], dict]
    rivals: dict[str, Callable] = field(default_factory=dict)
    exact: Callable | None = None
    cold: bool = True
    only_reads: bool = False


ONE_THREAD = "one thread"


def against_one_thread(case: Case, threads: int) -> Case:
    """The same case by Tilewright alone, its rival itself with one thread: the ratio is what threads gain.

    Other libraries keep their threads spinning for a while, which takes a core from whoever comes next."""

    def with_threads(count):
        def call(buffers):
            with set_num_threads(count):
                return case.rivals["tilewright"](buffers)

        return call

    rivals = {"tilewright": with_threads(threads), ONE_THREAD: with_threads(1)}
    return replace(case, rivals=rivals, exact=None)


def run(case: Case, threads: int, seconds: float) -> harness.Row:
    """Times a case."""
    sets = harness.buffer_sets(case.make, case.bytes, cold=case.cold)
    exact = None if case.exact is None else _parts(case.exact(sets[0]))
    error = None if exact is None else lambda _, result: relative_error(_parts(result), exact)
    row = harness.Row(case.name, case.group, float(case.flop), float(case.bytes), only_reads=case.only_reads)
    row.rivals = harness.measure(case.rivals, sets, seconds=seconds, single_thread=threads == 1, error=error)
    return row


def _parts(result) -> list:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def relative_error(result: list, exact: list) -> float:
    """The largest difference, each array's against its own largest value."""
    worst = 0.0
    for y, want in zip(result, exact, strict=True):
        want = np.asarray(want, np.float64)
        y = np.asarray(y, np.float64).reshape(want.shape)
        scale = np.abs(want).max(initial=0.0) or 1.0
        worst = max(worst, float(np.abs(y - want).max(initial=0.0)) / scale)
    return worst


def paired(
    name: str,
    group: str,
    arrays: dict,
    *,
    ours: Callable,
    torch: Callable | None = None,
    numpy: Callable | None = None,
    exact: Callable | None = None,
    flop: float,
    bytes: float,
    cold: bool = True,
    only_reads: bool = False,
) -> Case:
    """A Case of arrays by name: each rival is called with a namespace of them, PyTorch with tensors over the
    same memory. Whoever writes into one of them returns it; a tensor is turned into an array."""
    pytorch = torch_module() if torch is not None else None

    def make():
        own = {key: array.copy() for key, array in arrays.items()}
        made = {"arrays": SimpleNamespace(**own)}
        if pytorch:
            tensors = {key: pytorch.from_numpy(array) for key, array in own.items()}
            made["tensors"] = SimpleNamespace(**tensors)
        return made

    rivals = {"tilewright": lambda s: ours(s["arrays"])}
    if numpy is not None:
        rivals["numpy"] = lambda s: numpy(s["arrays"])
    if pytorch:
        rivals["torch"] = lambda s: _from_torch(torch(s["tensors"]))

    def wanted(s):
        return exact(
            SimpleNamespace(
                **{k: a.astype(np.float64) if a.dtype.kind == "f" else a for k, a in arrays.items()}
            )
        )

    return Case(name, group, flop, bytes, make, rivals, None if exact is None else wanted, cold, only_reads)


def _from_torch(result):
    if isinstance(result, (tuple, list)):
        return [part.detach().numpy() for part in result]
    return result.detach().numpy()


# Names of shapes to which `lines` keeps, or None for all: what is not wanted is never made.
wanted_shapes: ContextVar[frozenset[str] | None] = ContextVar("wanted_shapes", default=None)


def lines(family: str) -> Iterator[list[str]]:
    """The fields of each line of shapes/<family>.txt, as far as wanted; # begins a comment."""
    wanted = wanted_shapes.get()
    for folder in _FOLDERS:
        path = folder / f"{family}.txt"
        if path.is_file():
            for text in path.read_text().splitlines():
                fields = text.split("#")[0].split()
                if fields and (wanted is None or wanted & set(fields[:2])):
                    yield fields
            return
    raise FileNotFoundError(f"[bench] shapes/{family}.txt is not there, expected it in one of {_FOLDERS}")


def torch_module():
    """PyTorch, or None where it is not installed."""
    if not find_spec("torch"):
        return None
    import torch

    return torch


def normal(rng, *shape, dtype=np.float32):
    return rng.standard_normal(shape).astype(dtype)


def random_size(rng, low: int, high: int) -> int:
    """A size whose logarithm is uniform, both ends included."""
    return min(high, int(low * (high / low) ** rng.random() * (1 + 0.5 / max(low, 1))))
