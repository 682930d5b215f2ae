# SPDX-License-Identifier: Apache-2.0
"""Images changed at random in training, each on its own: RandomFlip, RandomRotation, RandomZoom,
RandomTranslation, RandomContrast, RandomBrightness.

What is drawn and the maps made from it stay in arrays, so a recorded step draws anew each time.
"""

from __future__ import annotations

import math

import numpy as np

from tilewright import ops, random
from tilewright.autograd import Tensor
from tilewright.keras.layers.image_preprocessing import ImageLayer

_FILL_MODES = ("reflect", "wrap", "constant", "nearest")
# Keras's layers interpolate with what lies outside, and repeat an image with its own period.
_BORDERS = {"constant": "grid-constant", "wrap": "grid-wrap"}


class _Random(ImageLayer):
    """Base: draws in training from a generator of the layer's own."""

    def __init__(self, seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)

    def call(self, inputs, training=True):
        return super().call(inputs, training) if training else inputs

    def _draw(self, images, low, high):
        """A number for each image, float64."""
        n = images.shape[0] if images.ndim == 4 else 1
        return random.uniform((n,), low, high, "float64", self.seed_generator)


class _Moving(_Random):
    """Base of the layers that read images through affine maps."""

    config_fields = ("fill_mode", "interpolation", "seed", "fill_value", "data_format")

    def __init__(self, fill_mode="reflect", interpolation="bilinear", fill_value=0.0, **kwargs):
        super().__init__(**kwargs)
        if fill_mode not in _FILL_MODES:
            raise NotImplementedError(
                f"[{self.name}] fill_mode is {fill_mode!r}, expected one of {', '.join(_FILL_MODES)}"
            )
        if interpolation not in ("nearest", "bilinear"):
            raise NotImplementedError(
                f"[{self.name}] interpolation is {interpolation!r}, expected 'nearest' or 'bilinear'"
            )
        self.fill_mode, self.interpolation, self.fill_value = fill_mode, interpolation, fill_value

    def _warped(self, images, maps, interpolation=None):
        options = {
            "fill_mode": _BORDERS.get(self.fill_mode, self.fill_mode),
            "fill_value": self.fill_value,
            "interpolation": interpolation or self.interpolation,
        }
        return self._on_batch(images, lambda batch: ops.affine_transform(batch, maps, **options))


def maps_of(terms, coefficients):
    """Maps (n, 2, 3): sums of `terms`, (n,) each, by matrices of coefficients, the last for a constant."""
    columns = ops.stack([*terms, ops.ones_like(terms[0])], axis=1)
    return ops.reshape(ops.matmul(columns, Tensor(_rows_of(str(coefficients), coefficients))), (-1, 2, 3))


_known: dict[str, np.ndarray] = {}


def _rows_of(key: str, coefficients):
    """The matrices as rows of one array, the same for the same numbers: recorded steps keep reading it."""
    if key not in _known:
        _known[key] = np.array(coefficients, np.float64).reshape(len(coefficients), 6)
    return _known[key]


def range_of(layer, argument, factor, lowest, highest, open_below=False):
    """A number f as (-f, f), or a pair, sorted. Raises ValueError for what is out of range."""
    pair = factor if isinstance(factor, (tuple, list)) else (factor,)
    numbers = all(isinstance(f, (int, float)) for f in pair) and len(pair) <= 2
    if not numbers or any(f > highest or f < lowest or (open_below and f == lowest) for f in pair):
        below = "(" if open_below else "["
        raise ValueError(
            f"[{layer}] {argument} is {factor!r}, expected a number or two in {below}{lowest}, {highest}]"
        )
    if len(pair) == 2:
        return tuple(sorted(pair))
    return max(-abs(pair[0]), lowest), abs(pair[0])


class RandomFlip(_Random):
    """Mirrors images in half of the cases: "horizontal", "vertical" or "horizontal_and_vertical"."""

    config_fields = ("mode", "seed", "data_format")

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if mode not in ("horizontal", "vertical", "horizontal_and_vertical"):
            raise ValueError(
                f"[{self.name}] mode is {mode!r}, expected 'horizontal', 'vertical' or "
                "'horizontal_and_vertical'"
            )
        self.mode = mode

    def get_random_transformation(self, images, training=True):
        return {"flips": ops.less_equal(self._draw(images, 0.0, 1.0), 0.5)}

    def transform_images(self, images, transformation, training=True):
        rows, cols = self._rows_cols(images)
        flips = ops.cast(ops.reshape(transformation["flips"], (-1,)), "float64")
        # 1 - 2 flip turns the direction round, flip (size - 1) moves the end to the start.
        nothing = [0, 0, 0]
        turned = [
            [-2, 0, rows - 1] if "vertical" in self.mode else nothing,
            [0, -2, cols - 1] if "horizontal" in self.mode else nothing,
        ]
        maps = maps_of([flips], [turned, [[1, 0, 0], [0, 1, 0]]])
        return self._on_batch(
            images, lambda batch: ops.affine_transform(batch, maps, interpolation="nearest")
        )


