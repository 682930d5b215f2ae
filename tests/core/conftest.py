# SPDX-License-Identifier: Apache-2.0
"""Builds the C++ drivers of these tests with the system compiler; each runs as its own process."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE_SOURCES = ["check", "overlap", "thread_count", "parallel", "os_memory", "pool", "scratch"]
SETTINGS = ("TILEWRIGHT_NUM_THREADS", "OMP_NUM_THREADS", "TILEWRIGHT_POOL_LIMIT")


class Compiler:
    def __init__(self, directory: Path):
        self.directory = directory
        self.command = shutil.which(os.environ.get("CXX", "g++"))
        self.flags = ["-std=c++17", "-O1", "-g", "-Wall", "-Wextra", "-pthread", f"-I{ROOT / 'csrc'}"]
        # "address,undefined" or "thread": the same tests under a sanitizer.
        self.sanitize = os.environ.get("TILEWRIGHT_TEST_SANITIZE", "")
        if self.sanitize:
            self.flags += [
                f"-fsanitize={self.sanitize}",
                "-fno-sanitize-recover=all",
                "-fno-omit-frame-pointer",
            ]
        self.built: dict[Path, Path] = {}

    def run(self, arguments: list[str]) -> None:
        result = subprocess.run([self.command, *self.flags, *arguments], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr

    def object(self, source: Path) -> Path:
        if source not in self.built:
            self.built[source] = self.directory / (source.stem + ".o")
            self.run(["-c", str(source), "-o", str(self.built[source])])
        return self.built[source]

    def program(self, name: str) -> Path:
        program = self.directory / name
        if not program.exists():
            sources = [ROOT / "csrc/core" / f"{stem}.cpp" for stem in CORE_SOURCES]
            sources.append(Path(__file__).parent / "drivers" / f"{name}.cpp")
            self.run([*(str(self.object(source)) for source in sources), "-o", str(program)])
        return program


@pytest.fixture(scope="session")
def compiler(tmp_path_factory):
    compiler = Compiler(tmp_path_factory.mktemp("core"))
    if compiler.command is None:
        pytest.skip("no C++ compiler (g++ or $CXX) to build the drivers with")
    return compiler


@pytest.fixture
def run_driver(compiler):
    """Runs one scenario of a driver and returns what it printed; fails when the driver does."""

    def run(name, *arguments, environment=None, stdin=None, returncode=0, timeout=120, before=None):
        program = compiler.program(name)
        settings = {k: v for k, v in os.environ.items() if k not in SETTINGS}
        # Children that start threads after a fork are part of the test.
        settings["TSAN_OPTIONS"] = "die_after_fork=0"
        settings["ASAN_OPTIONS"] = "allocator_may_return_null=1"
        settings.update(environment or {})
        result = subprocess.run(
            [str(program), *map(str, arguments)],
            capture_output=True, text=True, env=settings, input=stdin, timeout=timeout, preexec_fn=before,
        )  # fmt: skip
        assert result.returncode == returncode, f"{name} {arguments}: {result.stdout}{result.stderr}"
        return result.stdout if returncode == 0 else result.stderr

    return run
