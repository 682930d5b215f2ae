# SPDX-License-Identifier: Apache-2.0
"""Texts on the host: as arrays of str, and as `numpy()` of a Tensor hands them out."""

from __future__ import annotations

import numpy as np


class Text(str):
    """A str that programs may decode: TensorFlow hands out bytes, and `text.numpy().decode()` is its idiom.

    Examples
        >>> Text("caf\u00e9").decode("utf-8") == "caf\u00e9"
        True
    """

    __slots__ = ()

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The text itself."""
        return str(self)


def text_array(values, encoding: str = "utf-8") -> np.ndarray:
    """Strings (alone, in lists, arrays or Tensors; bytes are decoded) as an array of dtype object."""
    values = values.numpy() if hasattr(values, "numpy") else values
    array = np.asarray(values, dtype=object)
    flat = [v.decode(encoding) if isinstance(v, bytes) else str(v) for v in array.reshape(-1)]
    texts = np.empty(len(flat), object)
    texts[:] = flat
    return texts.reshape(array.shape)


def decodable(values: np.ndarray) -> np.ndarray:
    """An array of texts with each as a Text, in an array of dtype object; what else it holds stays."""
    texts = np.empty(values.size, object)
    texts[:] = [Text(v) if isinstance(v, str) else v for v in values.reshape(-1)]
    return texts.reshape(values.shape)
