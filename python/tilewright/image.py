# SPDX-License-Identifier: Apache-2.0
"""`tf.image`: images of (rows, columns, channels), alone or in batches: sizes, flips, colours, crops."""

from __future__ import annotations

import functools
import inspect
import math

import numpy as np

from tilewright import ops, random
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.io import decode_gif, decode_image, decode_jpeg, decode_png
from tilewright.suggestion import missing
from tilewright.tf.arguments import as_shape, tensor

__all__ = [
    "ResizeMethod", "adjust_brightness", "adjust_contrast", "adjust_gamma", "adjust_saturation",
    "central_crop", "convert_image_dtype", "crop_to_bounding_box", "decode_gif", "decode_image",
    "decode_jpeg", "decode_png", "extract_patches", "flip_left_right", "flip_up_down", "grayscale_to_rgb",
    "image_gradients", "pad_to_bounding_box", "per_image_standardization", "psnr", "random_brightness",
    "random_contrast", "random_crop", "random_flip_left_right", "random_flip_up_down", "random_saturation",
    "resize", "resize_with_crop_or_pad", "resize_with_pad", "rgb_to_grayscale", "rot90",
    "stateless_random_brightness", "stateless_random_contrast", "stateless_random_crop",
    "stateless_random_flip_left_right", "stateless_random_flip_up_down", "stateless_random_saturation",
    "total_variation", "transpose",
]  # fmt: skip
__getattr__ = missing(__name__, __all__)


