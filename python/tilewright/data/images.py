# SPDX-License-Identifier: Apache-2.0
"""Image files and arrays: read, resized and written by Pillow, with Keras's conventions."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np

CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pillow():
    """PIL.Image. Raises ImportError that names the extra."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "[images] Pillow is not installed, expected it to read images: pip install tilewright[images]"
        ) from error
    return Image


class BrokenImage(ValueError):
    """A file that is no whole image."""


def check_color_mode(name: str, color_mode: str) -> int:
    """The number of channels."""
    if color_mode not in CHANNELS:
        raise ValueError(f"[{name}] color_mode is {color_mode!r}, expected 'grayscale', 'rgb' or 'rgba'")
    return CHANNELS[color_mode]


def check_interpolation(name: str, interpolation: str) -> None:
    if interpolation not in _FILTERS:
        raise ValueError(
            f"[{name}] interpolation is {interpolation!r}, expected one of {', '.join(_FILTERS)}"
        )


def load_img(path, color_mode="rgb", target_size=None, interpolation="nearest", keep_aspect_ratio=False):
    """An image file as a PIL image.

    Parameters
        path : file name, path, or io.BytesIO
        color_mode : "rgb", "rgba" or "grayscale"
        target_size : (rows, cols) it is resized to; None keeps its own
        interpolation : "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos"
        keep_aspect_ratio : the centre is cut out before, so that nothing is stretched
    Raises    BrokenImage (a ValueError): no whole image, named.  FileNotFoundError: no such file.
              ValueError: another mode or interpolation
    """
    check_color_mode("load_img", color_mode)
    check_interpolation("load_img", interpolation)
    image_module = pillow()
    if not isinstance(path, (str, bytes, os.PathLike, io.BytesIO)):
        raise TypeError(f"[load_img] path is a {type(path).__name__}, expected a file name or io.BytesIO")
    content = path if isinstance(path, io.BytesIO) else io.BytesIO(Path(os.fsdecode(path)).read_bytes())
    try:
        image = image_module.open(content)
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError, image_module.DecompressionBombError) as error:
        reason = "no format that Pillow knows" if "cannot identify" in str(error) else error
        reason = reason if content.getbuffer().nbytes else "it is empty"
        raise BrokenImage(f"[load_img] {path} is no whole image: {reason}") from error
    if color_mode == "grayscale":
        if image.mode not in ("L", "I;16", "I"):
            image = image.convert("L")
    elif image.mode != color_mode.upper():
        image = image.convert(color_mode.upper())
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    resample = getattr(image_module.Resampling, interpolation.upper())
    size = (int(target_size[1]), int(target_size[0]))
    box = _centre(image.size, size) if keep_aspect_ratio else None
    return image.resize(size, resample, box=box)


def _centre(size, target):
    """The largest box in the middle of an image (width, height) with the target's proportions."""
    width, height = size
    across, down = min(width, height * target[0] // target[1]), min(height, width * target[1] // target[0])
    left, top = (width - across) // 2, (height - down) // 2
    return left, top, left + across, top + down


def img_to_array(img, data_format="channels_last", dtype="float32"):
    """A PIL image as an array (rows, cols, channels), or (channels, rows, cols) with channels_first."""
    x = np.asarray(img, dtype=dtype)
    if x.ndim not in (2, 3):
        raise ValueError(f"[img_to_array] img has shape {x.shape}, expected (rows, cols[, channels])")
    if x.ndim == 2:
        x = x[:, :, None]
    return x.transpose(2, 0, 1) if data_format == "channels_first" else x


def array_to_img(x, data_format="channels_last", scale=True, dtype="float32"):
    """An array (rows, cols, channels) of 1, 3 or 4 channels as a PIL image.

    Parameters
        scale : stretches the values to 0 to 255; else they are taken as they are, fractions cut off
    """
    image_module = pillow()
    x = np.asarray(x, dtype=dtype)
    if x.ndim != 3:
        raise ValueError(f"[array_to_img] x has shape {x.shape}, expected 3 dimensions (one image)")
    if data_format == "channels_first":
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"[array_to_img] x has {x.shape[2]} channels, expected 1, 3 or 4")
    if scale:
        x = x - x.min(initial=np.inf)
        highest = x.max(initial=0)
        x = x * (255 / highest) if highest != 0 else x * 255
    if x.shape[2] == 1:
        gray = x[:, :, 0]
        return image_module.fromarray(gray.astype("int32" if gray.max(initial=0) > 255 else "uint8"))
    return image_module.fromarray(_bytes(x))


def _bytes(x):
    with warnings.catch_warnings():  # values outside 0 to 255 wrap around, as in Keras
        warnings.simplefilter("ignore", RuntimeWarning)
        return x.astype("uint8")


def save_img(path, x, data_format="channels_last", file_format=None, scale=True, dtype="float32", **kwargs):
    """Writes an array as an image file; the format is that of the file's name unless given."""
    if file_format is None and isinstance(path, (str, Path)):
        file_format = Path(path).suffix[1:].lower()
    file_format = "jpeg" if (file_format or "").lower() == "jpg" else file_format or None
    image = array_to_img(x, data_format, scale, dtype)
    if image.mode == "RGBA" and file_format == "jpeg":
        warnings.warn("[save_img] JPEG has no transparency, the image is written without", stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format=file_format, **kwargs)


def brightened(x, brightness: float, scale=True, data_format="channels_last"):
    """A float image made lighter or darker as Keras does: by Pillow, in bytes.

    Values outside 0 to 255 are stretched to that range before and, unless `scale`, back after.
    """
    pillow()
    from PIL import ImageEnhance

    low, high = float(np.min(x)), float(np.max(x))
    outside = low < 0 or high > 255
    image = array_to_img(x, data_format, scale=outside or scale)
    y = img_to_array(ImageEnhance.Brightness(image).enhance(brightness), data_format)
    return y / 255 * (high - low) + low if outside and not scale else y


def read_bytes(path, color_mode, size=None, interpolation="nearest", keep_aspect_ratio=False):
    """An image file as an array (rows, cols, channels): uint8, or int32 for gray images of more bits."""
    image = load_img(path, color_mode, size, interpolation, keep_aspect_ratio)
    x = np.asarray(image)
    if x.dtype == np.uint16:
        x = x.astype(np.int32)
    return x[:, :, None] if x.ndim == 2 else x
