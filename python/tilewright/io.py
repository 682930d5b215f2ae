# SPDX-License-Identifier: Apache-2.0
"""`tf.io`: files, and the images and tables in them, as pipelines of `tf.data` read them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from tilewright.autograd import Tensor
from tilewright.data import images
from tilewright.suggestion import missing
from tilewright.text_values import text_array
from tilewright.tf.creation import constant

__all__ = [
    "decode_bmp", "decode_csv", "decode_gif", "decode_image", "decode_jpeg", "decode_png", "read_file",
    "write_file",
]  # fmt: skip

_MODES = {1: "grayscale", 3: "rgb", 4: "rgba"}


def read_file(filename, name=None) -> Tensor:
    """The bytes of a file, as a Tensor of one value; `decode_image` and its kin take it."""
    content = np.empty((), object)
    content[()] = Path(_path(filename)).read_bytes()
    return Tensor(content)


def write_file(filename, contents, name=None) -> None:
    """Writes bytes, or a text, as a file."""
    value = contents.numpy() if isinstance(contents, Tensor) else contents
    Path(_path(filename)).write_bytes(value if isinstance(value, bytes) else str(value).encode())


def decode_image(contents, channels=0, dtype="uint8", name=None, expand_animations=True) -> Tensor:
    """The image in the bytes of a file of any format that Pillow knows, (rows, columns, channels).

    Parameters
        channels : 1, 3 or 4; 0 takes those of the file
        dtype : uint8, or a float dtype for values from 0 to 1
    Raises   BrokenImage (a ValueError): no whole image.  ValueError: other channels
    """
    data = contents.numpy() if isinstance(contents, Tensor) else contents
    if not isinstance(data, bytes):
        raise TypeError(
            f"[decode_image] contents is a {type(data).__name__}, expected bytes: read_file(path)"
        )
    if channels not in (0, *_MODES):
        raise ValueError(f"[decode_image] channels is {channels}, expected 0, 1, 3 or 4")
    x = images.read_bytes(io.BytesIO(data), _MODES.get(channels) or _mode_of(data))
    return Tensor(x if np.dtype(dtype).kind in "iu" else (x / 255).astype(dtype))


def decode_jpeg(contents, channels=0, *_, **__) -> Tensor:
    """`decode_image` of a JPEG: what else TensorFlow's takes chooses between ways to the same image."""
    return decode_image(contents, channels)


def decode_png(contents, channels=0, dtype="uint8", name=None) -> Tensor:
    """`decode_image` of a PNG."""
    return decode_image(contents, channels, dtype)


def decode_bmp(contents, channels=0, name=None) -> Tensor:
    """`decode_image` of a BMP."""
    return decode_image(contents, channels)


def decode_gif(contents, name=None) -> Tensor:
    """`decode_image` of the first picture of a GIF."""
    return decode_image(contents, 3)


def decode_csv(
    records,
    record_defaults,
    field_delim=",",
    use_quote_delim=True,
    na_value="",
    name=None,
    select_cols=None,
) -> list[Tensor]:
    """The columns of lines of comma-separated values, each in the shape of `records`.

    Parameters
        record_defaults : one a column, whose dtype it takes: what stands for an empty field or `na_value`; an
            empty Tensor or list where a field must not be empty
        select_cols : numbers of the columns to take, in order; all where None
    Raises   ValueError: a line with another number of fields, an empty field that must not be, no number
    """
    lines = text_array(records)
    rules = {"delimiter": field_delim, "quoting": csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE}
    rows = list(csv.reader(lines.reshape(-1), **rules))
    chosen = range(len(record_defaults)) if select_cols is None else select_cols
    for row in rows:
        if select_cols is None and len(row) != len(record_defaults) or len(row) <= max(chosen, default=-1):
            raise ValueError(
                f"[decode_csv] a record has {len(row)} fields, expected {len(record_defaults)}: {row}"
            )
    defaults = [np.asarray(constant(d) if np.size(d) else d) for d in record_defaults]
    return [
        Tensor(_column([row[c] for row in rows], default, c, na_value).reshape(lines.shape))
        for c, default in zip(chosen, defaults, strict=True)
    ]


def _column(fields: list[str], default: np.ndarray, number: int, na_value: str) -> np.ndarray:
    missing_one = [field in ("", na_value) for field in fields]
    if any(missing_one) and not default.size:
        raise ValueError(f"[decode_csv] field {number} is empty, expected a value: it has no default")
    filled = [default.reshape(-1)[0] if m else f for f, m in zip(fields, missing_one, strict=True)]
    try:
        return np.array(filled, object).astype(default.dtype)
    except ValueError as error:
        raise ValueError(f"[decode_csv] field {number}: {error}, expected {default.dtype} values") from None


def _mode_of(data: bytes) -> str:
    """What the file has; where it is no image, anything: reading it will tell."""
    try:
        with images.pillow().open(io.BytesIO(data)) as image:
            return {1: "grayscale", 2: "grayscale", 4: "rgba"}.get(len(image.getbands()), "rgb")
    except OSError:
        return "rgb"


def _path(filename) -> str:
    return str(filename) if isinstance(filename, Path) else str(text_array(filename)[()])


__getattr__ = missing(__name__, __all__)
