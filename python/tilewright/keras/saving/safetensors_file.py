# SPDX-License-Identifier: Apache-2.0
"""Weights in safetensors files: one array a variable, named by where it stands in the model.

Names follow the structure, not the counters of this process: "dense_1/kernel" is the second Dense of its
model, in whichever model of the session. Layers named by the user keep their names.
"""

from __future__ import annotations

import json
import struct

import numpy as np

from tilewright.dtype_names import dtype_of
from tilewright.keras import naming
from tilewright.keras.saving.files import write_whole
from tilewright.keras.saving.fitting import assign_all
from tilewright.variable import Variable


def named_weights(model) -> dict[str, Variable]:
    """The model's weights by structural name."""
    found: dict[str, Variable] = {}
    seen: set[int] = set()

    def visit(layer, prefix):
        for variable in layer._own_weights():
            if id(variable) not in seen:
                seen.add(id(variable))
                found[_unused(f"{prefix}{variable.name}", found)] = variable
        counts: dict[str, int] = {}
        for sublayer in layer._sublayers():
            if sublayer.named_by_user:
                name = sublayer.name
            else:
                name = naming.to_snake_case(type(sublayer).__name__)
                count = counts.get(name, 0)
                counts[name] = count + 1
                name = f"{name}_{count}" if count else name
            visit(sublayer, f"{prefix}{name}/")

    visit(model, "")
    return found


def _unused(name: str, taken) -> str:
    if name not in taken:
        return name
    index = 1
    while f"{name}_{index}" in taken:
        index += 1
    return f"{name}_{index}"


def _safetensors():
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "[save_weights] safetensors is not installed, expected it: pip install tilewright[weights]"
        ) from error
    return safetensors


def save(model, path: str) -> None:
    """Writes the weights.

    Raises   ValueError: a model without weights.  ImportError: safetensors is missing
    """
    weights = named_weights(model)
    if not weights:
        raise ValueError(f"[save_weights] model {model.name} has no weights, expected it to be built")
    arrays = {name: v.numpy() for name, v in weights.items()}
    write_arrays(path, arrays, {"format": "tilewright", "model": type(model).__name__})


def write_arrays(path: str, arrays: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Writes a safetensors file, whole or not at all."""
    library = _safetensors()
    arrays = {name: np.require(a, requirements="C") for name, a in arrays.items()}
    write_whole(path, library.numpy.save(arrays, metadata=metadata))


def load(model, path: str, skip_mismatch: bool = False) -> None:
    """Reads weights into the model; every name and shape is checked before the first is assigned.

    Raises   ValueError: a truncated or foreign file, other variables or shapes than the model's.
             ImportError: safetensors is missing
    """
    arrays = read_arrays(path)
    assign_all(path, model.name, named_weights(model), arrays, skip_mismatch)


def read_arrays(path: str) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file; its header says how long it has to be."""
    library = _safetensors()
    with open(path, "rb") as file:
        data = file.read()
    try:
        found = dict(library.deserialize(data))
    except library.SafetensorError as error:
        raise ValueError(
            f"[load_weights] {path} is no whole safetensors file ({len(data)} bytes{_declared(data)}): "
            f"{error}"
        ) from error
    arrays = {}
    for name, entry in found.items():
        dtype = _DTYPES.get(entry["dtype"])
        if dtype is None:
            raise ValueError(
                f"[load_weights] {path}: {name} has dtype {entry['dtype']}, expected one of "
                f"{', '.join(_DTYPES)}"
            )
        arrays[name] = np.frombuffer(entry["data"], dtype_of(dtype)).reshape(entry["shape"])
    return arrays


_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def _declared(data: bytes) -> str:
    """How long the file should be by its header, if that can be read."""
    try:
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + size])
        end = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
    except (struct.error, ValueError, KeyError, TypeError):
        return ""
    return f", {8 + size + end} by its header"
