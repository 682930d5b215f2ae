# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or not there, and the optional packages that read and write them."""

from __future__ import annotations

import os

KERAS_VERSION = "3.15.1"  # the version of Keras whose interface and files these are


def existing(function: str, filepath) -> str:
    """The path as a string. Raises FileNotFoundError where nothing is."""
    path = os.fspath(filepath)
    if not os.path.exists(path):
        raise FileNotFoundError(f"[{function}] {path} does not exist")
    return path


def check_target(function: str, path: str, overwrite: bool) -> None:
    """Raises FileNotFoundError without a folder, FileExistsError for a file that may not be replaced."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"[{function}] folder {folder} does not exist, expected it for {path}")
    if not overwrite and os.path.exists(path):
        raise FileExistsError(f"[{function}] {path} exists, expected overwrite=True or another name")


def write_whole(path: str, data: bytes) -> None:
    """Writes a file completely or not at all: under a temporary name that then replaces the old file."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise
    _sync_folder(os.path.dirname(path) or ".")


def _sync_folder(folder: str) -> None:
    """Makes the new name last through a loss of power, on systems that let folders be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def h5py_module():
    """h5py, or an ImportError that names the extra."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            "[hdf5] h5py is not installed, expected it for .keras and .h5 files: pip install tilewright[hdf5]"
        ) from error
    return h5py