class RandomRotation(_Moving):
    """Turns images about their middle.

    Parameters
        factor : share of a full turn: f for up to f to either side, or (lowest, highest)
        fill_mode : "reflect", "wrap", "constant" (fill_value) or "nearest";  interpolation : "bilinear" or
            "nearest"
    """

    config_fields = ("factor", *_Moving.config_fields)

    def __init__(
        self,
        factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs)
        self.factor = range_of(self.name, "factor", factor, -1, 1)

    def get_random_transformation(self, images, training=True):
        """angle: degrees."""
        return {"angle": self._draw(images, 360.0 * self.factor[0], 360.0 * self.factor[1])}

    def transform_images(self, images, transformation, training=True):
        rows, cols = self._rows_cols(images)
        y, x = (rows - 1) / 2, (cols - 1) / 2
        angle = ops.multiply(ops.cast(transformation["angle"], "float64"), math.pi / 180)
        maps = maps_of(
            [ops.cos(angle), ops.sin(angle)],
            [
                [[1, 0, -y], [0, 1, -x]],
                [[0, 1, -x], [-1, 0, y]],
                [[0, 0, y], [0, 0, x]],
            ],
        )
        return self._warped(images, maps)


class RandomZoom(_Moving):
    """Zooms images about their middle: a factor of 0.2 shows 1.2 times as much of rows or columns.

    Parameters
        height_factor, width_factor : f for -f to f, or (lowest, highest), above -1; width_factor None keeps
            the proportions
    """

    config_fields = ("height_factor", "width_factor", *_Moving.config_fields)

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = range_of(self.name, "height_factor", height_factor, -1, 1, open_below=True)
        if width_factor is not None:
            self._width = range_of(self.name, "width_factor", width_factor, -1, 1, open_below=True)

    def get_random_transformation(self, images, training=True):
        height = self._draw(images, 1.0 + self._height[0], 1.0 + self._height[1])
        if self.width_factor is None:
            return {"height_zoom": height, "width_zoom": height}
        return {
            "height_zoom": height,
            "width_zoom": self._draw(images, 1.0 + self._width[0], 1.0 + self._width[1]),
        }

    def transform_images(self, images, transformation, training=True):
        rows, cols = self._rows_cols(images)
        y, x = (rows - 1) / 2, (cols - 1) / 2
        zooms = [
            ops.cast(ops.reshape(transformation[name], (-1,)), "float64")
            for name in ("height_zoom", "width_zoom")
        ]
        maps = maps_of(
            zooms,
            [
                [[1, 0, -y], [0, 0, 0]],
                [[0, 0, 0], [0, 1, -x]],
                [[0, 0, y], [0, 0, x]],
            ],
        )
        return self._warped(images, maps)


class RandomTranslation(_Moving):
    """Shifts images by a share of their size, down and to the right where it is positive.

    Parameters
        height_factor, width_factor : f for -f to f, or (lowest, highest)
    """

    config_fields = ("height_factor", "width_factor", *_Moving.config_fields)

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(fill_mode, interpolation, fill_value, seed=seed, data_format=data_format, **kwargs)
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height = range_of(self.name, "height_factor", height_factor, -1, 1)
        self._width = range_of(self.name, "width_factor", width_factor, -1, 1)

    def get_random_transformation(self, images, training=True):
        """translations: (n, 2) pixels, to the right and down."""
        rows, cols = self._rows_cols(images)
        down = ops.multiply(self._draw(images, *self._height), float(rows))
        right = ops.multiply(self._draw(images, *self._width), float(cols))
        return {"translations": ops.stack([right, down], axis=1)}

    def transform_images(self, images, transformation, training=True):
        shifts = ops.cast(transformation["translations"], "float64")
        maps = maps_of(
            [shifts[:, 1], shifts[:, 0]],
            [
                [[0, 0, -1], [0, 0, 0]],
                [[0, 0, 0], [0, 0, -1]],
                [[1, 0, 0], [0, 1, 0]],
            ],
        )
        return self._warped(images, maps)


class RandomContrast(_Random):
    """Stretches the values of each channel about their mean.

    Parameters
        factor : (below, above) for stretches of 1 - below to 1 + above; a number f stands for (0, f), as in
            Keras 3
        value_range : what results are clipped to
    """

    config_fields = ("factor", "value_range", "seed")

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.factor = range_of(self.name, "factor", factor, 0, 1)
        self.value_range = tuple(value_range)

    def get_random_transformation(self, images, training=True):
        return {"contrast_factor": self._draw(images, 1.0 - self.factor[0], 1.0 + self.factor[1])}

    def transform_images(self, images, transformation, training=True):
        factor = _for_each_image(transformation["contrast_factor"], images)
        mean = ops.mean(images, axis=self._size_axes(images.ndim), keepdims=True)
        stretched = ops.add(ops.multiply(ops.subtract(images, mean), factor), mean)
        return ops.clip(stretched, float(self.value_range[0]), float(self.value_range[1]))


class RandomBrightness(_Random):
    """Adds the same to all values of an image.

    Parameters
        factor : share of value_range: f for -f to f, or (lowest, highest)
        value_range : (lowest, highest) of images; results are clipped to it
    """

    config_fields = ("factor", "value_range", "seed")

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.factor = range_of(self.name, "factor", factor, -1, 1)
        if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
            raise ValueError(f"[{self.name}] value_range is {value_range!r}, expected two numbers")
        self.value_range = sorted(value_range)

    def get_random_transformation(self, images, training=True):
        width = float(self.value_range[1] - self.value_range[0])
        return {"rgb_delta": ops.multiply(self._draw(images, *self.factor), width)}

    def transform_images(self, images, transformation, training=True):
        lighter = ops.add(images, _for_each_image(transformation["rgb_delta"], images))
        return ops.clip(lighter, float(self.value_range[0]), float(self.value_range[1]))


def _for_each_image(values, images):
    """One value per image, in a shape that broadcasts over images of any rank."""
    shape = (-1, 1, 1, 1) if images.ndim == 4 else (1, 1, 1)
    return ops.cast(ops.reshape(values, shape), images.dtype)
