# SPDX-License-Identifier: Apache-2.0
"""Images brought to one size: Resizing, CenterCrop, RandomCrop; and what layers on images share."""

from __future__ import annotations

import numpy as np

from tilewright import ops, random
from tilewright.autograd import Tensor
from tilewright.keras import config
from tilewright.keras.layers.layer import Layer

_IDENTITY = np.eye(2)


class ImageLayer(Layer):
    """Base: takes one image (rank 3) or a batch (rank 4) of any numbers, in either data format.

    Subclasses define `transform_images(images, transformation, training)` and, if they change images at
    random, `get_random_transformation(images, training)`; both see what the layer is called on.
    """

    casts_integers = True

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standard_data_format(data_format)
        self.built = True

    def call(self, inputs, training=True):
        if inputs.ndim not in (3, 4):
            raise ValueError(
                f"[{self.name}] inputs has shape {inputs.shape}, expected rank 3 (an image) or 4 (a batch)"
            )
        transformation = self.get_random_transformation(inputs, training)
        return self.transform_images(inputs, transformation, training)

    def get_random_transformation(self, images, training=True):
        """What is drawn for a call: arrays with an entry for each image; None where nothing is."""
        return None

    def transform_images(self, images, transformation, training=True):
        """The images changed as `transformation` says."""
        raise NotImplementedError(f"[{self.name}] transform_images is not defined")

    def compute_output_shape(self, input_shape):
        return input_shape

    def _size_axes(self, rank: int) -> tuple[int, int]:
        """The axes of rows and columns."""
        first = rank - 3 + (1 if self.data_format == "channels_first" else 0)
        return first, first + 1

    def _rows_cols(self, images) -> tuple[int, int]:
        rows, cols = self._size_axes(images.ndim)
        return images.shape[rows], images.shape[cols]

    def _on_batch(self, images, function):
        """`function` of the images as a batch with the channels last; the result in the given layout."""
        batch = images if images.ndim == 4 else ops.expand_dims(images, 0)
        first = self.data_format == "channels_first"
        batch = ops.transpose(batch, (0, 2, 3, 1)) if first else batch
        result = function(batch)
        result = ops.transpose(result, (0, 3, 1, 2)) if first else result
        return result if images.ndim == 4 else ops.squeeze(result, 0)

    def _sized(self, shape, size):
        """`shape` with rows and columns replaced."""
        rows, cols = self._size_axes(len(shape))
        sizes = list(shape)
        sizes[rows], sizes[cols] = size
        return tuple(sizes)

    def _part(self, images, top, left, rows, cols):
        """A rectangle of the images, as a view."""
        at_rows, at_cols = self._size_axes(images.ndim)
        key = [slice(None)] * images.ndim
        key[at_rows], key[at_cols] = slice(top, top + rows), slice(left, left + cols)
        return images[tuple(key)]


def window_of_proportions(rows, cols, height, width) -> tuple[int, int, int, int]:
    """(top, left, rows, cols) of the largest window in the middle with the proportions height : width."""
    down = max(min(rows, int(float(cols * height) / width)), 1)
    across = max(min(cols, int(float(rows * width) / height)), 1)
    return int(float(rows - down) / 2), int(float(cols - across) / 2), down, across


