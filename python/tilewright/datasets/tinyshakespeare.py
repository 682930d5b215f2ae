# SPDX-License-Identifier: Apache-2.0
"""Tiny Shakespeare: 1.1 million characters of the plays, as char-rnn has them (public domain)."""

from __future__ import annotations

from pathlib import Path

from tilewright.datasets._files import obtain

_URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def load_data(path=None) -> str:
    """The text.

    Parameters
        path : a text file or a folder with input.txt; where None, $TILEWRIGHT_DATA/tinyshakespeare, the
            cache, or fetched
    Raises    FileNotFoundError: no such file.  OSError: no connection
    """
    if path is None:
        path = obtain("tinyshakespeare", "input.txt", _URL, _SHA256)
    path = Path(path)
    return (path / "input.txt" if path.is_dir() else path).read_text(encoding="utf-8")
