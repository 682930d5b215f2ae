# SPDX-License-Identifier: Apache-2.0
"""Data made ready for training, by the names of Keras 2."""

from tilewright.keras.preprocessing import image, sequence, text
from tilewright.keras.preprocessing.directory_datasets import (
    image_dataset_from_directory,
    text_dataset_from_directory,
)
from tilewright.keras.preprocessing.sequence import timeseries_dataset_from_array
from tilewright.suggestion import missing

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
__getattr__ = missing(__name__, __all__)
