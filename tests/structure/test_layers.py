# SPDX-License-Identifier: Apache-2.0
"""The architecture as tests: who may include or import whom, what may stand where, how large files grow."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = (".h", ".cpp", ".cuh", ".cu")
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.M)


def sources(*folders, suffixes=CODE):
    return sorted(p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in suffixes)


def name(path):
    return str(path.relative_to(ROOT))


def includes(path):
    return INCLUDE.findall(path.read_text())


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


# folder -> the project's folders its files may include from
ARROWS = {
    "csrc/core": ("core/",),
    "csrc/cpu/simd": ("cpu/simd/",),
    "csrc/cpu/kernels": ("cpu/kernels/", "cpu/simd/", "core/params.h", "core/dtype.h"),
    "csrc/cpu/isa": ("cpu/simd/",),
    "csrc/cpu": ("core/", "cpu/"),
    "csrc/bindings": (
        "core/",
        "bindings/",
        "cpu/ops_cpu.h",
        "cpu/conv2d_method.h",
        "cpu/isa.h",
        "cpu/roofline.h",
        "cuda/",
        "launch/",
        "simt/",
    ),
    "cuda/kernels": ("device/", "kernels/", "cuda/device/", "cuda/kernels/", "core/params.h"),
    "cuda/device": ("core/check.h", "core/view.h", "device/", "simt/", "cuda/device/", "cuda/simt/"),
    "cuda/launch": (
        "core/",
        "kernels/",
        "device/",
        "launch/",
        "cuda/kernels/",
        "cuda/device/",
        "cuda/launch/",
    ),
    "cuda/simt": ("core/", "simt/", "cuda/simt/", "device/", "cuda/device/", "launch/", "cuda/launch/"),
}
PROJECT = re.compile(r"^(core|cpu|bindings|cuda|device|kernels|launch|simt|tilewright)/")


@pytest.mark.parametrize("path", [pytest.param(p, id=name(p)) for p in sources("csrc", "cuda")])
def test_includes_follow_the_arrows(path):
    folder = max((f for f in ARROWS if name(path).startswith(f + "/")), key=len, default=None)
    if folder is None:
        return
    for header in includes(path):
        if PROJECT.match(header):
            assert header.startswith(ARROWS[folder]), f"{name(path)} may not include {header}"


def test_intrinsics_stay_in_simd():
    for path in sources("csrc"):
        if "csrc/cpu/simd/" in str(path) or re.search(r"_(vnni|amx|bf16)\.inl\.h$", path.name):
            continue
        text = without_comments(path.read_text())
        assert "immintrin.h" not in text and "arm_neon.h" not in text, name(path)
        assert not re.search(r"\b_mm\d*_", text), f"{name(path)} uses an intrinsic"


def test_kernel_headers_include_no_standard_library():
    for path in sources("csrc/cpu/kernels", "csrc/cpu/simd"):
        for header in includes(path):
            if not PROJECT.match(header):
                assert header.endswith(".h"), f"{name(path)} includes <{header}>, expected C headers only"


def test_pybind11_only_in_bindings():
    for path in sources("csrc", "cuda"):
        if "/bindings/" not in str(path):
            assert not any("pybind11" in h for h in includes(path)), name(path)


def test_threads_only_in_the_pool_and_drivers():
    for path in sources("csrc/cpu/kernels", "csrc/cpu/simd", "csrc/bindings"):
        assert not any(
            h in ("thread", "pthread.h", "core/parallel.h")
            for h in includes(path)
            if path.name != "bind_cpu.cpp"
        ), name(path)


def test_cuda_words_stay_in_device():
    for path in sources("cuda"):
        if "/device/" in str(path) or "/simt/" in str(path):
            continue
        text = without_comments(path.read_text())
        for word in (r"\basm\b", r"<<<", r"__CUDA_ARCH__"):
            assert not re.search(word, text), f"{name(path)} holds {word}"


def test_cpu_and_cuda_never_meet():
    for path in sources("csrc/cpu"):
        assert not any(h.startswith(("cuda/", "device/", "simt/", "launch/")) for h in includes(path)), name(
            path
        )
    for path in sources("cuda"):
        assert not any(h.startswith("cpu/") for h in includes(path)), name(path)


# module (or package) of tilewright -> what it may import of tilewright
PYTHON_ARROWS = {
    "reference": ("reference",),
    "suggestion": (),
    "backend": ("_cpu", "_simt", "_cuda", "narrow"),
    "narrow": (),
    "cuda": ("backend", "suggestion"),
    "step_memory": ("_cpu", "gpu_replay"),
    "gpu_replay": ("_cpu", "backend"),
    "nest": ("suggestion",),
    "dtype_names": (),
    "tensor_shape": (),
    "text_values": (),
    "tensor_spec": ("dtype_names",),
    "autograd": ("backend", "tensor_shape", "text_values"),
    "gradient_tape": ("autograd", "nest"),
    "per_object": (),
    "call_template": ("autograd", "backend", "nest"),
    "recording": ("_cpu", "autograd", "backend", "call_template", "per_object", "step_memory"),
    "variable": ("autograd", "backend", "dtype_names", "ops", "recording"),
    "seeds": ("backend", "ops", "variable"),
    "distributions": ("autograd", "backend", "dtype_names", "ops", "seeds"),
    "random": ("distributions", "seeds", "suggestion", "tf"),
    "profiling": ("_cpu", "backend"),
    "ops": ("ops", "autograd", "backend", "dtype_names", "gradient_tape", "suggestion"),
    "keras": (
        "keras",
        "tf",
        "linalg",
        "nn",
        "factorizations",
        "host_functions",
        "ops",
        "autograd",
        "gradient_tape",
        "backend",
        "nest",
        "dtype_names",
        "variable",
        "random",
        "datasets",
        "data",
        "recording",
        "plots",
        "suggestion",
        "text_values",
    ),
    "tf": (
        "tf",
        "ops",
        "autograd",
        "factorizations",
        "backend",
        "nest",
        "dtype_names",
        "variable",
        "distributions",
        "seeds",
        "recording",
        "per_object",
        "tensor_shape",
        "text_values",
    ),
    "linalg": ("suggestion", "tf", "ops", "autograd", "dtype_names"),
    "factorizations": ("ops", "autograd", "backend"),
    "host_functions": ("autograd", "backend"),
    "nn": ("nn", "suggestion", "linalg", "tf", "ops", "autograd", "dtype_names", "random"),
    "math": ("nn", "suggestion", "linalg", "tf"),
    "image": ("io", "suggestion", "tf", "ops", "autograd", "dtype_names", "random"),
    "data": (
        "data",
        "suggestion",
        "autograd",
        "backend",
        "nest",
        "dtype_names",
        "tensor_spec",
        "text_values",
        "random",
    ),
}


def tilewright_imports(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tilewright":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {a.name for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("tilewright.")}
    return found


def python_files():
    return sorted((ROOT / "python/tilewright").rglob("*.py"))


@pytest.mark.parametrize("path", [pytest.param(p, id=name(p)) for p in python_files()])
def test_imports_follow_the_arrows(path):
    parts = path.relative_to(ROOT / "python/tilewright").parts
    owner = parts[0].removesuffix(".py")
    found = tilewright_imports(path)
    if owner in PYTHON_ARROWS:
        assert found <= set(PYTHON_ARROWS[owner]), (
            f"{name(path)} may not import {found - set(PYTHON_ARROWS[owner])}"
        )
    if owner != "reference":
        assert "reference" not in found, f"{name(path)}: no product module imports the references"


def imported_modules(path, modules):
    """The modules of the package that a module imports anywhere in it, functions included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            parts = {f"{node.module}.{a.name}" for a in node.names} & modules.keys()
            named = {a.name for a in node.names if f"{node.module}.{a.name}" not in modules}
            found |= parts | ({node.module} if named else set())
    return found & modules.keys()


