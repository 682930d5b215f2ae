# SPDX-License-Identifier: Apache-2.0
"""A GPU's stand-in for machines without one: CuPy's over host memory, and the tables the GPU module would
have.

What the emulator implements runs on the emulator; of the rest the CPU's table takes the arrays. So every line
of Python that handles a GPU array runs here, and the bindings' side of `__cuda_array_interface__`; that it
works on a GPU is not shown by it.
"""

import functools
import sys
from pathlib import Path

import pytest

from tilewright import _cpu, _simt, backend

sys.path.insert(0, str(Path(__file__).parent))

import stand_in_cupy


class StandInModule:
    """`_cuda` as the engine sees it."""

    backend = "cuda"

    def __init__(self, emulated=()):
        lines = {entry["name"]: entry for entry in _simt.operations()}
        self.found = None  # what a kernel would have reported
        self._emulated = {n for n, e in lines.items() if e["implemented"] and (not emulated or n in emulated)}

    def operations(self):
        both = zip(_simt.operations(), _cpu.operations(), strict=True)
        return [simt if simt["name"] in self._emulated else cpu for simt, cpu in both]

    def unavailable_reason(self):
        return ""

    def raise_value_errors(self):
        """The CPU and the emulator raise at once; what a test leaves in `found` is what a GPU found."""
        found, self.found = self.found, None
        if found is not None:
            raise ValueError(found)

    def device_info(self):
        return [{"name": "stand-in", "compute_capability": (9, 0)}]

    def __getattr__(self, name):
        module = _simt if name in self._emulated else _cpu
        function = getattr(module, name)

        @functools.wraps(function)
        def call(*args, **kwargs):
            module.stand_in_for_gpu(True, lambda: stand_in_cupy.cuda.get_current_stream().ptr)
            try:
                function(*args, **kwargs)
            finally:
                module.stand_in_for_gpu(False)

        setattr(self, name, call)
        return call


def put_in(monkeypatch, module):
    monkeypatch.setitem(sys.modules, "cupy", stand_in_cupy)
    monkeypatch.setitem(backend._modules, "cuda", module)
    monkeypatch.setattr(backend, "_widening", {})
    run = _cpu.Recording.run
    monkeypatch.setattr(  # a capturing stream runs nothing
        _cpu.Recording, "run", lambda self: stand_in_cupy.cuda.get_current_stream().queue(lambda: run(self))
    )
    stand_in_cupy.counts.reads = stand_in_cupy.counts.uploads = 0
    return stand_in_cupy


@pytest.fixture
def cupy(monkeypatch):
    """CuPy's stand-in, over the CPU's table: for the Python side, quickly."""
    return put_in(monkeypatch, StandInModule(emulated={"none"}))


@pytest.fixture
def emulated_cupy(monkeypatch):
    """The same over the emulator, as far as that goes."""
    return put_in(monkeypatch, StandInModule())


@pytest.fixture
def gpu(cupy):
    """`cupy`, with the device chosen as a program would."""
    backend.set_device("cuda")
    return cupy