def extract_patches(images, sizes, strides, rates=(1, 1, 1, 1), padding="VALID", name=None) -> Tensor:
    """Patches of a batch of images, flattened into the last axis, one for each place.

    Parameters
        sizes, strides, rates : (1, rows, columns, 1): of a patch, from patch to patch, between its pixels
        padding : "VALID", or "SAME": zeros around, so that there are rows / stride times columns / stride
    Returns   (batch, places down, places across, rows * columns * channels)
    """
    x = _images("extract_patches", images, "images")
    if x.ndim != 4:
        raise ValueError(f"[extract_patches] images has shape {x.shape}, expected 4 dimensions")
    (_, *size, _), (_, *stride, _), (_, *rate, _) = sizes, strides, rates
    reach = [(n - 1) * r + 1 for n, r in zip(size, rate, strict=True)]
    if str(padding).upper() == "SAME":
        lacking = [
            max((math.ceil(n / s) - 1) * s + r - n, 0)
            for n, s, r in zip(x.shape[1:3], stride, reach, strict=True)
        ]
        around = [(n // 2, -(-n // 2)) for n in lacking]
        x = ops.pad(x, ((0, 0), *around, (0, 0)))
    down, across = ((n - r) // s + 1 for n, s, r in zip(x.shape[1:3], stride, reach, strict=True))
    if down < 1 or across < 1:
        raise ValueError(
            f"[extract_patches] images has shape {x.shape}, expected at least {tuple(reach)} pixels"
        )
    pixels = [
        x[:, i : i + (down - 1) * stride[0] + 1 : stride[0], j : j + (across - 1) * stride[1] + 1 : stride[1]]
        for i in range(0, reach[0], rate[0])
        for j in range(0, reach[1], rate[1])
    ]
    return ops.concat(pixels, axis=-1)


class ResizeMethod:
    """The methods `resize` knows."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"


def _images(name: str, image, argument: str = "image") -> Tensor:
    x = tensor(image, argument=argument)
    if x.ndim not in (3, 4):
        raise ValueError(
            f"[{name}] {argument} has shape {x.shape}, expected (rows, columns, channels), or a batch of it"
        )
    return x


def _as_batch(x):
    return ops.expand_dims(x, 0) if x.ndim == 3 else x


def _like_input(y, x):
    return ops.squeeze(y, 0) if x.ndim == 3 else y


# ---- sizes


def resize(
    images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False, name=None
) -> Tensor:
    """Images in another size; float32, but for "nearest", which keeps the dtype.

    Parameters
        size : (rows, columns);  method : "bilinear" or "nearest"
        preserve_aspect_ratio : the largest size of the image's own proportions that fits into `size`
    """
    x = _images("resize", images, "images")
    rows, columns = as_shape(size)
    if antialias:
        raise ValueError("[resize] antialias is True, expected False")
    if preserve_aspect_ratio:
        height, width = x.shape[-3:-1]
        scale = min(rows / height, columns / width)
        rows, columns = max(round(height * scale), 1), max(round(width * scale), 1)
    if method not in (ResizeMethod.BILINEAR, ResizeMethod.NEAREST_NEIGHBOR):
        raise ValueError(f"[resize] method is {method!r}, expected 'bilinear' or 'nearest'")
    floats = x if x.dtype.kind == "f" else ops.cast(x, "float32")
    y = _like_input(ops.resize(_as_batch(floats), (rows, columns), method=method), x)
    return ops.cast(y, x.dtype if method == "nearest" else floats.dtype)


def crop_to_bounding_box(image, offset_height, offset_width, target_height, target_width) -> Tensor:
    """The part of so many rows and columns that begins at an offset."""
    x = _images("crop_to_bounding_box", image)
    rows, columns = x.shape[-3:-1]
    top, left, height, width = map(int, (offset_height, offset_width, target_height, target_width))
    if min(top, left) < 0 or top + height > rows or left + width > columns:
        raise ValueError(
            f"[crop_to_bounding_box] a box of {height} x {width} at ({top}, {left}), expected one inside "
            f"{rows} x {columns}"
        )
    return x[..., top : top + height, left : left + width, :]


def pad_to_bounding_box(image, offset_height, offset_width, target_height, target_width) -> Tensor:
    """The image at an offset inside a larger one of zeros."""
    x = _images("pad_to_bounding_box", image)
    rows, columns = x.shape[-3:-1]
    top, left = int(offset_height), int(offset_width)
    bottom, right = int(target_height) - top - rows, int(target_width) - left - columns
    if min(top, left, bottom, right) < 0:
        raise ValueError(
            f"[pad_to_bounding_box] {rows} x {columns} at ({top}, {left}) does not fit, expected a larger box"
        )
    return ops.pad(x, (*((0, 0),) * (x.ndim - 3), (top, bottom), (left, right), (0, 0)))


def central_crop(image, central_fraction) -> Tensor:
    """The middle of the image, that share of its rows and columns."""
    x = _images("central_crop", image)
    if not 0 < central_fraction <= 1:
        raise ValueError(
            f"[central_crop] central_fraction is {central_fraction}, expected above 0, at most 1"
        )
    rows, columns = x.shape[-3:-1]
    top, left = int((rows - rows * central_fraction) / 2), int((columns - columns * central_fraction) / 2)
    return crop_to_bounding_box(x, top, left, rows - 2 * top, columns - 2 * left)


def resize_with_crop_or_pad(image, target_height, target_width) -> Tensor:
    """The middle of the image where it is larger, zeros around it where it is smaller."""
    x = _images("resize_with_crop_or_pad", image)
    rows, columns = x.shape[-3:-1]
    height, width = int(target_height), int(target_width)
    top, left = max(rows - height, 0) // 2, max(columns - width, 0) // 2
    x = crop_to_bounding_box(x, top, left, min(rows, height), min(columns, width))
    return pad_to_bounding_box(x, max(height - rows, 0) // 2, max(width - columns, 0) // 2, height, width)


def resize_with_pad(image, target_height, target_width, method="bilinear", antialias=False) -> Tensor:
    """The image resized in its own proportions, with zeros around it."""
    y = resize(image, (target_height, target_width), method, True, antialias)
    return resize_with_crop_or_pad(y, target_height, target_width)


# ---- turned and mirrored


def flip_left_right(image) -> Tensor:
    """Columns in reverse order."""
    return ops.flip(_images("flip_left_right", image), -2)


def flip_up_down(image) -> Tensor:
    """Rows in reverse order."""
    return ops.flip(_images("flip_up_down", image), -3)


def transpose(image, name=None) -> Tensor:
    """Rows and columns exchanged."""
    return ops.swapaxes(_images("transpose", image), -2, -3)


def rot90(image, k=1, name=None) -> Tensor:
    """Turned by k quarters against the clock."""
    x = _images("rot90", image)
    for _ in range(int(k) % 4):
        x = ops.flip(ops.swapaxes(x, -2, -3), -3)
    return x


def _by_chance(image, changed, seed) -> Tensor:
    """Each image of a batch changed with probability 1/2."""
    count = (image.shape[0], 1, 1, 1) if image.ndim == 4 else (1, 1, 1)
    return ops.where(ops.less(random.uniform(count, seed=seed), 0.5), changed, image)


def random_flip_left_right(image, seed=None) -> Tensor:
    """Each image mirrored left to right with probability 1/2."""
    x = _images("random_flip_left_right", image)
    return _by_chance(x, ops.flip(x, -2), seed)


def random_flip_up_down(image, seed=None) -> Tensor:
    """Each image mirrored up to down with probability 1/2."""
    x = _images("random_flip_up_down", image)
    return _by_chance(x, ops.flip(x, -3), seed)


def random_crop(value, size, seed=None, name=None) -> Tensor:
    """A part of shape `size` at a random place, the same along every axis of the whole batch. Where is
    decided on the host.
    """
    x, wanted = tensor(value), as_shape(size)
    if len(wanted) != x.ndim or any(n > m for n, m in zip(wanted, x.shape, strict=True)):
        raise ValueError(f"[random_crop] size is {wanted}, expected at most {x.shape}")
    drawn = random.uniform((x.ndim,), dtype="float64", seed=seed).numpy()
    starts = [int(u * (m - n + 1)) for u, n, m in zip(drawn, wanted, x.shape, strict=True)]
    return x[tuple(slice(s, s + n) for s, n in zip(starts, wanted, strict=True))]


# ---- colours


def convert_image_dtype(image, dtype, saturate=False, name=None) -> Tensor:
    """In another dtype, with the range moved along: integers fill their range, floats 0 to 1."""
    x, dtype = tensor(image), dtype_of(dtype)
    if x.dtype == dtype:
        return x
    whole, wanted = x.dtype.kind in "iu", dtype.kind in "iu"
    if not whole and not wanted:
        return ops.cast(x, dtype)
    if whole and not wanted:
        return ops.multiply(ops.cast(x, dtype), 1.0 / np.iinfo(x.dtype).max)
    if not whole:
        top = np.iinfo(dtype).max
        scaled = ops.multiply(x, top + 0.5)
        return ops.cast(ops.clip(scaled, 0.0, float(top)) if saturate else scaled, dtype)
    ratio = (np.iinfo(dtype).max + 1) // (np.iinfo(x.dtype).max + 1)
    if ratio:
        return ops.multiply(ops.cast(x, dtype), ratio)
    return ops.cast(ops.floor_divide(x, (np.iinfo(x.dtype).max + 1) // (np.iinfo(dtype).max + 1)), dtype)


def _in_floats(image, change) -> Tensor:
    """`change` of the image as float32 from 0 to 1, back in its dtype."""
    x = tensor(image)
    if x.dtype.kind == "f":
        return change(x)
    return convert_image_dtype(change(convert_image_dtype(x, "float32")), x.dtype, saturate=True)


def rgb_to_grayscale(images, name=None) -> Tensor:
    """One channel of brightness from red, green and blue (ITU-R BT.601)."""
    x = tensor(images)
    if x.shape[-1:] != (3,):
        raise ValueError(f"[rgb_to_grayscale] images has shape {x.shape}, expected 3 channels")
    weights = tensor([0.2989, 0.5870, 0.1140])
    return _in_floats(
        x, lambda y: ops.sum(ops.multiply(y, ops.cast(weights, y.dtype)), axis=-1, keepdims=True)
    )


def grayscale_to_rgb(images, name=None) -> Tensor:
    """The one channel three times."""
    x = tensor(images)
    if x.shape[-1:] != (1,):
        raise ValueError(f"[grayscale_to_rgb] images has shape {x.shape}, expected 1 channel")
    return ops.repeat(x, 3, axis=x.ndim - 1)


def adjust_brightness(image, delta) -> Tensor:
    """Every value plus `delta`, on a scale of 0 to 1."""
    return _in_floats(image, lambda x: ops.add(x, delta))


def adjust_contrast(images, contrast_factor) -> Tensor:
    """Every value's distance from its channel's mean times a factor."""

    def change(x):
        mean = ops.mean(x, axis=(-3, -2), keepdims=True)
        return ops.add(ops.multiply(ops.subtract(x, mean), contrast_factor), mean)

    return _in_floats(images, change)


def adjust_gamma(image, gamma=1, gain=1) -> Tensor:
    """gain * x^gamma"""
    return _in_floats(image, lambda x: ops.multiply(ops.power(x, float(gamma)), float(gain)))


def adjust_saturation(image, saturation_factor, name=None) -> Tensor:
    """Colours farther from grey, or nearer, by a factor: S of HSV times it, at most 1; (.., 3) channels."""

    def change(x):
        # With V the largest channel and S = (V - smallest) / V, hue and V stay if V - x grows as S does.
        high, low = ops.max(x, axis=-1, keepdims=True), ops.min(x, axis=-1, keepdims=True)
        span = ops.subtract(high, low)
        most = ops.divide(high, ops.where(ops.greater(span, 0.0), span, 1.0))
        grown = ops.multiply(ops.subtract(high, x), ops.minimum(most, saturation_factor))
        return ops.subtract(high, grown)

    return _in_floats(image, change)


def random_saturation(image, lower, upper, seed=None) -> Tensor:
    """`adjust_saturation` by a random factor, one for all."""
    if not 0 <= lower < upper:
        raise ValueError(
            f"[random_saturation] lower is {lower} and upper {upper}, expected 0 <= lower < upper"
        )
    return adjust_saturation(image, random.uniform((), lower, upper, seed=seed))


def random_brightness(image, max_delta, seed=None) -> Tensor:
    """`adjust_brightness` by a random number between -max_delta and max_delta, one for all."""
    if max_delta < 0:
        raise ValueError(f"[random_brightness] max_delta is {max_delta}, expected at least 0")
    return adjust_brightness(image, random.uniform((), -max_delta, max_delta, seed=seed))


def random_contrast(image, lower, upper, seed=None) -> Tensor:
    """`adjust_contrast` by a random factor, one for all."""
    if not 0 <= lower < upper:
        raise ValueError(f"[random_contrast] lower is {lower} and upper {upper}, expected 0 <= lower < upper")
    return adjust_contrast(image, random.uniform((), lower, upper, seed=seed))


def per_image_standardization(image) -> Tensor:
    """Each image with mean 0 and variance 1; the deviation counts as at least 1 / sqrt(number of values)."""
    x = _images("per_image_standardization", image)
    x = x if x.dtype.kind == "f" else ops.cast(x, "float32")
    mean, variance = ops.moments(x, axis=(-3, -2, -1), keepdims=True)
    least = float(np.prod(x.shape[-3:])) ** -0.5
    return ops.divide(ops.subtract(x, mean), ops.maximum(ops.sqrt(variance), least))


# ---- measures


def psnr(a, b, max_val, name=None) -> Tensor:
    """Peak signal-to-noise ratio in decibels, one an image."""
    first, second = (ops.cast(_images("psnr", x), "float32") for x in (a, b))
    error = ops.mean(ops.square(ops.subtract(first, second)), axis=(-3, -2, -1))
    peak = 20.0 * math.log10(max_val)
    return ops.subtract(peak, ops.multiply(ops.log(error), 10.0 / math.log(10.0)))


def image_gradients(image) -> tuple[Tensor, Tensor]:
    """Differences to the next row and the next column; 0 at the last ones."""
    x = _images("image_gradients", image)
    x, flat = _as_batch(x), x
    down = ops.subtract(x[:, 1:], x[:, :-1])
    right = ops.subtract(x[:, :, 1:], x[:, :, :-1])
    down = ops.pad(down, ((0, 0), (0, 1), (0, 0), (0, 0)))
    right = ops.pad(right, ((0, 0), (0, 0), (0, 1), (0, 0)))
    return _like_input(down, flat), _like_input(right, flat)


def total_variation(images, name=None) -> Tensor:
    """The sum of the absolute differences of neighbours, one an image."""
    x = _images("total_variation", images)
    down = ops.abs(ops.subtract(x[..., 1:, :, :], x[..., :-1, :, :]))
    right = ops.abs(ops.subtract(x[..., 1:, :], x[..., :-1, :]))
    return ops.add(ops.sum(down, axis=(-3, -2, -1)), ops.sum(right, axis=(-3, -2, -1)))


# ---- the same numbers for the same seed


def _stateless(function):
    """The random function whose `seed` is TensorFlow's pair of ints and decides the numbers alone."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def changed(*args, **kwargs):
        given = signature.bind(*args, **kwargs)
        pair = given.arguments.get("seed")
        if np.shape(pair) != (2,):
            raise ValueError(f"[stateless_{function.__name__}] seed is {pair}, expected a pair of ints")
        first, second = (int(part) for part in pair)
        given.arguments["seed"] = (first * 0x9E3779B97F4A7C15 + second) % 2**63
        return function(*given.args, **given.kwargs)

    return changed


stateless_random_brightness = _stateless(random_brightness)
stateless_random_contrast = _stateless(random_contrast)
stateless_random_crop = _stateless(random_crop)
stateless_random_flip_left_right = _stateless(random_flip_left_right)
stateless_random_flip_up_down = _stateless(random_flip_up_down)
stateless_random_saturation = _stateless(random_saturation)
