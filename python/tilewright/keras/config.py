# SPDX-License-Identifier: Apache-2.0
"""`keras.config`: what can be set for all layers."""

from tilewright.keras.defaults import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    standard_data_format,
)
from tilewright.keras.dtype_policies import dtype_policy, set_dtype_policy
from tilewright.keras.lambda_code import enable_unsafe_deserialization

__all__ = [
    "dtype_policy", "enable_unsafe_deserialization", "epsilon", "floatx", "image_data_format", "set_dtype_policy",
    "set_epsilon", "set_floatx", "set_image_data_format", "standard_data_format",
]  # fmt: skip
