# SPDX-License-Identifier: Apache-2.0
"""Pickled arrays read without running what a pickle could run: arrays and plain containers are made.

CIFAR's batches and the ragged arrays of text data sets are pickles; an ordinary unpickler would call any
function that a file names.
"""

from __future__ import annotations

import codecs
import pickle
import zipfile

import numpy as np

_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): codecs.encode,  # how Python 2's byte strings are written by Python 3
}
# How arrays are made again, under the names NumPy 1 and 2 write.
_REMADE = {
    "_reconstruct": (("numpy.core.multiarray", "numpy._core.multiarray"), np.zeros(0).__reduce__()[0]),
    "_frombuffer": (("numpy.core.numeric", "numpy._core.numeric"), np.zeros(0).__reduce_ex__(5)[0]),
}


class ArrayUnpickler(pickle.Unpickler):
    """Makes arrays and plain Python values. Raises UnpicklingError for any other name in the file."""

    def find_class(self, module, name):
        modules, function = _REMADE.get(name, ((), None))
        if module in modules:
            return function
        found = _ALLOWED.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(
                f"the file asks for {module}.{name}, expected arrays and numbers only"
            )
        return found


def load_pickle(file, what: str, encoding="bytes"):
    """The value of an open pickle. Raises ValueError, naming `what`, for a broken or untrustworthy one."""
    try:
        return ArrayUnpickler(file, encoding=encoding).load()
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        KeyError,
    ) as error:
        raise ValueError(f"{what} is no whole pickle of arrays: {error}") from error


def load_npz(path, names, what: str) -> list[np.ndarray]:
    """Arrays of an .npz file, ragged ones (dtype object) included.

    Raises   ValueError: no npz file, an array is missing or broken
    """
    arrays = []
    try:
        with zipfile.ZipFile(path) as archive:
            for name in names:
                with archive.open(f"{name}.npy") as file:
                    arrays.append(_read_npy(file, f"[{what}] {path}, array {name},"))
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ValueError(
            f"[{what}] {path} is no whole .npz file with the arrays {', '.join(names)}: {error}"
        ) from error
    return arrays


def _read_npy(file, what: str) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read_header:
        raise ValueError(f"{what} has format {version}, expected 1.0 or 2.0")
    shape, fortran_order, dtype = read_header[version](file)
    if dtype.hasobject:
        array = load_pickle(file, what, encoding="latin1")
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ValueError(f"{what} holds something else than its header says")
        return array
    data = file.read()
    if len(data) != dtype.itemsize * int(np.prod(shape)):
        raise ValueError(f"{what} has {len(data)} bytes, expected shape {shape} of {dtype}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C").copy()
