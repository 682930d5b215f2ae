# SPDX-License-Identifier: Apache-2.0
"""`keras.preprocessing.image`: images in training, as Keras 2 programs have it."""

from tilewright.keras.preprocessing.image_files import DataFrameIterator, DirectoryIterator
from tilewright.keras.preprocessing.image_functions import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    array_to_img,
    img_to_array,
    load_img,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
    save_img,
    smart_resize,
)
from tilewright.keras.preprocessing.image_generator import ImageDataGenerator
from tilewright.keras.preprocessing.image_iterators import Iterator, NumpyArrayIterator

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
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
