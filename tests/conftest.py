# SPDX-License-Identifier: Apache-2.0
"""Fixtures all tests share. What a test changes of the process (ISA, threads, device) is put back."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from tilewright import _cpu, backend

# One back end of Keras for every test that asks it, set before anything imports it.
os.environ.setdefault("KERAS_BACKEND", "torch")

# In CI the same examples every time: a run there tells of the change, not of the draw. Elsewhere new ones are
# drawn.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(autouse=True)
def _settings_put_back():
    isa, threads, device = _cpu.isa(), _cpu.num_threads(), backend.device()
    method = _cpu.conv2d_method()
    yield
    _cpu.use_isa(isa)
    _cpu.set_num_threads(threads)
    _cpu.set_conv2d_method(method)
    backend.set_device(device)


@pytest.fixture(params=_cpu.available_isas())
def isa(request):
    """Each instruction set this processor runs, switched on for the test."""
    _cpu.use_isa(request.param)
    return request.param
