# SPDX-License-Identifier: Apache-2.0
"""TensorSpec: the shape and dtype of an array that is not there yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tilewright.dtype_names import dtype_of


@dataclass(frozen=True, repr=False)
class TensorSpec:
    """Shape (None where a size, or all of it, is open) and dtype of an argument or a part of a data set."""

    shape: tuple | None
    dtype: np.dtype = np.dtype(np.float32)
    name: str | None = None

    def __post_init__(self):
        object.__setattr__(self, "shape", None if self.shape is None else tuple(self.shape))
        object.__setattr__(self, "dtype", dtype_of(self.dtype))

    def __repr__(self):
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype}, name={self.name!r})"
