# SPDX-License-Identifier: Apache-2.0
"""The batches of CIFAR-10 and CIFAR-100, read from their archive or from the folder it unpacks to."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np

from tilewright.datasets._unpickle import load_pickle


def read_batches(name: str, path: Path, groups, label_key: str) -> list:
    """Images (n, 32, 32, 3) and labels (n, 1), both uint8, one pair for each group of batches.

    Parameters
        path : the .tar.gz file, or a folder that holds the batches
        groups : lists of names of batches
    Raises    FileNotFoundError: a batch is missing.  ValueError: a file is truncated or holds something else
    """
    batches = [batch for group in groups for batch in group]
    found = {}
    if path.is_dir():
        for batch in batches:
            file = next((f for f in (path / batch, *path.glob(f"*/{batch}")) if f.is_file()), None)
            if file is not None:
                with open(file, "rb") as opened:
                    found[batch] = _read(name, opened, file, label_key)
    else:
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    batch = Path(member.name).name
                    if batch in batches and member.isfile():
                        found[batch] = _read(
                            name, archive.extractfile(member), f"{path}:{member.name}", label_key
                        )
        except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
            raise ValueError(f"[{name}.load_data] {path} is no whole .tar.gz archive: {error}") from error
    missing = [batch for batch in batches if batch not in found]
    if missing:
        raise FileNotFoundError(f"[{name}.load_data] {path} lacks {', '.join(missing)}")
    return [tuple(np.concatenate([found[batch][i] for batch in group]) for i in (0, 1)) for group in groups]


def _read(name, file, where, label_key):
    batch = load_pickle(file, f"[{name}.load_data] {where}")
    data = batch.get(b"data") if isinstance(batch, dict) else None
    labels = batch.get(label_key.encode()) if isinstance(batch, dict) else None
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != 3072 or data.dtype != np.uint8:
        raise ValueError(f"[{name}.load_data] {where} holds no images, expected (n, 3072) uint8 under 'data'")
    if not isinstance(labels, list) or len(labels) != len(data):
        raise ValueError(f"[{name}.load_data] {where} holds no {len(data)} labels under {label_key!r}")
    images = data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(labels, np.uint8)[:, None]
