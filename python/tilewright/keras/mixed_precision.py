# SPDX-License-Identifier: Apache-2.0
"""Mixed precision: policies for layers, and the optimizer that scales losses."""

from tilewright.keras.config import dtype_policy, set_dtype_policy
from tilewright.keras.dtype_policies import DTypePolicy
from tilewright.keras.optimizers import LossScaleOptimizer
from tilewright.suggestion import missing

Policy = DTypePolicy
global_policy, set_global_policy = dtype_policy, set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
__getattr__ = missing(__name__, __all__)