def circles(graph):
    """Sets of nodes that reach each other."""

    def reached(start):
        seen, stack = set(), [start]
        while stack:
            new = graph[stack.pop()] - seen
            seen |= new
            stack.extend(new)
        return seen

    reach = {node: reached(node) for node in graph}
    return {frozenset(m for m in reach[n] if n in reach[m]) for n in graph if n in reach[n]}


def test_modules_import_each_other_in_no_circle():
    """Gradients are the exception: that of a sum is a broadcast, and that of a broadcast a sum."""
    modules = {}
    for path in python_files():
        parts = path.relative_to(ROOT / "python").with_suffix("").parts
        modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    del modules["tilewright"]  # the root holds names, no code that others build on
    graph = {module: imported_modules(path, modules) - {module} for module, path in modules.items()}
    found = [sorted(c) for c in circles(graph) if not all(m.startswith("tilewright.ops") for m in c)]
    assert not found, f"modules that import each other: {found}"


OPTIONAL = {
    "tqdm",
    "matplotlib",
    "safetensors",
    "h5py",
    "torch",
    "jax",
    "keras",
    "onnx",
    "onnxruntime",
    "sklearn",
    "scipy",
    "PIL",
    "pandas",
    "cupy",
    "threadpoolctl",
    "tensorboardX",
}


