# SPDX-License-Identifier: Apache-2.0
"""ComputesInDtype: inputs and weights of a layer cast to the dtype it computes in."""

from __future__ import annotations

import numpy as np

from tilewright import backend, nest, ops
from tilewright.autograd import Tensor, raw
from tilewright.dtype_names import dtype_of
from tilewright.keras import dtype_policies
from tilewright.keras.annotated import mask_of, with_mask
from tilewright.variable import Variable


class ComputesInDtype:
    """The part of Layer that follows its DTypePolicy."""

    computes_wide = False  # whether 16-bit inputs become float32 within `call`
    casts_integers = False  # whether integer inputs become floats before `call`

    def _set_dtypes(self, dtype, autocast: bool) -> None:
        self.dtype_policy = dtype_policies.get(dtype)
        self._compute_dtype = dtype_of(self.dtype_policy.compute_dtype)
        self.dtype = str(dtype_of(self.dtype_policy.variable_dtype))
        # What inputs are cast to: normalization of 16-bit inputs computes in float32 (`computes_wide`).
        wide = self.computes_wide and self._compute_dtype.itemsize == 2
        self._inner_dtype = dtype_of("float32") if wide else self._compute_dtype
        self._uncast: set[int] = set()  # weights that `call` sees in their own dtype
        if self._compute_dtype.kind not in "fV":
            self.autocast = autocast = False
        self.autocast = autocast

    @property
    def compute_dtype(self) -> str:
        return str(self._compute_dtype)

    @property
    def variable_dtype(self) -> str:
        return self.dtype

    @property
    def input_dtype(self) -> str:
        """What data is cast to for this layer where a model is built from data."""
        return self.dtype

    def _called_on(self, args, kwargs):
        """`call`, its weights in the dtype it computes in where that is not theirs."""
        own = self.__dict__
        if not self.autocast or self.dtype == str(self._inner_dtype):
            outputs = self.call(*args, **kwargs)
        else:
            weights = {
                name: value
                for name, value in own.items()
                if isinstance(value, Variable) and id(value) not in self._uncast and value.dtype.kind in "fV"
            }
            own.update((name, ops.cast(value, self._inner_dtype)) for name, value in weights.items())
            try:
                outputs = self.call(*args, **kwargs)
            finally:
                own.update(weights)
        if self._inner_dtype is self._compute_dtype:
            return outputs
        return nest.map_leaves(
            lambda y: with_mask(ops.cast(y, self._compute_dtype), mask_of(y)) if y.dtype.kind == "f" else y,
            outputs,
        )

    def _converted(self, value):
        """Arrays as Tensors of the layer's dtype; what is no array as it is."""
        if isinstance(value, Tensor):
            tensor = value
        elif isinstance(value, (np.ndarray, np.generic)) or (
            hasattr(value, "__dlpack__") and hasattr(value, "shape")
        ):
            tensor = Tensor(backend.on_device(raw(self.name, "inputs", value)))
        elif nest.is_nested(value):
            return nest.map_leaves(self._converted, value)
        else:
            return value
        dtype = tensor.array.dtype
        if dtype is self._inner_dtype or dtype == self._inner_dtype or not self.autocast:
            return tensor
        if dtype.kind in "fV" or (self.casts_integers and dtype.kind in "iub"):
            return with_mask(ops.cast(tensor, self._inner_dtype), mask_of(tensor))
        return tensor
