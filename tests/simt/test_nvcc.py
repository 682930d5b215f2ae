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
import sys
from pathlib import Path

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


COLUMNS = ("registers", "stack", "spills", "shared", "instructions")
INSTRUCTIONS = {
    "HMMA": r"\bHMMA\.",  # tensor cores
    "LDSM": r"\bLDSM\.",  # ldmatrix
    "LDG.128": r"\bLDG\.[\w.]*\.128\b",
    "STG.128": r"\bSTG\.[\w.]*\.128\b",
    "LDGSTS.128": r"\bLDGSTS\.[\w.]*\.128\b",  # cp.async
    "float atomic": r"\b(?:RED|REDG|ATOM|ATOMG|ATOMS)\.[\w.]*(?:F16|F32|F64|BF16)",
}
ANY_INSTRUCTION = re.compile("|".join(f"({pattern})" for pattern in INSTRUCTIONS.values()))


def cuobjdump():
    """NVIDIA's reader of machine code: of the toolkit, or of the package nvidia-cuda-cuobjdump."""
    folders = [str(path) for entry in sys.path for path in Path(entry).glob("nvidia/cu*/bin")]
    return shutil.which("cuobjdump") or shutil.which("cuobjdump", path=os.pathsep.join(folders))


def instructions(compiled):
    """{(mangled name, architecture): which of INSTRUCTIONS the kernel has} of an object file."""
    tool, found, architecture, kernel = cuobjdump(), {}, "", None
    assert tool, "cuobjdump was not found: pip install nvidia-cuda-cuobjdump"
    with subprocess.Popen([tool, "-sass", str(compiled)], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if "code for sm_" in line:
                architecture = line.split()[-1]
            elif "Function : " in line:
                kernel = found.setdefault((line.split()[-1], architecture), set())
            elif match := ANY_INSTRUCTION.search(line):
                kernel.add(list(INSTRUCTIONS)[match.lastindex - 1])
    assert process.returncode == 0
    return found


def usage(text, compiled):
    """{kernel: {architecture: figures by COLUMNS}} from the words of ptxas and from the machine code."""
    found, seen = {}, instructions(compiled)
    for name, arch, stack, stores, loads, registers, rest in ENTRY.findall(text):
        shared = re.search(r"(\d+) bytes smem", rest)
        figures = [
            int(registers),
            int(stack),
            int(stores) + int(loads),
            int(shared.group(1)) if shared else 0,
        ]
        words = ", ".join(word for word in INSTRUCTIONS if word in seen[name, arch])
        found.setdefault(short(name), {})[arch] = [*figures, words]
    return dict(sorted(found.items()))


INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
COMMENT = re.compile(r"//[^\n]*")


def sources_hash(name):
    """Of what kernels are compiled from: the launcher, all that it includes of cuda/, and the parameters they
    share with the host. Comments and line breaks do not count."""
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
        digest.update(" ".join(COMMENT.sub(" ", path.read_text()).split()).encode())
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
        for architecture, (_, stack, spills, *_) in by_architecture.items():
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
    found = usage(text, tmp_path / "out.o")
    assert found and all(set(by) == {"sm_80", "sm_90"} for by in found.values())
    assert_no_local_memory(name, found)
    if updating:
        record["nvcc"] = nvcc_version()
        record["launchers"][name] = {"sources": sources_hash(name), "kernels": found}
        write_record(record)
    elif record["nvcc"] == nvcc_version():  # another version chooses other registers
        assert found == entry["kernels"]


def recorded(family):
    """(kernel, its instructions) of the launchers of a family, architecture by architecture."""
    for name, entry in read_record()["launchers"].items():
        if name.partition(".")[0] == family:
            for kernel, by_architecture in entry["kernels"].items():
                for figures in by_architecture.values():
                    yield kernel, figures[4]


def test_no_kernel_adds_floats_atomically():
    """Whose order would be another at each run."""
    for name in LAUNCHERS:
        for kernel, words in recorded(name.partition(".")[0]):
            assert "float atomic" not in words, kernel


@pytest.mark.parametrize("family", ["matmul_mma", "conv2d_mma", "attention_mma"])
def test_tensor_cores_in_the_machine_code(family):
    """Fed by ldmatrix and asynchronous copies of 16 bytes."""
    kernels = [(kernel, words) for kernel, words in recorded(family) if "_mma" in kernel]
    assert len(kernels) >= 20
    for kernel, words in kernels:
        assert "HMMA" in words and "LDSM" in words and "LDGSTS.128" in words, kernel


WIDE = [
    ("softmax", r"_held<float, .*, 4, \d+, |_streamed<float, 4"),
    ("softmax", r"_held<(Bf16|F16), .*, 8, \d+, |_streamed<(Bf16|F16), 8"),
    ("norm", r"^norm_rows(_backward)?<.*Row<float, 4|^norm_rows(_backward)?<.*Row<(Bf16|F16), 8"),
    ("loss", r"_rows<.*Row<float, 4|_rows<.*Row<(Bf16|F16), 8|_map<float, 4|_map<(Bf16|F16), 8"),
    ("elementwise", r"elementwise_map<(Copy|UnaryFunction|FloatBinary)<(float|Bf16|F16)"),
    (
        "elementwise_fused",
        r"bias_activation_map<(float, 4|Bf16, 8|F16, 8)|elementwise_map<ActivationGradient",
    ),
    ("embedding", r"take_rows<unsigned char, 16"),
    ("matmul_fma", "matmul_fma"),
]


@pytest.mark.parametrize("family, kernel", WIDE)
def test_aligned_rows_move_in_sixteen_bytes(family, kernel):
    wide = [words for name, words in recorded(family) if re.search(kernel, name)]
    assert wide, "no such kernel"
    assert all("LDG.128" in words and "STG.128" in words for words in wide)


def test_gpu_module_loads_without_a_driver_and_says_what_is_missing():
    cuda = pytest.importorskip("tilewright._cuda", reason="this build has no GPU module")
    assert isinstance(cuda.unavailable_reason(), str)
    assert os.path.getsize(cuda.__file__) < 20e6
    if shutil.which("readelf"):
        needed = subprocess.run(["readelf", "-d", cuda.__file__], capture_output=True, text=True).stdout
        assert "libcuda" not in needed, (  # nor libcudart
            "the CUDA runtime is linked statically, the driver is found at run time"
        )
