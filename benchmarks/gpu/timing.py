# SPDX-License-Identifier: Apache-2.0
"""Where GPU benchmarks run: on a GPU with CuPy and PyTorch, or rehearsed on the emulator with NumPy.

Rivals take turns on the same buffers, of which there are enough to exceed three times the L2 cache; each turn
is one CUDA graph over all of them, timed by events. The median of the turns counts.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

import numpy as np

import tilewright as tw
from tilewright import backend


@dataclass
class Case:
    """One computation: `make(place)` gives buffers, ours and each rival is called with them."""

    name: str
    make: object
    ours: object
    rivals: dict = field(default_factory=dict)
    flop: float = 0.0
    bytes: float = 0.0
    target: str = ""  # what the project aims at
    tolerance: float = 2e-2  # of the outputs against each other
    plain: bool = False  # calls are timed as they are: they launch graphs of their own


class Rehearsal:
    """The emulator: NumPy arrays, PyTorch on the CPU as the rival where it is installed."""

    dry, l2_bytes = True, 0

    def __init__(self):
        tw.set_device("simt")
        self.rng = np.random.default_rng(1)
        try:
            import torch

            self.torch = torch
        except ImportError:
            self.torch = None

    def size(self, whole: int, tiny: int) -> int:
        return tiny

    def normal(self, *shape, dtype="float32"):
        return self.rng.standard_normal(shape).astype(_dtype(dtype))

    def tensor(self, x):
        """x as PyTorch sees it, the same memory."""
        if x.dtype.name == "bfloat16":
            return self.torch.from_numpy(x.view(np.int16)).view(self.torch.bfloat16)
        return self.torch.from_numpy(x)

    def host(self, y) -> np.ndarray:
        if self.torch is not None and isinstance(y, self.torch.Tensor):
            return y.detach().float().cpu().numpy()
        return np.asarray(backend.to_host(y), np.float32)

    def prepare(self, call, sets):
        return lambda: [call(s) for s in sets]

    def seconds(self, turn) -> float:
        begun = time.perf_counter()
        turn()
        return time.perf_counter() - begun

    def wait(self) -> None:
        pass


class Gpu(Rehearsal):
    """A GPU."""

    dry = False

    def __init__(self):
        import cupy
        import torch

        tw.set_device("cuda")
        self.cupy, self.torch = cupy, torch
        self.rng = np.random.default_rng(1)
        self.l2_bytes = tw.cuda.device_info()[0]["l2_bytes"]

    def size(self, whole: int, tiny: int) -> int:
        return whole

    def normal(self, *shape, dtype="float32"):
        x = self.cupy.random.standard_normal(shape, dtype="float32")
        return x if dtype == "float32" else tw.ops.cast(x, _dtype(dtype))

    def tensor(self, x):
        return self.torch.from_dlpack(x)

    def prepare(self, call, sets):
        """All sets as one graph on CuPy's or PyTorch's stream; plain calls where it cannot be captured."""
        try:
            if getattr(call, "by_torch", False):
                graph = self.torch.cuda.CUDAGraph()
                for s in sets:
                    call(s)  # libraries choose their kernels outside the capture
                self.torch.cuda.synchronize()
                with self.torch.cuda.graph(graph):
                    kept = [call(s) for s in sets]
                graph.kept = kept
                return graph.replay
            stream = self.cupy.cuda.Stream(non_blocking=True)
            kept = [call(s) for s in sets]
            self.wait()
            with stream:
                stream.begin_capture()
                kept = [call(s) for s in sets]
                graph = stream.end_capture()
            self.wait()
            return lambda kept=kept: graph.launch(self.cupy.cuda.Stream.null)
        except (RuntimeError, self.cupy.cuda.runtime.CUDARuntimeError) as error:
            print(f"    not captured, plain calls are timed: {error}")
            return lambda: [call(s) for s in sets]

    def seconds(self, turn) -> float:
        event = self.cupy.cuda.Event
        begun, ended, null = event(), event(), self.cupy.cuda.Stream.null
        begun.record(null)
        turn()
        ended.record(null)
        ended.synchronize()
        return self.cupy.cuda.get_elapsed_time(begun, ended) * 1e-3

    def wait(self) -> None:
        self.cupy.cuda.runtime.deviceSynchronize()


def by_torch(function):
    """Marks a rival whose calls PyTorch queues."""
    function.by_torch = True
    return function


def _dtype(name: str) -> np.dtype:
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def measure(place: Rehearsal, case: Case, seconds: float = 2.0, turns: int = 30) -> dict:
    """Times a case; the row as plain data."""
    made = case.make(place)
    count = 1 if place.dry else max(1, min(64, int(3 * place.l2_bytes / max(case.bytes, 1)) + 1))
    sets = [made, *(case.make(place) for _ in range(count - 1))]
    calls = {"tilewright": case.ours, **({} if place.torch is None else case.rivals)}
    outputs = {name: place.host(call(made)) for name, call in calls.items()}
    row = {"name": case.name, "flop": case.flop, "bytes": case.bytes, "target": case.target, "rivals": {}}
    prepare = Rehearsal.prepare.__get__(place) if case.plain else place.prepare
    prepared = {name: prepare(call, sets) for name, call in calls.items()}
    taken: dict = {name: [] for name in prepared}
    end = time.monotonic() + (0.2 if place.dry else seconds)
    for turn in range(1 if place.dry else turns):
        for name, run in prepared.items():
            taken[name].append(place.seconds(run) / count)
        if turn >= 4 and time.monotonic() > end:
            break
    want = outputs["tilewright"]
    scale = float(np.abs(want).max(initial=0)) or 1.0
    for name, times in taken.items():
        apart = float(np.abs(outputs[name] - want).max(initial=0)) / scale
        row["rivals"][name] = {
            "median_s": statistics.median(times),
            "minimum_s": min(times),
            "turns": len(times),
            "apart": apart,
        }
        if apart > case.tolerance:
            row["wrong"] = f"{name} differs by {apart:.2g} of the largest value"
    return row
