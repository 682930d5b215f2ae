# SPDX-License-Identifier: Apache-2.0
"""`tf.strings`: functions of texts, on the host, as they stand in `map` and in front of TextVectorization.

A Tensor of texts holds str; bytes are decoded as UTF-8.
"""

from __future__ import annotations

import re

import numpy as np

from tilewright.autograd import Tensor
from tilewright.suggestion import missing
from tilewright.text_values import text_array

__all__ = [
    "as_string", "bytes_split", "join", "length", "lower", "reduce_join", "regex_full_match", "regex_replace",
    "split", "strip", "substr", "to_number", "unicode_split", "upper",
]  # fmt: skip


def _each(function, *inputs) -> Tensor:
    """function of each text (or of texts side by side, broadcast), as a Tensor in their shape."""
    arrays = np.broadcast_arrays(*(text_array(x) for x in inputs))
    values = [function(*texts) for texts in zip(*(a.reshape(-1) for a in arrays), strict=True)]
    return Tensor(_texts(values).reshape(arrays[0].shape))


def _texts(values) -> np.ndarray:
    texts = np.empty(len(values), object)
    texts[:] = values
    return texts


def lower(input, encoding="", name=None) -> Tensor:
    """Texts in small letters."""
    return _each(str.lower, input)


def upper(input, encoding="", name=None) -> Tensor:
    """Texts in capital letters."""
    return _each(str.upper, input)


def strip(input, name=None) -> Tensor:
    """Texts without spaces at their ends."""
    return _each(str.strip, input)


def regex_replace(input, pattern, rewrite, replace_global=True, name=None) -> Tensor:
    """Texts where what matches `pattern` (all of it, or the first) is `rewrite`; \\\\1 is the first group."""
    found = re.compile(_one("regex_replace", "pattern", pattern))
    by, count = _one("regex_replace", "rewrite", rewrite), 0 if replace_global else 1
    return _each(lambda text: found.sub(by, text, count=count), input)


def regex_full_match(input, pattern, name=None) -> Tensor:
    """Whether the whole text matches, bool."""
    found = re.compile(_one("regex_full_match", "pattern", pattern))
    texts = text_array(input)
    return Tensor(np.array([found.fullmatch(t) is not None for t in texts.reshape(-1)]).reshape(texts.shape))


def split(input, sep=None, maxsplit=-1, name=None):
    """The parts of a text between separators (spaces where None); of several texts a list of such Tensors."""
    texts, sep = text_array(input), None if sep is None else _one("split", "sep", sep) or None
    rows = [Tensor(_texts(text.split(sep, maxsplit))) for text in texts.reshape(-1)]
    return rows[0] if texts.ndim == 0 else rows


def unicode_split(input, input_encoding="UTF-8", errors="replace", replacement_char=65533, name=None):
    """The characters of a text; of several texts a list of such Tensors."""
    texts = text_array(input)
    rows = [Tensor(_texts(list(text))) for text in texts.reshape(-1)]
    return rows[0] if texts.ndim == 0 else rows


bytes_split = unicode_split


def join(inputs, separator="", name=None) -> Tensor:
    """Texts one after another, those of each place of the `inputs`."""
    return _each(lambda *parts: separator.join(parts), *inputs)


def reduce_join(inputs, axis=None, keepdims=False, separator="", name=None) -> Tensor:
    """All texts of an axis (of all axes where None) in one."""
    texts = text_array(inputs)
    if axis is None:
        joined = text_array(separator.join(texts.reshape(-1)))
        return Tensor(joined.reshape((1,) * texts.ndim) if keepdims else joined)
    rows = np.moveaxis(texts, axis, -1)
    joined = _texts([separator.join(row) for row in rows.reshape(-1, rows.shape[-1])]).reshape(
        rows.shape[:-1]
    )
    return Tensor(np.expand_dims(joined, axis) if keepdims else joined)


def length(input, unit="BYTE", name=None) -> Tensor:
    """How long texts are, int32: in bytes of UTF-8, or in characters ("UTF8_CHAR")."""
    texts = text_array(input)
    count = len if unit == "UTF8_CHAR" else lambda text: len(text.encode())
    return Tensor(np.array([count(t) for t in texts.reshape(-1)], np.int32).reshape(texts.shape))


def substr(input, pos, len, unit="BYTE", name=None) -> Tensor:
    """`len` characters from `pos` on."""
    return _each(lambda text: text[pos:][:len], input)


def to_number(input, out_type="float32", name=None) -> Tensor:
    """The numbers that texts spell."""
    texts = text_array(input)
    return Tensor(np.array([float(t) for t in texts.reshape(-1)]).astype(out_type).reshape(texts.shape))


def as_string(input, precision=-1, name=None) -> Tensor:
    """Numbers spelled out, with `precision` places after the point."""
    values = np.asarray(input.numpy() if isinstance(input, Tensor) else input)
    spelled = [f"{v:.{precision}f}" if precision >= 0 else str(v) for v in values.reshape(-1).tolist()]
    return Tensor(_texts(spelled).reshape(values.shape))


def _one(function: str, argument: str, value) -> str:
    texts = text_array(value)
    if texts.ndim:
        raise ValueError(f"[{function}] {argument} has shape {texts.shape}, expected one text")
    return str(texts[()])


__getattr__ = missing(__name__, __all__)
