# SPDX-License-Identifier: Apache-2.0
"""`tf.io`: files, and the images in them, as pipelines of `tf.data` read them: `read_file`, `decode_jpeg`."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from tilewright.autograd import Tensor
from tilewright.data import images
from tilewright.data.text import text_array
from tilewright.suggestion import missing

__all__ = [
    "decode_bmp", "decode_gif", "decode_image", "decode_jpeg", "decode_png", "read_file", "write_file",
]  # fmt: skip

_MODES = {1: "grayscale", 3: "rgb", 4: "rgba"}


def read_file(filename, name=None) -> Tensor:
    """The bytes of a file, as a Tensor of one value; `decode_image` and its kin take it."""
    content = np.empty((), object)
    content[()] = Path(_path(filename)).read_bytes()
    return Tensor(content)


def write_file(filename, contents, name=None) -> None:
    """Writes bytes, or a text, as a file."""
    value = contents.numpy()[()] if isinstance(contents, Tensor) else contents
    Path(_path(filename)).write_bytes(value if isinstance(value, bytes) else str(value).encode())


def decode_image(contents, channels=0, dtype="uint8", name=None, expand_animations=True) -> Tensor:
    """The image in the bytes of a file of any format that Pillow knows, (rows, columns, channels).

    Parameters
        channels : 1, 3 or 4; 0 takes those of the file
        dtype : uint8, or a float dtype for values from 0 to 1
    Raises   BrokenImage (a ValueError): no whole image.  ValueError: other channels
    """
    data = contents.numpy()[()] if isinstance(contents, Tensor) else contents
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
