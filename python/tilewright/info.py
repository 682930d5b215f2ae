# SPDX-License-Identifier: Apache-2.0
"""What this installation is and what it found: the text behind `python -m tilewright info`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys

import numpy as np

import tilewright
from tilewright import _cpu, backend, cuda

EXTRAS = {
    "tqdm": "progress",
    "matplotlib": "plots",
    "safetensors": "weights",
    "h5py": "hdf5",
    "torch": "judges",
    "keras": "judges",
    "jax": "judges",
    "onnxruntime": "judges",
    "sklearn": "judges",
    "cupy": "cuda",
}


def module_state(device: str) -> dict:
    """Whether the module of a device can be loaded, and if not why."""
    if importlib.util.find_spec(f"tilewright._{device}") is None:
        why = "built without nvcc" if device == "cuda" else "not in this build"
        return {"available": False, "why": why}
    try:
        backend.load(device)
    except RuntimeError as error:
        return {"available": False, "why": str(error)}
    reason = cuda.unavailable_reason() if device == "cuda" else ""
    return {"available": not reason, "why": reason}


def collect() -> dict:
    """Everything `info` shows, as plain data."""
    operations = _cpu.operations()
    found = {}
    for name, extra in EXTRAS.items():
        if importlib.util.find_spec(name) is not None:
            package = {"sklearn": "scikit-learn"}.get(name, name)
            try:
                found[package] = importlib.metadata.version(package)
            except importlib.metadata.PackageNotFoundError:
                found[package] = "installed"
        else:
            found[name] = f"missing (extra: {extra})"
    return {
        "tilewright": tilewright.__version__,
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "machine": f"{platform.machine()} {platform.system()}",
        "isa": {"used": _cpu.isa(), "found": _cpu.available_isas()},
        "threads": {"used": _cpu.num_threads(), "why": _cpu.num_threads_reason()},
        "conv2d_method": _cpu.conv2d_method(),
        "operations": {"cpu": sum(o["implemented"] for o in operations), "of": len(operations)},
        "device": backend.device(),
        "simt": module_state("simt"),
        "cuda": module_state("cuda"),
        "packages": found,
    }


def text() -> str:
    """The report as lines for a terminal."""
    facts = collect()

    def state(device):
        s = facts[device]
        return "available" if s["available"] else f"not available: {s['why']}"

    isas, threads, operations = facts["isa"], facts["threads"], facts["operations"]
    lines = [
        f"tilewright {facts['tilewright']}, Python {facts['python']}, NumPy {facts['numpy']}, "
        f"{facts['machine']}",
        f"instruction set  {isas['used']} (found: {', '.join(isas['found'])})",
        f"threads          {threads['used']} ({threads['why']})",
        f"conv2d method    {facts['conv2d_method']}",
        f"operations       {operations['cpu']} of {operations['of']} on the CPU",
        f"device           {facts['device']}",
        f"simt emulator    {state('simt')}",
        f"GPU module       {state('cuda')}",
        "packages         " + ", ".join(f"{name} {version}" for name, version in facts["packages"].items()),
    ]
    return "\n".join(lines)
