# SPDX-License-Identifier: Apache-2.0
"""Keras 3's HDF5 layout of variables: a group "<path>/vars" for each object, datasets "0", "1" ... in it."""

from __future__ import annotations

import io
import math

import numpy as np

from tilewright.dtype_names import dtype_of
from tilewright.keras.saving.files import h5py_module

# A dataset may claim more than it stores: beyond this size it is believed up to a factor.
_LARGE_BYTES, _LARGEST_FACTOR = 1 << 32, 1000


def write(objects: dict[str, tuple[str, dict[str, np.ndarray]]]) -> bytes:
    """An HDF5 file of objects by path: their names, and arrays by key."""
    h5py = h5py_module()
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for path, (name, arrays) in objects.items():
            group = file.create_group(f"{path}/vars" if path else "vars")
            group.attrs["name"] = name
            for key, array in arrays.items():
                dataset = group.create_dataset(key, data=array)
                if array.dtype.name == "bfloat16":
                    dataset.attrs["dtype"] = "bfloat16"
    return buffer.getvalue()


def read(path: str, file) -> dict[str, tuple[str | None, dict[str, np.ndarray]]]:
    """The objects of a file: name (None where it holds none) and arrays by key, by path.

    Parameters   path : for messages;  file : open h5py.File
    Raises       ValueError: links to other places, datasets kept elsewhere or larger than what is stored
    """
    h5py = h5py_module()
    found: dict[str, tuple[str | None, dict]] = {}
    waiting = [("", file)]
    while waiting:
        place, group = waiting.pop()
        for key in group:
            if group.get(key, getclass=True, getlink=True) is not h5py.HardLink:
                raise ValueError(
                    f"[load_weights] {path}: {place}/{key} is a link, expected a group or dataset"
                )
            value = group[key]
            if not isinstance(value, h5py.Group):
                continue
            if key == "vars":
                arrays = {name: array_of(path, value, name) for name in value}
                name = value.attrs.get("name")
                found[place] = (name if isinstance(name, str) else None, arrays)
            else:
                waiting.append((f"{place}/{key}" if place else key, value))
    return found


def array_of(path: str, group, key: str) -> np.ndarray:
    """A dataset as an array."""
    h5py = h5py_module()
    where = f"[load_weights] {path}: {group.name}/{key}"
    if group.get(key, getclass=True, getlink=True) is not h5py.HardLink:
        raise ValueError(f"{where} is a link, expected a dataset")
    dataset = group[key]
    if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
        raise ValueError(f"{where} is no array of this file, expected a dataset with its own values")
    claimed = math.prod(dataset.shape) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    if claimed > _LARGE_BYTES and claimed > _LARGEST_FACTOR * stored:
        raise ValueError(f"{where} has shape {dataset.shape} but stores {stored} bytes, expected its values")
    array = np.asarray(dataset[()])
    if dataset.attrs.get("dtype") == "bfloat16":
        array = array.view(dtype_of("bfloat16"))
    if array.dtype.kind not in "biufV" or array.dtype.names:
        raise ValueError(f"{where} has dtype {array.dtype}, expected numbers")
    return array


def open_file(path: str, source=None):
    """An HDF5 file open for reading, from a path or from bytes. Raises ValueError for what is none."""
    h5py = h5py_module()
    try:
        return h5py.File(path if source is None else io.BytesIO(source), "r")
    except OSError as error:
        raise ValueError(f"[load_weights] {path} is no whole HDF5 file: {error}") from error
