# SPDX-License-Identifier: Apache-2.0
"""What nvcc says of the kernels, on machines that have it.

Registers, spills, stack and shared memory as recorded, 16-byte accesses, tensor-core instructions: a check of
the compiler's output. No GPU is used.

benchmarks/records/nvcc_kernels.json holds the figures and a hash of the sources they are of. A launcher whose
sources have changed since fails here until TILEWRIGHT_UPDATE_RECORDS=1 compiles it and writes its figures.
TILEWRIGHT_LONG_TESTS=1 compiles all of them, half an hour of two cores, and compares.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess

import pytest

from .conftest import ROOT

nvcc = pytest.mark.skipif(shutil.which("nvcc") is None, reason="nvcc was not found")
LAUNCHERS = sorted(
    p.name
    for p in (ROOT / "cuda/launch").glob("*.cu")
    if p.stem not in ("ops_cuda", "availability", "conv2d_plan", "matmul_plan", "value_guard")
)
RECORD = ROOT / "benchmarks/records/nvcc_kernels.json"
# Part of a kernel's mangled name -> why it may use local memory.
LOCAL_MEMORY = {
    "(UnaryGroup)2": "sin and cos: the CUDA library reduces |x| > 105615 with words of 2/pi it keeps there",
}
ENTRY = re.compile(
    r"Compiling entry function '(\w+)' for '(sm_\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
    r"(\d+) bytes spill loads.*?Used (\d+) registers([^\n]*)",
    re.DOTALL,
)


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


def nvcc_version():
    text = subprocess.run(["nvcc", "--version"], capture_output=True, text=True).stdout
    return re.search(r"V([\d.]+)", text).group(1)


def short(name):
    """A mangled name without its parameters: the kernel and its template arguments."""
    plain = subprocess.run(["c++filt", name], capture_output=True, text=True).stdout.strip()
    plain = re.sub(r"tilewright::cuda::|\(anonymous namespace\)::|static |void ", "", plain)
    plain = re.sub(r"\((?:int|bool|tilewright::\w+|MmaLines|Activation)\)", "", plain)
    return re.sub(r"\([^()]*(?:\([^()]*\)[^()]*)*\)$", "", plain)


COLUMNS = ("registers", "stack", "spills", "shared")


def usage(text):
    """{kernel: {architecture: figures by COLUMNS}} from the words of ptxas."""
    found = {}
    for name, arch, stack, stores, loads, registers, rest in ENTRY.findall(text):
        shared = re.search(r"(\d+) bytes smem", rest)
        figures = [
            int(registers),
            int(stack),
            int(stores) + int(loads),
            int(shared.group(1)) if shared else 0,
        ]
        found.setdefault(short(name), {})[arch] = figures
    return dict(sorted(found.items()))


INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
COMMENT = re.compile(r"//[^\n]*|\s+")


def sources_hash(name):
    """Of what kernels are compiled from: the launcher and all that it includes of cuda/, and the parameters
    they share with the host. Comments and line breaks do not count."""
    left, seen = [ROOT / "cuda/launch" / name], set()
    while left:
        path = left.pop()
        shared = path == ROOT / "csrc/core/params.h"
        if path in seen or "simt" in path.parts or not (shared or ROOT / "cuda" in path.parents):
            continue
        seen.add(path)
        folders = (path.parent, ROOT / "cuda", ROOT / "csrc")
        for header in INCLUDE.findall(path.read_text()):
            left.extend(p for p in ((folder / header).resolve() for folder in folders) if p.is_file())
    digest = hashlib.sha256()
    for path in sorted(seen):
        digest.update(COMMENT.sub(" ", path.read_text()).encode())
    return digest.hexdigest()[:16]


def read_record():
    if RECORD.exists():
        return json.loads(RECORD.read_text())
    return {"nvcc": nvcc_version(), "columns": list(COLUMNS), "launchers": {}}


def write_record(record):
    """A line a kernel."""
    lines = ["{", f' "nvcc": {json.dumps(record["nvcc"])},', f' "columns": {json.dumps(record["columns"])},']
    lines.append(' "launchers": {')
    launchers = sorted(record["launchers"].items())
    for i, (name, entry) in enumerate(launchers):
        lines.append(f'  {json.dumps(name)}: {{"sources": "{entry["sources"]}", "kernels": {{')
        kernels = [f"   {json.dumps(k)}: {json.dumps(v)}" for k, v in entry["kernels"].items()]
        lines.append(",\n".join(kernels))
        lines.append("  }}" + "," * (i + 1 < len(launchers)))
    RECORD.write_text("\n".join([*lines, " }", "}"]) + "\n")


def assert_no_local_memory(name, kernels):
    for kernel, by_architecture in kernels.items():
        if any(part in kernel for part in LOCAL_MEMORY):
            continue
        for architecture, (_, stack, spills, _) in by_architecture.items():
            assert stack == spills == 0, f"{name}: {kernel} uses {stack} + {spills} bytes on {architecture}"


@pytest.mark.parametrize("name", LAUNCHERS)
def test_no_kernel_uses_local_memory(name):
    """By the record, on any machine."""
    assert_no_local_memory(name, read_record()["launchers"][name]["kernels"])


def test_what_may_use_local_memory_does():
    kernels = [k for entry in read_record()["launchers"].values() for k in entry["kernels"].items()]
    for part in LOCAL_MEMORY:
        found = [by for kernel, by in kernels if part in kernel]
        assert any(figures[1] + figures[2] for by in found for figures in by.values()), (
            f"{part} needs no entry"
        )


@nvcc
@pytest.mark.parametrize("name", LAUNCHERS)
def test_resources_are_as_recorded(name, tmp_path):
    record = read_record()
    entry = record["launchers"].get(name, {"sources": None})
    updating = bool(os.environ.get("TILEWRIGHT_UPDATE_RECORDS"))
    fresh = entry["sources"] == sources_hash(name)
    if not updating:
        assert fresh, (
            f"{name} or what it includes has changed since benchmarks/records/nvcc_kernels.json was written: "
            f"TILEWRIGHT_UPDATE_RECORDS=1 pytest tests/simt/test_nvcc.py -k 'recorded and {name}'"
        )
    if (updating and fresh) or not (updating or os.environ.get("TILEWRIGHT_LONG_TESTS")):
        return  # these very sources gave the record
    text = compile_launcher(
        name,
        "-gencode=arch=compute_80,code=sm_80",
        "-gencode=arch=compute_90,code=sm_90",
        "-Xptxas=-v",
        "-c",
        "-o",
        str(tmp_path / "out.o"),
    )
    found = usage(text)
    assert found and all(set(by) == {"sm_80", "sm_90"} for by in found.values())
    assert_no_local_memory(name, found)
    if updating:
        record["nvcc"] = nvcc_version()
        record["launchers"][name] = {"sources": sources_hash(name), "kernels": found}
        write_record(record)
    elif record["nvcc"] == nvcc_version():  # another version chooses other registers
        assert found == entry["kernels"]


def ptx_entries(name, path):
    compile_launcher(name, "-arch=sm_80", "-ptx", "-o", str(path))
    return re.findall(r"\.entry (\S+)\(.*?\n\{(.*?)\n\}", path.read_text(), re.DOTALL)


@nvcc
def test_aligned_rows_move_in_sixteen_bytes(tmp_path):
    entries = ptx_entries("softmax.cu", tmp_path / "out.ptx")
    # The vector width is the template argument after the team, or after the type: Li4E of floats, Li8E of
    # halves.
    wide = [
        (name, body)
        for name, body in entries
        if re.search(r"(heldIf\w+?Team|streamedIf)Li4E", name)
        or re.search(r"(heldINS0_\w*?(F16|Bf16)E\w+?Team|streamedINS0_\w*?(F16|Bf16)E)E?Li8E", name)
    ]
    assert len(wide) >= 12
    for name, body in wide:
        assert re.search(r"ld\.global(\.nc)?\.v4", body) and re.search(r"st\.global\.v4", body), name


@nvcc
@pytest.mark.parametrize(
    "name, instruction", [("matmul_fma.cu", r"fma\.rn\.f(32|64)"), ("matmul_mma.cu", r"mma\.sync")]
)
def test_matmul_tiles_copy_by_sixteen_bytes_and_multiply(name, instruction, tmp_path):
    entries = [e for e in ptx_entries(name, tmp_path / "out.ptx") if "matmul_" in e[0]]
    assert len(entries) >= 4
    for kernel, body in entries:
        assert "cp.async.cg.shared.global.L2::128B" in body, kernel
        assert re.search(instruction, body), kernel
        if name == "matmul_mma.cu":
            assert "ldmatrix.sync.aligned.m8n8.x4" in body, kernel


@nvcc
def test_tensor_cores_in_the_machine_code(tmp_path):
    if shutil.which("cuobjdump") is None:
        pytest.skip("cuobjdump was not found: the machine code cannot be read")
    compile_launcher("matmul_mma.cu", "-arch=sm_80", "-cubin", "-o", str(tmp_path / "out.cubin"))
    text = subprocess.run(
        ["cuobjdump", "-sass", str(tmp_path / "out.cubin")], capture_output=True, text=True
    ).stdout
    functions = re.split(r"Function : ", text)[1:]
    assert functions and all("HMMA." in f and "LDGSTS" in f for f in functions)


def test_gpu_module_loads_without_a_driver_and_says_what_is_missing():
    cuda = pytest.importorskip("tilewright._cuda", reason="this build has no GPU module")
    assert isinstance(cuda.unavailable_reason(), str)
    assert os.path.getsize(cuda.__file__) < 20e6
    if shutil.which("readelf"):
        needed = subprocess.run(["readelf", "-d", cuda.__file__], capture_output=True, text=True).stdout
        assert "libcuda" not in needed, (  # nor libcudart
            "the CUDA runtime is linked statically, the driver is found at run time"
        )
