# SPDX-License-Identifier: Apache-2.0
"""Where data files are looked for."""

from __future__ import annotations

import os
from pathlib import Path


def data_folder(name: str, path=None) -> Path:
    """The folder of a data set: `path`, else $TILEWRIGHT_DATA/<name>, else ~/.tilewright/datasets/<name>.

    Raises   FileNotFoundError: there is no such folder; the message says where to put which files
    """
    if path is not None:
        folder = Path(path)
    elif os.environ.get("TILEWRIGHT_DATA"):
        folder = Path(os.environ["TILEWRIGHT_DATA"]) / name
    else:
        folder = Path.home() / ".tilewright" / "datasets" / name
    if (folder / name).is_dir():
        folder = folder / name
    if not folder.is_dir():
        raise FileNotFoundError(
            f"[{name}.load_data] {folder} is no folder, expected one with the files of {name}; "
            f"give it as path=, or set TILEWRIGHT_DATA to the folder that holds {name}/"
        )
    return folder
