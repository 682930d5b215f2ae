# SPDX-License-Identifier: Apache-2.0
"""What Keras 2 programs look for in `keras.backend`."""

from tilewright.keras.config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from tilewright.keras.utils import clear_session

__all__ = [
    "clear_session",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]
