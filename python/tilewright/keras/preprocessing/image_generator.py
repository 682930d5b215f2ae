# SPDX-License-Identifier: Apache-2.0
"""ImageDataGenerator: images turned, shifted, zoomed, flipped, standardized while a model trains."""

from __future__ import annotations

import math
import warnings

import numpy as np

from tilewright import ops, random
from tilewright.data import augmentation, images
from tilewright.keras import config
from tilewright.keras.preprocessing import image_transforms
from tilewright.keras.preprocessing.image_files import DataFrameIterator, DirectoryIterator
from tilewright.keras.preprocessing.image_functions import apply_channel_shift
from tilewright.keras.preprocessing.image_iterators import NumpyArrayIterator
from tilewright.suggestion import NamedArguments, named_arguments

_FILL_MODES = ("constant", "nearest", "reflect", "wrap")
_TINY = 1e-6  # added to deviations before they divide


class ImageDataGenerator(NamedArguments):
    """Batches of images, changed at random, with the arguments and the meaning of Keras 2.

    Parameters
        featurewise_center, featurewise_std_normalization, zca_whitening : by the statistics that `fit` finds
        samplewise_center, samplewise_std_normalization : by those of each image;  zca_epsilon : keeps from
            dividing by 0
        rotation_range, shear_range : degrees to either side
        width_shift_range, height_shift_range : a share of the size below 1, else pixels; an int n stands for
            one of 0 to n-1 pixels, a list for one of its entries, to either side
        zoom_range : (lowest, highest) factor, or z for (1 - z, 1 + z);  brightness_range : (lowest, highest)
            factor
        channel_shift_range : what is added to all channels at most, to either side
        fill_mode : "nearest", "constant" (cval), "reflect" or "wrap": what appears at the edges
        horizontal_flip, vertical_flip : in half of the cases
        rescale : factor, applied last of the changes and before centring
        preprocessing_function : called with each changed image (rows, cols, channels), gives one of the same
            shape
        data_format, dtype : of the batches;  interpolation_order : 1 (bilinear) or 0 (nearest)
        validation_split : share of the data that subset="validation" gives
    """

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format=None,
        validation_split=0.0,
        interpolation_order=1,
        dtype=None,
    ):
        self.featurewise_center = self._implied(
            "featurewise_center", featurewise_center, featurewise_std_normalization or zca_whitening
        )
        self.samplewise_center = self._implied(
            "samplewise_center", samplewise_center, samplewise_std_normalization
        )
        self.samplewise_std_normalization = samplewise_std_normalization
        self.featurewise_std_normalization = featurewise_std_normalization and not zca_whitening
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range = self._pair("brightness_range", brightness_range)
        if isinstance(zoom_range, (int, float)):
            zoom_range = (1 - zoom_range, 1 + zoom_range)
        self.zoom_range = self._pair("zoom_range", zoom_range)
        self.channel_shift_range = channel_shift_range
        if fill_mode not in _FILL_MODES:
            raise ValueError(
                f"[ImageDataGenerator] fill_mode is {fill_mode!r}, expected one of {', '.join(_FILL_MODES)}"
            )
        self.fill_mode, self.cval = fill_mode, cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.data_format = config.standard_data_format(data_format)
        self.channel_axis, self.row_axis, self.col_axis = (
            (3, 1, 2) if self.data_format == "channels_last" else (1, 2, 3)
        )
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                f"[ImageDataGenerator] validation_split is {validation_split}, expected between 0 and 1"
            )
        self.validation_split = validation_split
        if interpolation_order not in (0, 1):
            raise ValueError(
                f"[ImageDataGenerator] interpolation_order is {interpolation_order!r}, expected 0 or 1"
            )
        self.interpolation_order = interpolation_order
        self.dtype = dtype or config.floatx()
        self.mean = self.std = self.zca_whitening_matrix = None

    @staticmethod
    def _implied(name: str, given, needed) -> bool:
        if needed and not given:
            warnings.warn(f"[ImageDataGenerator] {name} is turned on: another option needs it", stacklevel=3)
        return bool(given or needed)

    @staticmethod
    def _pair(name: str, value):
        if value is None:
            return None
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            raise ValueError(f"[ImageDataGenerator] {name} is {value!r}, expected (lowest, highest)")
        return list(value)

    # ---- where images come from

    @named_arguments
    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        ignore_class_split=False,
        subset=None,
    ):
        """Batches of arrays: x (n, rows, cols, channels), or (x, others): others come along as they are."""
        options = _without_self(locals())
        return NumpyArrayIterator(image_data_generator=self, **options)

    @named_arguments
    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        skip_broken=False,
    ):
        """Batches of image files in folders, a folder a class.

        Parameters
            directory : holds the folders;  classes : their names in the order of the labels; all, sorted,
                where None
            target_size : rows and columns that images are resized to, by `interpolation`
            color_mode : "rgb", "rgba" or "grayscale"
            class_mode : "categorical" (one-hot), "binary", "sparse", "input" (the images themselves) or None
            subset : "training" or "validation", by the generator's validation_split
            save_to_dir, save_prefix, save_format : where the changed images are written as well
            skip_broken : looks through all files first and leaves out what is no whole image (counted and
                named); else the first such file raises a ValueError that names it
        Raises    FileNotFoundError: no such folder.  ValueError: no images, one class where several are
                  needed
        """
        options = _without_self(locals())
        return DirectoryIterator(image_data_generator=self, **options)

    @named_arguments
    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        keep_aspect_ratio=False,
        skip_broken=False,
    ):
        """Batches of image files named in a table: a pandas.DataFrame, or a dict of lists.

        Parameters
            x_col, y_col, weight_col : the columns of file names, labels (a list of columns for
                "multi_output") and sample weights
            class_mode : as in `flow_from_directory`, or "raw" (numbers) or "multi_output"
            validate_filenames : leaves out rows whose file does not exist
        """
        options = _without_self(locals())
        return DataFrameIterator(image_data_generator=self, **options)

    # ---- one image

    def get_random_transform(self, img_shape, seed=None) -> dict:
        """Parameters of a change drawn at random, for an image of this shape."""
        return self.draw_transform(
            img_shape, random.host_generator(random.make_seed() if seed is None else seed)
        )

    def draw_transform(self, img_shape, rng) -> dict:
        """`get_random_transform` with the numbers of a numpy.random.Generator."""
        return image_transforms.draw(self, img_shape[self.row_axis - 1], img_shape[self.col_axis - 1], rng)

    def apply_transform(self, x, transform_parameters: dict):
        """The image (rows, cols, channels) changed by parameters as `get_random_transform` gives them."""
        return self.apply_transforms(np.asarray(x)[None], [transform_parameters])[0]

    def random_transform(self, x, seed=None):
        """The image changed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x):
        """An image (or a batch) rescaled, centred and whitened, in place where it is a float array."""
        x = np.asarray(x)
        y = self._standardized(x[None] if x.ndim == 3 else x, axes=None)
        y = y[0] if x.ndim == 3 else y
        if x.dtype == y.dtype and x.shape == y.shape and x.flags.writeable:
            return ops.copy(y, out=x)
        return y

    # ---- batches

    def augmented(self, batch, rng):
        """A batch of images (uint8 or float) changed at random and standardized, in the generator's dtype."""
        drawn = [self.draw_transform(batch.shape[1:], rng) for _ in range(batch.shape[0])]
        x = self._standardized(self.apply_transforms(batch, drawn), axes=(1, 2, 3))
        return x if x.dtype == self.dtype else ops.cast(x, self.dtype)

    def apply_transforms(self, batch, transforms: list[dict]):
        """`apply_transform` of each image of a batch, all in one call of the engine; float32 or float64."""
        first = self.data_format == "channels_first"
        x = batch if batch.dtype.kind == "f" or batch.dtype == np.uint8 else ops.cast(batch, "float32")
        if any(image_transforms.moves(t) for t in transforms):
            x = ops.transpose(x, (0, 2, 3, 1)) if first else x
            maps = np.array([image_transforms.map_of(t, *x.shape[1:3]) for t in transforms])
            x = ops.affine_transform(
                x,
                maps,
                fill_mode=self.fill_mode,
                fill_value=self.cval,
                interpolation="bilinear" if self.interpolation_order == 1 else "nearest",
            )
            x = ops.transpose(x, (0, 3, 1, 2)) if first else x
        else:
            x = ops.cast(x, "float32") if x.dtype == np.uint8 else ops.copy(x)
        for i, transform in enumerate(transforms):
            intensity, brightness = transform.get("channel_shift_intensity"), transform.get("brightness")
            if intensity is not None:
                ops.copy(apply_channel_shift(x[i], intensity), out=x[i])
            if brightness is not None:
                changed = images.brightened(x[i], brightness, scale=False, data_format=self.data_format)
                ops.copy(ops.cast(changed, x.dtype), out=x[i])
        return x

    def _standardized(self, x, axes):
        """`axes`: over which images have their own mean and deviation; None for all of x."""
        if x.dtype.kind != "f":
            x = ops.cast(x, "float32")
        if self.preprocessing_function is not None:
            x = ops.stack([np.asarray(self.preprocessing_function(image), x.dtype) for image in x])
        if self.rescale:
            x = ops.multiply(x, float(self.rescale))
        if self.samplewise_center:
            x = ops.subtract(x, ops.mean(x, axis=axes, keepdims=True))
        if self.samplewise_std_normalization:
            x = ops.divide(x, ops.add(ops.std(x, axis=axes, keepdims=True), _TINY))
        if self.featurewise_center and self._fitted("featurewise_center", self.mean):
            x = ops.subtract(x, ops.cast(self.mean, x.dtype))
        if self.featurewise_std_normalization and self._fitted("featurewise_std_normalization", self.std):
            x = ops.divide(x, ops.add(ops.cast(self.std, x.dtype), _TINY))
        if self.zca_whitening and self._fitted("zca_whitening", self.zca_whitening_matrix):
            flat = ops.reshape(x, (-1, math.prod(x.shape[-3:])))
            x = ops.reshape(ops.matmul(flat, ops.cast(self.zca_whitening_matrix, x.dtype)), x.shape)
        return x

    @staticmethod
    def _fitted(option: str, statistics) -> bool:
        if statistics is None:
            warnings.warn(
                f"[ImageDataGenerator] {option} needs statistics and changes nothing; call fit(x) first",
                stacklevel=5,
            )
        return statistics is not None

    def fit(self, x, augment=False, rounds=1, seed=None) -> None:
        """Finds mean, deviation and whitening of the images x (n, rows, cols, channels).

        Parameters
            augment : of images changed at random, `rounds` times each;  seed : of the changes
        """
        x = ops.cast(np.asarray(x), self.dtype if np.dtype(self.dtype).kind == "f" else "float32")
        if x.ndim != 4:
            raise ValueError(f"[ImageDataGenerator.fit] x has shape {x.shape}, expected 4 dimensions")
        if self.rescale:
            x = ops.multiply(x, float(self.rescale))
        if augment:
            rng = random.host_generator(random.make_seed() if seed is None else seed)
            x = ops.concat(
                [
                    self.apply_transforms(
                        x, [self.draw_transform(x.shape[1:], rng) for _ in range(x.shape[0])]
                    )
                    for _ in range(rounds)
                ]
            )
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = ops.mean(x, axis=axes, keepdims=True)[0]
            x = ops.subtract(x, self.mean)
        if self.featurewise_std_normalization:
            self.std = ops.std(x, axis=axes, keepdims=True)[0]
            x = ops.divide(x, ops.add(self.std, _TINY))
        if self.zca_whitening:
            self.zca_whitening_matrix = augmentation.whitening(
                ops.reshape(x, (x.shape[0], -1)), self.zca_epsilon
            )


def _without_self(arguments: dict) -> dict:
    return {name: value for name, value in arguments.items() if name != "self"}
