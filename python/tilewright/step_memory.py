# SPDX-License-Identifier: Apache-2.0
"""Where the arrays of recorded steps lie: an arena of `core/arena` on each device."""

from __future__ import annotations

import contextlib

from tilewright import _cpu


class HostMemory:
    """That of the CPU and the emulator; gpu_replay.GpuArena is the same for a GPU."""

    def __init__(self):
        self.arena = _cpu.Arena()
        self.writing = self.aside = contextlib.nullcontext  # a Recorder takes the arena itself

    def finish(self, recorder, inputs, results):
        return recorder.finish(inputs, results)


class Arena:
    """The memory that recorded steps share, on each device they ran on."""

    def __init__(self):
        self._memory: dict = {}

    def on(self, device: str):
        """The memory on a device ("simt" computes on the CPU's)."""
        device = "cuda" if device == "cuda" else "cpu"
        if device not in self._memory:
            if device == "cuda":
                from tilewright.gpu_replay import GpuArena

                self._memory[device] = GpuArena()
            else:
                self._memory[device] = HostMemory()
        return self._memory[device]

    @property
    def bytes(self) -> int:
        """Bytes of all its blocks."""
        return sum(memory.arena.bytes for memory in self._memory.values())
