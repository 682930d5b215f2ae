# SPDX-License-Identifier: Apache-2.0
"""`keras.config`: what can be set for all layers."""

from tilewright.keras.defaults import (
    backend,
    disable_interactive_logging,
    enable_interactive_logging,
    epsilon,
    floatx,
    image_data_format,
    is_interactive_logging_enabled,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    standard_data_format,
)
from tilewright.keras.dtype_policies import dtype_policy, set_dtype_policy
from tilewright.keras.lambda_code import enable_unsafe_deserialization
from tilewright.suggestion import missing

__all__ = [
    "backend",
    "disable_interactive_logging",
    "dtype_policy",
    "enable_interactive_logging",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_interactive_logging_enabled",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standard_data_format",
]
__getattr__ = missing(__name__, __all__)
