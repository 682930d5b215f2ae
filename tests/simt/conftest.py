# SPDX-License-Identifier: Apache-2.0
"""Building small programs against the emulator, and the schedules every kernel is run under."""

import ctypes
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tilewright import _simt, backend

ROOT = Path(__file__).resolve().parents[2]
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
SCHEDULES = ("forward", "reverse", "random:1", "random:2", "starve:0", "starve:1")


WARNINGS = ("-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread")
INCLUDES = (f"-I{ROOT / 'cuda'}", f"-I{ROOT / 'csrc'}")


def compiled(words: list) -> None:
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    result = subprocess.run([compiler, *map(str, words)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


class Toolchain:
    """Compiles the emulator once for each set of flags, and files of test kernels against it."""

    def __init__(self, folder: Path):
        self._folder, self._objects = folder, {}

    def _emulator(self, flags: tuple) -> list[Path]:
        if flags not in self._objects:
            folder = self._folder / f"emulator{len(self._objects)}"
            folder.mkdir()
            sources = sorted((ROOT / "cuda/simt").glob("*.cpp"))
            objects = [folder / f"{source.stem}.o" for source in sources]
            with ThreadPoolExecutor(2) as pool:
                common = [*WARNINGS, *flags, *INCLUDES, "-c"]
                pairs = zip(sources, objects, strict=True)
                list(pool.map(compiled, ([*common, source, "-o", made] for source, made in pairs)))
            self._objects[flags] = objects
        return self._objects[flags]

    def build(self, output: Path, *own, flags: tuple = (), source: str = "fault_kernels.cu") -> Path:
        """A program or library of `source` over the thread pool that is installed; `own` are flags of the
        file and of the link, `flags` the emulator's too."""
        objects, library = self._emulator(flags), Path(_simt.__file__).parent
        file = Path(__file__).parent / source
        link = [f"-L{library}", f"-Wl,-rpath,{library}", "-ltilewright", "-Wl,--no-undefined"]
        words = [*WARNINGS, *flags, *own, *INCLUDES, *objects, "-x", "c++", file, "-x", "none"]
        compiled([*words, *link, "-o", output])
        return output


@pytest.fixture(scope="session")
def toolchain(tmp_path_factory) -> Toolchain:
    return Toolchain(tmp_path_factory.mktemp("simt"))


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
def emulator(toolchain, tmp_path_factory) -> Emulator:
    output = tmp_path_factory.mktemp("kernels") / "libfault_kernels.so"
    return Emulator(toolchain.build(output, "-shared", flags=("-fPIC",)))


@pytest.fixture(scope="session")
def async_kernels(toolchain, tmp_path_factory) -> Emulator:
    output = tmp_path_factory.mktemp("kernels") / "libasync_kernels.so"
    return Emulator(toolchain.build(output, "-shared", flags=("-fPIC",), source="async_kernels.cu"))


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
