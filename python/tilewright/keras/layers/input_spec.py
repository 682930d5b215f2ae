# SPDX-License-Identifier: Apache-2.0
"""InputSpec: what a layer takes, checked at every call with a message that names the layer."""

from __future__ import annotations


class InputSpec:
    """Rank and axes an input has to have.

    Parameters
        ndim, min_ndim, max_ndim : number of axes
        axes : {axis: size}
        shape : whole shape, None where any size will do
        dtype : name of the dtype, checked when given
        allow_last_axis_squeeze : a last axis of size 1 may be missing, or be there beyond `shape`
        name, optional : of the input, kept for those who ask
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional
        self.dtype, self.shape = dtype, None if shape is None else tuple(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        if self.shape is not None:
            self.axes.update({axis: n for axis, n in enumerate(self.shape) if n is not None})

    def _squeezed(self, shape: tuple) -> tuple:
        """`shape` with or without a last axis of size 1, where that makes it fit."""
        if self.allow_last_axis_squeeze and self.shape:
            if len(shape) == self.ndim + 1 and shape[-1] == 1:
                return shape[:-1]
            if len(shape) == self.ndim - 1 and self.shape[-1] == 1:
                return (*shape, 1)
        return shape

    def check(self, layer: str, shape: tuple, dtype=None) -> None:
        """Raises ValueError where `shape` does not fit."""
        shape = self._squeezed(shape)
        rank = len(shape)
        if self.ndim is not None and rank != self.ndim:
            raise ValueError(f"[{layer}] input has shape {shape}, expected {self.ndim} dimensions")
        if self.min_ndim is not None and rank < self.min_ndim:
            raise ValueError(
                f"[{layer}] input has shape {shape}, expected at least {self.min_ndim} dimensions"
            )
        if self.max_ndim is not None and rank > self.max_ndim:
            raise ValueError(
                f"[{layer}] input has shape {shape}, expected at most {self.max_ndim} dimensions"
            )
        for axis, size in self.axes.items():
            if size is not None and -rank <= axis < rank and shape[axis] not in (size, None):
                raise ValueError(f"[{layer}] input has shape {shape}, expected size {size} along axis {axis}")
        if self.dtype is not None and dtype is not None and str(dtype) != str(self.dtype):
            raise TypeError(f"[{layer}] input has dtype {dtype}, expected {self.dtype}")