class Resizing(ImageLayer):
    """Images in another size.

    Parameters
        height, width : of the result;  interpolation : "bilinear" or "nearest"
        crop_to_aspect_ratio, pad_to_aspect_ratio : cuts out the middle, or fills up with fill_value, instead
            of stretching;  fill_mode : "constant"
        antialias : False
    """

    config_fields = (
        "height",
        "width",
        "interpolation",
        "crop_to_aspect_ratio",
        "pad_to_aspect_ratio",
        "fill_mode",
        "fill_value",
        "antialias",
        "data_format",
    )

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width, self.interpolation = height, width, interpolation
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = crop_to_aspect_ratio, pad_to_aspect_ratio
        self.fill_mode, self.fill_value, self.antialias = fill_mode, fill_value, bool(antialias)
        if interpolation not in ("bilinear", "nearest"):
            raise ValueError(
                f"[{self.name}] interpolation is {interpolation!r}, expected 'bilinear' or 'nearest'"
            )
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                f"[{self.name}] crop_to_aspect_ratio and pad_to_aspect_ratio are set, expected one of them"
            )
        if fill_mode != "constant":
            raise ValueError(f"[{self.name}] fill_mode is {fill_mode!r}, expected 'constant'")
        if antialias:
            raise NotImplementedError(f"[{self.name}] antialias is True, expected False")

    def transform_images(self, images, transformation=None, training=True):
        rows, cols = self._rows_cols(images)
        if self.crop_to_aspect_ratio:
            images = self._part(images, *window_of_proportions(rows, cols, self.height, self.width))
        return self._on_batch(images, self._resized)

    def _resized(self, batch):
        if self.pad_to_aspect_ratio:
            rows, cols = batch.shape[1:3]
            above = int(float(max(rows, int(float(cols * self.height) / self.width)) - rows) / 2)
            beside = int(float(max(cols, int(float(rows * self.width) / self.height)) - cols) / 2)
            batch = ops.pad(batch, ((0, 0), (above, above), (beside, beside), (0, 0)), value=self.fill_value)
        return ops.resize(batch, (self.height, self.width), method=self.interpolation)

    def compute_output_shape(self, input_shape):
        return self._sized(input_shape, (self.height, self.width))


class CenterCrop(ImageLayer):
    """The middle of images; smaller ones are enlarged, without distortion."""

    config_fields = ("height", "width", "data_format")

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width = height, width

    def transform_images(self, images, transformation=None, training=True):
        rows, cols = self._rows_cols(images)
        if rows >= self.height and cols >= self.width:
            return self._part(
                images, (rows - self.height) // 2, (cols - self.width) // 2, self.height, self.width
            )
        return _largest_window(self, images)

    def compute_output_shape(self, input_shape):
        return self._sized(input_shape, (self.height, self.width))


def _largest_window(layer, images):
    """The middle of images with the layer's proportions, resized to its height and width."""
    window = window_of_proportions(*layer._rows_cols(images), layer.height, layer.width)
    size = layer.height, layer.width
    return layer._on_batch(layer._part(images, *window), lambda batch: ops.resize(batch, size))


class RandomCrop(ImageLayer):
    """A part of the images at a random place, one place for a batch; outside training the middle, resized."""

    config_fields = ("height", "width", "seed", "data_format")

    def __init__(self, height, width, seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.height, self.width = height, width
        self.seed = random.make_seed() if seed is None else seed
        self.seed_generator = random.SeedGenerator(self.seed)

    def get_random_transformation(self, images, training=True):
        rows, cols = self._rows_cols(images)
        if not training or rows <= self.height or cols <= self.width:
            return None
        shares = random.uniform((2,), dtype="float64", seed=self.seed_generator)
        top = ops.floor(ops.multiply(shares[:1], float(rows - self.height + 1)))
        return ops.concat([top, ops.floor(ops.multiply(shares[1:], float(cols - self.width + 1)))])

    def transform_images(self, images, transformation, training=True):
        """`transformation`: top and left of the part, (2,) float64; None for the middle."""
        if transformation is None:
            return _largest_window(self, images)
        # Reads each pixel at its place plus (top, left): a gather whose start is not known to Python.
        maps = ops.concat([Tensor(_IDENTITY), ops.reshape(transformation, (2, 1))], axis=1)
        size = self.height, self.width

        def cut(batch):
            return ops.affine_transform(batch, maps, interpolation="nearest", output_size=size)

        return self._on_batch(images, cut)

    def compute_output_shape(self, input_shape):
        return self._sized(input_shape, (self.height, self.width))
