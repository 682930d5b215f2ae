# SPDX-License-Identifier: Apache-2.0
"""Compiles the drivers of this folder once per instruction set and runs them, under qemu where needed."""

import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CSRC = HERE.parents[1] / "csrc"

# As the kernels are built: no fast-math, and only an explicit fma is fused.
COMMON_FLAGS = [
    "-std=c++17",
    "-O3",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
]


@dataclass(frozen=True)
class Isa:
    name: str
    flags: tuple = ()
    cpu_flags: tuple = ()  # as /proc/cpuinfo spells them
    machine: str = "x86_64"
    cross_compiler: str = ""
    emulator: str = ""


ISAS = [
    Isa("scalar"),
    Isa("avx2", ("-mavx2", "-mfma", "-mf16c", "-mbmi2"), ("avx2", "fma", "f16c", "bmi2")),
    Isa(
        "avx512",
        ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512")
        + ("-mavx2", "-mfma", "-mf16c", "-mbmi2"),
        ("avx512f", "avx512bw", "avx512dq", "avx512vl"),
    ),
    Isa("neon", machine="aarch64", cross_compiler="aarch64-linux-gnu-g++", emulator="qemu-aarch64"),
]


def cpu_flags():
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    lines = [line for line in text.splitlines() if line.startswith(("flags", "Features"))]
    return {word for line in lines for word in line.split()}


class Toolchain:
    """A compiler for one instruction set, and how to run what it makes."""

    def __init__(self, isa, folder):
        self.isa = isa
        self.folder = folder
        self.runner = []
        self.extra = []
        native = platform.machine() == isa.machine
        self.compiler = shutil.which("g++" if native or isa.name == "scalar" else isa.cross_compiler)
        self.outputs = {}
        if isa.name != "scalar" and not native:
            if not isa.cross_compiler:
                pytest.skip(f"{isa.name} needs {isa.machine}, this is {platform.machine()}")
            self.extra = ["-static"]
            self.emulator = shutil.which(isa.emulator)
            self.runner = [self.emulator]
        if self.compiler is None:
            pytest.skip(f"no compiler: {isa.cross_compiler or 'g++'} is not installed")

    @property
    def emulated(self):
        return bool(self.runner)

    def build(self, driver, *flags):
        out = self.folder / f"{driver}{len(flags)}{''.join(flags)}"
        if not out.exists():
            name = self.isa.name
            command = [self.compiler, *COMMON_FLAGS, *self.isa.flags, *flags, f"-I{CSRC}", f"-DTW_ISA={name}"]
            command += [
                f'-DTW_VEC_HEADER="cpu/simd/vec_{name}.h"',
                str(HERE / f"{driver}.cpp"),
                "-o",
                str(out),
            ]
            result = subprocess.run(command, capture_output=True, text=True)
            assert result.returncode == 0, f"{' '.join(command)}\n{result.stderr}"
        return out

    def run(self, driver, *arguments):
        """Standard output and error of a driver; compiled and run once, whoever asks."""
        if driver not in self.outputs:
            missing = set(self.isa.cpu_flags) - cpu_flags()
            if missing:
                pytest.skip(f"this CPU lacks {', '.join(sorted(missing))}")
            if self.runner == [None]:
                pytest.skip(f"{self.isa.emulator} is not installed")
            program = self.build(driver, *self.extra)
            result = subprocess.run([*self.runner, str(program), *arguments], capture_output=True, text=True)
            assert result.returncode == 0, f"{driver} ended with {result.returncode}\n{result.stderr}"
            self.outputs[driver] = (result.stdout, result.stderr)
        return self.outputs[driver]
