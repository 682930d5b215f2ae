# SPDX-License-Identifier: Apache-2.0
"""`keras.preprocessing.image`: images in training, as Keras 2 programs have it."""

from tilewright.keras.preprocessing import image_functions
from tilewright.keras.preprocessing.image_files import DataFrameIterator, DirectoryIterator
from tilewright.keras.preprocessing.image_functions import *  # noqa: F403
from tilewright.keras.preprocessing.image_generator import ImageDataGenerator
from tilewright.keras.preprocessing.image_iterators import Iterator, NumpyArrayIterator
from tilewright.suggestion import missing

__all__ = [
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    *image_functions.__all__,
]
__getattr__ = missing(__name__, __all__)
