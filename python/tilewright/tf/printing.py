# SPDX-License-Identifier: Apache-2.0
"""`tf.print`."""

from __future__ import annotations

import builtins
import sys

import numpy as np

from tilewright.autograd import Tensor

__all__ = ["print"]


def _text(value, summarize: int) -> str:
    if isinstance(value, (Tensor, np.ndarray)):
        array = value.numpy() if isinstance(value, Tensor) else value
        if array.ndim == 0:
            return str(array)
        edge = max(array.shape) if summarize < 0 else summarize
        return np.array2string(
            array, threshold=0 if summarize >= 0 else array.size + 1, edgeitems=max(edge, 1), separator=" "
        )
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        inner = ", ".join(_text(v, summarize) for v in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_text(v, summarize)}" for k, v in value.items()) + "}"
    return str(value)


def print(*inputs, output_stream=None, summarize=3, sep=" ", end="\n", name=None) -> None:
    """Prints values, of long axes the first and last `summarize` entries (-1: all), by default on stderr.

    Parameters
        output_stream : a file, or "file://" and a path to append to
    """
    text = sep.join(_text(value, summarize) for value in inputs)
    if isinstance(output_stream, str):
        with open(output_stream.removeprefix("file://"), "a") as file:
            file.write(text + end)
        return
    builtins.print(text, end=end, file=output_stream or sys.stderr)
