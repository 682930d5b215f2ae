# SPDX-License-Identifier: Apache-2.0
"""Golden data: what golden_kernels.cu answers, built by nvcc on a GPU or with the emulator here."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np

import tilewright

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).with_name("golden_kernels.cu")
FILE = ROOT / "benchmarks" / "records" / "gpu_golden.npz"


def build(folder: Path, on_gpu: bool) -> Path:
    """The library: for the GPU of this machine, or for the emulator."""
    output = folder / f"libgolden_{'gpu' if on_gpu else 'simt'}.so"
    includes = [f"-I{ROOT / 'cuda'}", f"-I{ROOT / 'csrc'}"]
    library = Path(tilewright.__file__).parent
    links = [f"-L{library}", "-ltilewright"]
    if on_gpu:
        words = ["nvcc", "-std=c++17", "-O2", "-arch=native", "-shared", "-Xcompiler", "-fPIC", *includes]
        words += [str(SOURCE), *links, "-Xlinker", f"-rpath={library}", "-o", str(output)]
    else:
        emulator = map(str, sorted((ROOT / "cuda" / "simt").glob("*.cpp")))
        words = [
            "g++",
            "-std=c++17",
            "-O1",
            "-shared",
            "-fPIC",
            "-pthread",
            *includes,
            *emulator,
            "-x",
            "c++",
        ]
        words += [str(SOURCE), "-x", "none", *links, f"-Wl,-rpath,{library}", "-o", str(output)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise RuntimeError(f"[golden] {words[0]} failed: {done.stderr.strip().splitlines()[-1]}")
    return output


def items() -> dict[str, tuple[np.ndarray, np.dtype, tuple]]:
    """name -> input, dtype and shape of the output."""
    rng = np.random.default_rng(11)

    def fragments(dtype):
        # Small integers: every product and sum is exact, so a wrong lane shows and an order of adding does
        # not.
        values = rng.integers(-8, 9, (32, 6, 2 if dtype != np.float32 else 1)).astype(dtype)
        return np.ascontiguousarray(values).view(np.uint32).reshape(32, 6)

    exponents = np.arange(2**16, dtype=np.uint32)
    # Every exponent with the bits that decide a rounding: none, a tie, just above and below one, all.
    tails = np.array([0, 0x0FFF, 0x1000, 0x1001, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)
    bits = (exponents[::16, None] << 16 | tails).reshape(-1)
    drawn = rng.integers(0, 2**32, 4096, dtype=np.uint32)
    bits = np.concatenate([bits, drawn])
    bits = bits[~np.isnan(bits.view(np.float32))]  # of a NaN nothing but that it is one is promised
    counters = rng.integers(0, 2**63, (256, 4), dtype=np.uint64)
    counters[:, 2:] &= np.uint64(0xFFFFFFFF)
    counters[0] = 0
    u32, u16 = np.dtype(np.uint32), np.dtype(np.uint16)
    return {
        "mma_f16": (fragments(np.float16), np.dtype(np.float32), (32, 4)),
        "mma_bf16": (fragments(ml_dtypes.bfloat16), np.dtype(np.float32), (32, 4)),
        "mma_tf32": (fragments(np.float32), np.dtype(np.float32), (32, 4)),
        "load_matrix": (np.arange(512, dtype=np.uint16), u32, (32, 4)),
        "load_matrix_transposed": (np.arange(512, dtype=np.uint16), u32, (32, 4)),
        "round_f16": (bits.view(np.float32), u16, bits.shape),
        "round_bf16": (bits.view(np.float32), u16, bits.shape),
        "round_tf32": (bits, u32, bits.shape),
        "philox": (counters, u32, (256, 4)),
    }


def ask(library: ctypes.CDLL, name: str, x: np.ndarray, dtype, shape) -> np.ndarray:
    """One item's answer."""
    y, report = np.zeros(shape, dtype), ctypes.create_string_buffer(4096)
    function = library.tw_golden
    function.argtypes = [
        ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_char_p,
        ctypes.c_int64,
    ]  # fmt: skip
    if function(name.encode(), y.ctypes.data, y.nbytes, x.ctypes.data, x.nbytes, report, 4096):
        raise RuntimeError(f"[golden] {name}: {report.value.decode()}")
    return y


def collect(path: Path) -> dict:
    """name -> (input, answer) of every item."""
    library = ctypes.CDLL(str(path))
    return {name: (x, ask(library, name, x, dtype, shape)) for name, (x, dtype, shape) in items().items()}


def save(target: Path, found: dict) -> None:
    np.savez_compressed(
        target,
        **{f"{name}_{part}": a for name, pair in found.items() for part, a in zip("xy", pair, strict=True)},
    )
