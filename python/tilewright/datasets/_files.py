# SPDX-License-Identifier: Apache-2.0
"""Where data files are looked for: the folder at hand, then the cache, then their address."""

from __future__ import annotations

import os
from pathlib import Path

from tilewright.datasets.download import cache_folder, fetch

KERAS_FILES = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"


def folders(name: str) -> list[Path]:
    """$TILEWRIGHT_DATA/<name>, if set, and <cache>/datasets/<name>."""
    at_hand = os.environ.get("TILEWRIGHT_DATA")
    return [*([Path(at_hand) / name] if at_hand else []), cache_folder() / "datasets" / name]


def data_folder(name: str, path) -> Path:
    """The folder that the user names for a data set; the data set's own folder inside it counts, too.

    Raises   FileNotFoundError: there is no such folder
    """
    folder = Path(path)
    if (folder / name).is_dir():
        folder = folder / name
    if not folder.is_dir():
        raise FileNotFoundError(
            f"[{name}.load_data] {folder} is no folder, expected one with the files of {name}; "
            f"give it as path=, or set TILEWRIGHT_DATA to the folder that holds {name}/"
        )
    return folder


def is_own_path(path) -> bool:
    """Whether `path` names a place of the user's rather than a file in the cache."""
    return path is not None and (Path(path).exists() or os.path.basename(os.fspath(path)) != os.fspath(path))


def find(name: str, files) -> Path | None:
    """The first folder that holds all `files` of a data set."""
    return next((f for f in folders(name) if all((f / file).exists() for file in files)), None)


def obtain(name: str, file: str, url: str, file_hash: str) -> Path:
    """A file of a data set: at hand, in the cache, or fetched into the cache.

    Raises   OSError: it has to be fetched and cannot be; the message says where to put it
    """
    for folder in folders(name):
        if (folder / file).exists():
            return folder / file
    target = folders(name)[-1] / file
    try:
        return fetch(url, target, file_hash, name=f"{name}.load_data")
    except OSError as error:
        kind = FileNotFoundError if isinstance(error, FileNotFoundError) else OSError
        raise kind(
            f"{error}\nWith no connection: put {file} into {target.parent}, or into $TILEWRIGHT_DATA/{name}"
        ) from error


def keras_file(name: str, path, default: str, file_hash: str) -> Path:
    """The file behind Keras's `path=`: the user's own, or `default` from Keras's storage under that name."""
    if is_own_path(path):
        if not Path(path).is_file():
            raise FileNotFoundError(f"[{name}.load_data] {path} does not exist, expected the file {default}")
        return Path(path)
    return obtain(name, path or default, KERAS_FILES + default, file_hash)
