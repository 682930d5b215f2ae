# SPDX-License-Identifier: Apache-2.0
"""Images as Keras's functions take them: loaded, saved, resized, and changed one at a time."""

from __future__ import annotations

import numpy as np

from tilewright import ops, random
from tilewright.autograd import Tensor
from tilewright.data import augmentation, images
from tilewright.data.images import load_img
from tilewright.keras import config


def img_to_array(img, data_format=None, dtype=None):
    """A PIL image as a float array (rows, cols, channels)."""
    return images.img_to_array(img, config.standard_data_format(data_format), dtype or config.floatx())


def array_to_img(x, data_format=None, scale=True, dtype=None):
    """An array (rows, cols, channels) as a PIL image; `scale` stretches its values to 0 to 255."""
    x = x.numpy() if isinstance(x, Tensor) else x
    return images.array_to_img(x, config.standard_data_format(data_format), scale, dtype or config.floatx())


def save_img(path, x, data_format=None, file_format=None, scale=True, **kwargs):
    """Writes an array as an image file."""
    x = x.numpy() if isinstance(x, Tensor) else x
    images.save_img(path, x, config.standard_data_format(data_format), file_format, scale, **kwargs)


def resized(image, size, interpolation="bilinear", fit="stretch"):
    """One image (rows, cols, channels) in another size, float32.

    Parameters
        fit : "stretch", or to keep its proportions "crop" (the middle) or "pad" (with zeros)
    """
    rows, cols = image.shape[:2]
    x = ops.cast(image, "float32")[None]
    if fit == "crop":
        top, left, down, across = centre_box(rows, cols, size)
        x = x[:, top : top + down, left : left + across]
    if fit != "pad":
        return ops.resize(x, size, method=interpolation)[0]
    ratio = max(rows / size[0], cols / size[1])
    down, across = max(int(rows / ratio), 1), max(int(cols / ratio), 1)
    top, left = (size[0] - down) // 2, (size[1] - across) // 2
    y = ops.zeros((*size, image.shape[2]), np.float32)
    ops.copy(
        ops.resize(x, (down, across), method=interpolation)[0], out=y[top : top + down, left : left + across]
    )
    return y


def centre_box(rows, cols, size) -> tuple[int, int, int, int]:
    """(top, left, rows, cols) of the largest part in the middle with the proportions of `size`."""
    down = max(min(rows, int(cols * size[0] / size[1])), 1)
    across = max(min(cols, int(rows * size[1] / size[0])), 1)
    return (rows - down) // 2, (cols - across) // 2, down, across


def smart_resize(x, size, interpolation="bilinear", data_format="channels_last"):
    """Images in another size without distortion: the middle is cut out before."""
    if len(size) != 2:
        raise ValueError(f"[smart_resize] size is {size!r}, expected (rows, cols)")
    array = x.numpy() if isinstance(x, Tensor) else np.asarray(x)
    if array.ndim not in (3, 4):
        raise ValueError(f"[smart_resize] x has shape {array.shape}, expected 3 or 4 dimensions")
    batch = array if array.ndim == 4 else array[None]
    first = data_format == "channels_first"
    batch = ops.transpose(batch, (0, 2, 3, 1)) if first else batch
    y = ops.stack([resized(image, size, interpolation, "crop") for image in batch])
    y = ops.transpose(y, (0, 3, 1, 2)) if first else y
    return y if array.ndim == 4 else y[0]


def apply_affine_transform(
    x,
    theta=0,
    tx=0,
    ty=0,
    shear=0,
    zx=1,
    zy=1,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    order=1,
):
    """One image turned (degrees), shifted (pixels), sheared (degrees) and zoomed."""
    x = np.asarray(x)
    axes = (row_axis, col_axis, channel_axis)
    if x.ndim != 3 or sorted(axes) != [0, 1, 2] or channel_axis == 1 or row_axis > col_axis:
        raise ValueError(
            f"[apply_affine_transform] x has shape {x.shape} and axes {axes}, expected rows, columns and "
            "channels"
        )
    if order not in (0, 1):
        raise ValueError(f"[apply_affine_transform] order is {order!r}, expected 0 or 1")
    image = ops.transpose(x, axes)
    y = ops.affine_transform(
        (image if image.dtype.kind == "f" else ops.cast(image, "float32"))[None],
        augmentation.image_map(*image.shape[:2], theta, tx, ty, shear, zx, zy),
        fill_mode=fill_mode,
        fill_value=cval,
        interpolation="bilinear" if order == 1 else "nearest",
    )[0]
    return ops.transpose(y, tuple(axes.index(i) for i in range(3)))


def apply_channel_shift(x, intensity, channel_axis=0):
    """intensity added to all channels, kept within the smallest and the largest value."""
    x = np.asarray(x)
    return ops.minimum(ops.maximum(ops.add(x, float(intensity)), ops.min(x)), ops.max(x))


def apply_brightness_shift(x, brightness, scale=True):
    """An image made lighter (above 1) or darker; `scale` stretches its values to 0 to 255."""
    return images.brightened(np.asarray(x), brightness, scale)


def _uniform(low, high, size=None):
    return random.host_generator(random.make_seed()).uniform(low, high, size)


def random_rotation(x, rg, **kwargs):
    """Turned by up to rg degrees to either side; other arguments as `apply_affine_transform`."""
    return apply_affine_transform(x, theta=_uniform(-rg, rg), **_renamed(kwargs))


def random_shift(x, wrg, hrg, row_axis=1, col_axis=2, **kwargs):
    """Shifted by up to a share wrg of the columns and hrg of the rows."""
    tx, ty = _uniform(-hrg, hrg) * x.shape[row_axis], _uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(x, tx=tx, ty=ty, row_axis=row_axis, col_axis=col_axis, **_renamed(kwargs))


def random_shear(x, intensity, **kwargs):
    """Sheared by up to `intensity` degrees to either side."""
    return apply_affine_transform(x, shear=_uniform(-intensity, intensity), **_renamed(kwargs))


def random_zoom(x, zoom_range, **kwargs):
    """Zoomed by factors from zoom_range, (lowest, highest)."""
    if len(zoom_range) != 2:
        raise ValueError(f"[random_zoom] zoom_range is {zoom_range!r}, expected (lowest, highest)")
    zx, zy = _uniform(*zoom_range, 2)
    return apply_affine_transform(x, zx=zx, zy=zy, **_renamed(kwargs))


def random_channel_shift(x, intensity_range, channel_axis=0):
    """Up to intensity_range added to all channels or taken from them."""
    return apply_channel_shift(x, _uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x, brightness_range, scale=True):
    """Brightness changed by a factor from brightness_range, (lowest, highest)."""
    if len(brightness_range) != 2:
        raise ValueError(f"[random_brightness] brightness_range is {brightness_range!r}, expected 2 numbers")
    return apply_brightness_shift(x, _uniform(*brightness_range), scale)


def _renamed(kwargs: dict) -> dict:
    """`order` was called interpolation_order here."""
    return {("order" if name == "interpolation_order" else name): value for name, value in kwargs.items()}


__all__ = [
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "array_to_img",
    "img_to_array",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
]