@pytest.mark.parametrize("path", [pytest.param(p, id=name(p)) for p in python_files()])
def test_nothing_optional_is_imported_at_the_top(path):
    if path.name == "torch_models.py":  # a rival's own file, run in the rival's process
        return
    for node in ast.parse(path.read_text()).body:
        roots = []
        if isinstance(node, ast.Import):
            roots = [a.name.split(".")[0] for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            roots = [node.module.split(".")[0]]
        assert not OPTIONAL & set(roots), f"{name(path)} imports {OPTIONAL & set(roots)} at the top"


NUMPY_ARITHMETIC = {
    "add",
    "subtract",
    "multiply",
    "divide",
    "matmul",
    "dot",
    "einsum",
    "tensordot",
    "exp",
    "log",
    "sqrt",
    "tanh",
    "sum",
    "mean",
    "max",
    "min",
    "maximum",
    "minimum",
    "var",
    "std",
    "argmax",
    "argmin",
    "cumsum",
    "power",
    "square",
    "where",
    "concatenate",
    "stack",
    "clip",
    "abs",
    "sign",
    "linalg",
    "random",
    "pad",
    "take",
}


COMPUTES_BY_OPS = [
    path
    for part in ("ops", "keras", "tf", "nn", "linalg.py", "image.py", "math.py")
    for path in (
        [ROOT / "python/tilewright" / part]
        if part.endswith(".py")
        else sources(f"python/tilewright/{part}", suffixes=(".py",))
    )
]


@pytest.mark.parametrize("path", [pytest.param(p, id=name(p)) for p in COMPUTES_BY_OPS])
def test_ops_and_keras_compute_nothing_in_numpy(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("np", "numpy")
        ):
            assert node.attr not in NUMPY_ARITHMETIC, (
                f"{name(path)}:{node.lineno} computes with np.{node.attr}"
            )


def families():
    text = (ROOT / "CMakeLists.txt").read_text()
    return re.search(r"set\(TW_FAMILIES\s+([^)]*)\)", text).group(1).split()


def pending():
    path = ROOT / "tests/structure/pending.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return {line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()}


FAMILY_FILES = (
    "csrc/cpu/{f}.cpp",
    "csrc/bindings/bind_{f}.cpp",
    "python/tilewright/ops/{f}.py",
    "python/tilewright/reference/{f}.py",
    "tests/ops/test_{f}.py",
    "docs/kernels/{f}.md",
    "cuda/kernels/{f}.cuh",
    "cuda/launch/{f}.cu",
)


@pytest.mark.parametrize("family", families())
def test_family_has_all_its_files(family):
    missing = {f.format(f=family) for f in FAMILY_FILES if not (ROOT / f.format(f=family)).exists()}
    assert missing <= pending(), f"{family} lacks {sorted(missing - pending())}"


def test_pending_list_only_shrinks():
    there = sorted(p for p in pending() if (ROOT / p).exists())
    assert not there, f"these exist now, take them off tests/structure/pending.txt: {there}"


def large_files():
    path = ROOT / "tests/structure/large_files.txt"
    return {
        line.split("#")[0].strip() for line in path.read_text().splitlines() if line.split("#")[0].strip()
    }


def test_no_file_grows_too_long():
    """400 lines for a module of the package, 500 for any other source."""
    build_files = [p for p in ROOT.rglob("CMakeLists.txt") if "build" not in p.relative_to(ROOT).parts[0]]
    others = sources("csrc", "cuda", suffixes=CODE) + sources("tests", "benchmarks", suffixes=(".py",))
    limits = [(p, 400) for p in python_files()] + [(p, 500) for p in others + build_files]
    large = {name(p) for p, limit in limits if len(p.read_text().splitlines()) > limit}
    assert large <= large_files(), f"over its limit of lines: {sorted(large - large_files())}"
    assert large_files() <= large, f"no longer large, take off the list: {sorted(large_files() - large)}"


def test_no_line_of_python_is_longer_than_110_columns():
    paths = python_files() + sources("tests", "benchmarks", suffixes=(".py",))
    long = [
        f"{name(p)}:{i}"
        for p in paths
        for i, line in enumerate(p.read_text().splitlines(), 1)
        if len(line) > 110
    ]
    assert not long, f"over 110 columns: {', '.join(long)}"


def test_every_source_names_its_licence():
    for path in sources("csrc", "cuda") + python_files():
        if path.read_text().strip():
            assert "SPDX-License-Identifier: Apache-2.0" in "\n".join(path.read_text().splitlines()[:2]), (
                name(path)
            )


def kernel_objects():
    return (
        sorted(p for p in (ROOT / "build").rglob("*.o") if "kernels_" in str(p))
        if (ROOT / "build").exists()
        else []
    )


def test_kernel_objects_export_only_their_namespace():
    """An inline function shared between instruction sets could be the copy the linker keeps."""
    objects = kernel_objects()
    if not objects or not shutil.which("nm"):
        pytest.skip("no kernel objects under build/, or no nm: only a build in the tree leaves them")
    for path in objects:
        isa = re.search(r"kernels_\w+_(scalar|avx2|avx512|neon)\.dir", str(path)).group(1)
        out = subprocess.run(
            ["nm", "-C", "--defined-only", "-g", str(path)], capture_output=True, text=True, check=True
        )
        for line in out.stdout.splitlines():
            symbol = line.split(maxsplit=2)[2]
            assert f"tilewright::cpu::{isa}::" in symbol, f"{path.name} exports {symbol}"
