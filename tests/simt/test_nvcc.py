# SPDX-License-Identifier: Apache-2.0
"""What nvcc says of the kernels, on machines that have it: no spills, no local memory, 16-byte accesses.

A check of the compiler's output. No GPU is used.
"""

import re
import shutil
import subprocess

import pytest

from .conftest import ROOT

nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc was not found")
LAUNCHERS = sorted(
    p.name
    for p in (ROOT / "cuda/launch").glob("*.cu")
    if p.stem not in ("ops_cuda", "availability", "value_guard")
)
# Part of a kernel's mangled name -> why it may use local memory.
LOCAL_MEMORY = {
    "UnaryGroupE2": "sin and cos: the CUDA library reduces |x| > 105615 with words of 2/pi it keeps there",
}


def compile_launcher(name, *flags):
    command = [
        "nvcc",
        "-std=c++17",
        "-O3",
        f"-I{ROOT / 'cuda'}",
        f"-I{ROOT / 'csrc'}",
        *flags,
        str(ROOT / "cuda/launch" / name),
    ]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-4000:]
    return result.stdout + result.stderr


@nvcc
@pytest.mark.parametrize("name", LAUNCHERS)
def test_no_spills(name, tmp_path):
    text = compile_launcher(
        name,
        "-gencode=arch=compute_80,code=sm_80",
        "-gencode=arch=compute_90,code=sm_90",
        "-Xptxas=-v",
        "-c",
        "-o",
        str(tmp_path / "out.o"),
    )
    usage = re.findall(
        r"Function properties for (\S+)\s+(\d+) bytes stack frame, (\d+) bytes spill stores, "
        r"(\d+) bytes spill loads",
        text,
    )
    assert len(usage) > 0
    bad = [u for u in usage if u[1:] != ("0", "0", "0") and not any(part in u[0] for part in LOCAL_MEMORY)]
    assert not bad, f"{len(bad)} of {len(usage)} kernels use local memory: {bad[:5]}"


@nvcc
def test_aligned_rows_move_in_sixteen_bytes(tmp_path):
    compile_launcher("softmax.cu", "-arch=sm_80", "-ptx", "-o", str(tmp_path / "out.ptx"))
    entries = re.findall(r"\.entry (\S+)\(.*?\n\{(.*?)\n\}", (tmp_path / "out.ptx").read_text(), re.DOTALL)
    # The vector width is the template argument after the team, or after the type: Li4E of floats, Li8E of halves.
    wide = [
        (name, body)
        for name, body in entries
        if re.search(r"(heldIf\w+?Team|streamedIf)Li4E", name)
        or re.search(r"(heldINS0_\w*?(F16|Bf16)E\w+?Team|streamedINS0_\w*?(F16|Bf16)E)E?Li8E", name)
    ]
    assert len(wide) >= 12
    for name, body in wide:
        assert re.search(r"ld\.global(\.nc)?\.v4", body) and re.search(r"st\.global\.v4", body), name


def test_gpu_module_loads_without_a_driver_and_says_what_is_missing():
    cuda = pytest.importorskip("tilewright._cuda", reason="this build has no GPU module")
    assert isinstance(cuda.unavailable_reason(), str)
    if shutil.which("readelf"):
        needed = subprocess.run(["readelf", "-d", cuda.__file__], capture_output=True, text=True).stdout
        assert "libcuda" not in needed, (
            "the CUDA runtime is linked statically, the driver is found at run time"
        )
