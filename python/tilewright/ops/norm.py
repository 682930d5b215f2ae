# SPDX-License-Identifier: Apache-2.0
"""The norm family in one place: over rows (layer_norm, rms_norm) and over channels (batch_norm)."""

from tilewright.ops.norm_batch import batch_norm, batch_norm_backward
from tilewright.ops.norm_layer import layer_norm, layer_norm_backward, rms_norm, rms_norm_backward

__all__ = [
    "batch_norm",
    "batch_norm_backward",
    "layer_norm",
    "layer_norm_backward",
    "rms_norm",
    "rms_norm_backward",
]
