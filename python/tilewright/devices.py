# SPDX-License-Identifier: Apache-2.0
"""`tf.device`: where new arrays live while a block runs. Without an argument, where they live now."""

from __future__ import annotations

import re

from tilewright import backend

_PLACE = re.compile(r"(?:/job:\w+/replica:\d+/task:\d+)?/?(?:device:)?(cpu|gpu|cuda|simt)(?::(\d+))?", re.I)


def device(device_name=None):
    """Without an argument the name of the device in use: "cpu", "simt" or "cuda". With one a context manager.

    Parameters
        device_name : "/CPU:0", "/GPU:0", "/device:GPU:0", "cpu", "cuda" or "simt"
    Raises    ValueError: another name.  RuntimeError: the device cannot be had, when the block begins
    Examples
        >>> with device("/CPU:0"):
        ...     device()
        'cpu'
    """
    return backend.device() if device_name is None else _Placed(device_name)


class _Placed:
    """A block of code whose new arrays live on one device."""

    def __init__(self, name):
        found = _PLACE.fullmatch(str(getattr(name, "name", name)))
        if found is None:
            raise ValueError(f"[device] device_name is {name!r}, expected for example '/CPU:0' or '/GPU:0'")
        kind = found[1].lower()
        self._device = "cuda" if kind == "gpu" else kind

    def __enter__(self):
        self._before = backend.device()
        backend.set_device(self._device)
        return self

    def __exit__(self, *_):
        backend.set_device(self._before)
