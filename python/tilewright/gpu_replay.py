# SPDX-License-Identifier: Apache-2.0
"""Recorded steps on a GPU: their memory, and their replay as one CUDA graph.

Python runs a step on a private stream with a private CuPy pool, whose blocks `core/arena` hands out as it
does on the CPU. The calls written down are repeated once while that stream captures: nothing runs, and what
comes of it is a graph. A replay copies the inputs in, launches the graph on the caller's stream and copies
the results out; the host waits for none of it. Has run on the stand-in of tests/cuda only, never on a GPU.
"""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np

from tilewright import _cpu, backend


class GpuArena:
    """The memory of recorded steps on the GPU, and the stream they are captured on."""

    def __init__(self):
        cuda = backend.cupy().cuda
        self._pool, self._constants = cuda.MemoryPool(), {}
        pool, blocks = self._pool, {}

        def allocate(size: int) -> int:
            memory = pool.malloc(size)
            blocks[memory.ptr] = memory
            return memory.ptr

        self.arena = _cpu.Arena(allocate, blocks.pop)  # of closures: a cycle through C++ would never be freed
        self.stream = cuda.Stream(non_blocking=True)
        self._outside = None

    @contextlib.contextmanager
    def writing(self):
        """Within: arrays from the arena, calls to the private stream, in order with the caller's."""
        cuda = backend.cupy().cuda
        caller, self._outside = cuda.get_current_stream(), cuda.get_allocator()
        _follow(self.stream, caller)
        with self.stream, cuda.using_allocator(self._malloc), backend.uploads(self._constant):
            yield
        _follow(caller, self.stream)

    @contextlib.contextmanager
    def aside(self):
        """Within `writing`: arrays that are no part of the step."""
        with backend.cupy().cuda.using_allocator(self._outside), backend.uploads(None):
            yield

    def finish(self, recorder, inputs: list, results: list) -> GraphReplay:
        """What `recorder` wrote down, to be replayed."""
        return GraphReplay(recorder.finish([], []), self, inputs, results)

    def _malloc(self, size: int):
        cuda, block = backend.cupy().cuda, _Block(self.arena, size)
        return cuda.MemoryPointer(cuda.UnownedMemory(block.address, size, block), 0)

    def _constant(self, x: np.ndarray):
        """A NumPy array that the step copies to the GPU: equal ones once, outside the arena, so that a replay
        finds them where they were."""
        key = (x.shape, x.dtype.str, hashlib.sha256(np.ascontiguousarray(x)).digest())
        if key not in self._constants:
            with self.aside():
                self._constants[key] = backend.cupy().asarray(x)
        return self._constants[key]

    def place(self, array):
        """The array again, without holding its block: other steps of the arena may use it."""
        if not array.flags.c_contiguous:
            return array
        cupy = backend.cupy()
        memory = cupy.cuda.UnownedMemory(array.data.ptr, array.nbytes, self.arena)
        return cupy.ndarray(array.shape, array.dtype, cupy.cuda.MemoryPointer(memory, 0))


class _Block:
    """A block of the arena, given back when CuPy drops it."""

    def __init__(self, arena, size: int):
        self._arena, self.address = arena, arena.allocate(size)

    def __del__(self):
        self._arena.release(self.address)


def _follow(stream, other) -> None:
    """`stream` goes on when `other` has done what is queued on it now."""
    event = backend.cupy().cuda.Event(disable_timing=True)
    event.record(other)
    stream.wait_event(event)


class GraphReplay:
    """A recording as a CUDA graph: to `Recorded` the same as `_cpu.Recording`.

    Parameters
        recording : the calls, on `memory`'s stream
        inputs, results : the step's arrays
    """

    def __init__(self, recording, memory: GpuArena, inputs: list, results: list):
        self._recording, self._memory, self._graph = recording, memory, None
        self._inputs, self._results = ([memory.place(y) for y in arrays] for arrays in (inputs, results))
        self.calls, self.requested_bytes = recording.calls, recording.requested_bytes
        self.operations = recording.operations

    def difference(self, other: GraphReplay):
        return self._recording.difference(other._recording)

    def replay(self, inputs: list) -> list:
        """Copies the inputs in, runs the step, copies the results out."""
        for y, x in zip(self._inputs, inputs, strict=True):
            backend.copy_values(y, x)
        self._launch()
        return [y.copy() for y in self._results]

    def replay_steps(self, feeds: list, steps: int) -> None:
        """`steps` steps in a row; feeds holds (input number, source, ids (steps, rows))."""
        for step in range(steps):
            for port, source, ids in feeds:
                y = self._inputs[port]
                if type(source) is backend.ndarray:
                    y.set(source[ids[step]])
                else:
                    flat = source.reshape(1, len(source), -1)
                    rows = backend.to_gpu(np.ascontiguousarray(ids[step]))
                    backend.load("cuda").take(y.reshape(1, len(y), -1), flat, rows)
            self._launch()

    def _launch(self) -> None:
        stream = self._memory.stream
        if self._graph is None:
            with stream:
                stream.begin_capture()
                try:
                    self._recording.run()
                finally:
                    self._graph = stream.end_capture()
        self._graph.launch(backend.cupy().cuda.get_current_stream())
