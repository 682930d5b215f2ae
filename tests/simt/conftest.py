# SPDX-License-Identifier: Apache-2.0
"""Building small programs against the emulator, and the schedules every kernel is run under."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tilewright import _simt, backend

ROOT = Path(__file__).resolve().parents[2]
SCHEDULES = ("forward", "reverse", "random:1", "random:2", "starve:0", "starve:1")


def build(output: Path, *flags: str, source: str = "fault_kernels.cu") -> Path:
    """Compiles a file of test kernels with the emulator, over the thread pool that is installed; skips where
    there is no compiler."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    sources = sorted((ROOT / "cuda/simt").glob("*.cpp"))
    library = Path(_simt.__file__).parent
    command = [
        compiler,
        "-std=c++17",
        "-O1",
        "-g",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pthread",
        "-Wl,--no-undefined",
        *flags,
        f"-I{ROOT / 'cuda'}",
        f"-I{ROOT / 'csrc'}",
        *map(str, sources),
        "-x",
        "c++",
        str(Path(__file__).parent / source),
        "-x",
        "none",
        f"-L{library}",
        f"-Wl,-rpath,{library}",
        "-ltilewright",
        "-o",
        str(output),
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return output


class Emulator:
    """The seeded kernels, by name."""

    def __init__(self, path: Path):
        self.library = ctypes.CDLL(str(path))

    def run(self, kernel: str, schedule: str = "forward", fill=np.nan) -> tuple[str, np.ndarray]:
        """The report (empty if the kernel ran clean) and the 256 floats it was given, filled, and wrote."""
        storage = np.full(256 + 16, np.nan, np.float32)
        start = -storage.ctypes.data % 64 // 4
        y = storage[start : start + 256]
        y[:] = fill
        report = ctypes.create_string_buffer(8192)
        self.library.tw_run(kernel.encode(), schedule.encode(), ctypes.c_void_p(y.ctypes.data), report, 8192)
        return report.value.decode(), y

    def convert(self, function: str, source: np.ndarray, dtype) -> np.ndarray:
        result = np.empty(source.shape, dtype)
        getattr(self.library, function)(
            ctypes.c_void_p(source.ctypes.data),
            ctypes.c_void_p(result.ctypes.data),
            ctypes.c_int64(source.size),
        )
        return result


@pytest.fixture(scope="session")
def emulator(tmp_path_factory) -> Emulator:
    return Emulator(build(tmp_path_factory.mktemp("simt") / "libfault_kernels.so", "-shared", "-fPIC"))


@pytest.fixture(scope="session")
def async_kernels(tmp_path_factory) -> Emulator:
    output = tmp_path_factory.mktemp("simt") / "libasync_kernels.so"
    return Emulator(build(output, "-shared", "-fPIC", source="async_kernels.cu"))


@pytest.fixture
def isa():
    """Tests of tests/ops that ask for an instruction set get the emulator, once."""
    return "simt"


@pytest.fixture
def on_simt():
    """NumPy arrays go through the CUDA launchers and kernels."""
    before = _simt.schedule()
    backend.set_device("simt")
    yield
    _simt.set_schedule(before)
