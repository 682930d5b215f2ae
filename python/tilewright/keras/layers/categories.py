# SPDX-License-Identifier: Apache-2.0
"""Categories as numbers and rows: CategoryEncoding, Discretization, Hashing."""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.data.hashing import bin_of
from tilewright.data.text import Quantiles
from tilewright.keras import config
from tilewright.keras.graph import KerasTensor
from tilewright.keras.layers.category_rows import (
    OUTPUT_MODES,
    check_output_mode,
    encoded,
    encoded_shape,
    refuse_sparse,
)
from tilewright.keras.layers.host_layer import Adapting, HostLayer, salt_pair
from tilewright.keras.layers.layer import Layer


class CategoryEncoding(Layer):
    """Category numbers below num_tokens as rows: "multi_hot", "one_hot" or "count" (by count_weights)."""

    config_fields = ("num_tokens", "output_mode")

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        self.output_mode = check_output_mode(self.name, output_mode, OUTPUT_MODES[1:])
        if num_tokens is None or num_tokens < 1:
            raise ValueError(f"[{self.name}] num_tokens is {num_tokens}, expected an int of at least 1")
        refuse_sparse(self.name, sparse)
        self.num_tokens = num_tokens
        self.built = True

    def call(self, inputs, count_weights=None):
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(f"[{self.name}] count_weights is given, expected output_mode 'count' with it")
        if isinstance(inputs, (list, tuple, int)):
            inputs = Tensor(np.asarray(inputs))
        if isinstance(count_weights, (list, tuple)):
            count_weights = Tensor(np.asarray(count_weights, self.dtype))
        ids = inputs if inputs.dtype.name in ("int32", "int64") else ops.cast(inputs, "int64")
        return encoded(ids, self.output_mode, self.num_tokens, self.dtype, count_weights)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)


class Discretization(Adapting, Layer):
    """Numbers as the number of their bin.

    Parameters
        bin_boundaries : where bins meet, ascending; a number on a boundary belongs to the bin above
        num_bins : finds boundaries of bins with equal shares by `adapt`, to about `epsilon`
        output_mode : "int", "one_hot", "multi_hot" or "count"
    """

    casts_integers = True

    def __init__(
        self,
        bin_boundaries=None,
        num_bins=None,
        epsilon=0.01,
        output_mode="int",
        sparse=False,
        dtype=None,
        name=None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.output_mode = check_output_mode(self.name, output_mode)
        refuse_sparse(self.name, sparse)
        if (bin_boundaries is None) == (num_bins is None):
            raise ValueError(
                f"[{self.name}] bin_boundaries is {bin_boundaries} and num_bins {num_bins}, expected one of "
                "them"
            )
        if num_bins is not None and num_bins < 1:
            raise ValueError(f"[{self.name}] num_bins is {num_bins}, expected at least 1")
        self.bin_boundaries = None if bin_boundaries is None else [float(b) for b in bin_boundaries]
        self.num_bins, self.epsilon, self.sparse = num_bins, epsilon, sparse
        self.built = True
        self.reset_state()

    def reset_state(self) -> None:
        """Forgets what was seen."""
        self._quantiles = Quantiles(self.epsilon)

    def adapt(self, data, steps=None) -> None:
        """Finds the boundaries from an array, or from batches (up to `steps`)."""
        if self.num_bins is None:
            raise ValueError(f"[{self.name}] adapt needs num_bins, expected no bin_boundaries")
        super().adapt(data, steps)

    def update_state(self, data) -> None:
        """Takes in a batch."""
        self._quantiles.add(data.numpy() if isinstance(data, Tensor) else data)

    def finalize_state(self) -> None:
        """Sets the boundaries."""
        if self.num_bins is not None:
            self.bin_boundaries = self._quantiles.boundaries(self.num_bins)

    def call(self, inputs):
        if self.bin_boundaries is None:
            raise ValueError(f"[{self.name}] bin_boundaries is None, expected adapt(data) before")
        bounds = Tensor(np.asarray(self.bin_boundaries, inputs.dtype))
        above = ops.greater_equal(ops.expand_dims(inputs, -1), bounds)
        ids = ops.cast(ops.sum(ops.cast(above, "int32"), axis=-1), "int32")
        dtype = "int32" if self.output_mode == "int" else self.dtype
        return encoded(ids, self.output_mode, len(self.bin_boundaries) + 1, dtype)

    def compute_output_shape(self, input_shape):
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(input_shape, self.output_mode, depth)

    def compute_output_spec(self, inputs):
        dtype = "int32" if self.output_mode == "int" else self.dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)

    def get_config(self) -> dict:
        fields = ("bin_boundaries", "num_bins", "epsilon", "output_mode", "sparse", "name", "dtype")
        return {field: getattr(self, field) for field in fields}

    @classmethod
    def from_config(cls, values: dict):
        values = dict(values)
        adapted = values.get("num_bins") is not None
        boundaries = values.pop("bin_boundaries") if adapted else None
        layer = cls(**values)
        if adapted:
            layer.bin_boundaries = boundaries
        return layer


class Hashing(HostLayer):
    """Strings or integers as the number of a bin, by TensorFlow's hashes.

    Parameters
        num_bins : of them;  mask_value : gets bin 0 for itself
        salt : a number or two, for SipHash instead of FarmHash
        output_mode : "int", "one_hot", "multi_hot" or "count"
    """

    config_fields = ("num_bins", "mask_value", "salt", "output_mode", "sparse")

    def __init__(self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else config.floatx()
        super().__init__(**kwargs)
        if num_bins is None or num_bins <= 0:
            raise ValueError(f"[{self.name}] num_bins is {num_bins}, expected an int of at least 1")
        refuse_sparse(self.name, sparse)
        self.num_bins, self.mask_value, self.sparse = num_bins, mask_value, sparse
        self.output_mode = check_output_mode(self.name, output_mode)
        self.salt = salt_pair(self.name, salt)

    def call(self, inputs):
        values = np.asarray(inputs.numpy() if isinstance(inputs, Tensor) else inputs)
        if values.dtype.kind == "f":
            values = values.astype(np.int64)
        masked = self.mask_value is not None and self.num_bins > 1
        bins = self.num_bins - masked
        salt = None if self.salt is None else tuple(self.salt)

        def number(value):
            if masked and value == self.mask_value:
                return 0
            text = value.decode() if isinstance(value, bytes) else str(value)
            return bin_of(text, bins, salt) + masked

        ids = np.array([number(v) for v in values.reshape(-1).tolist()], np.int64).reshape(values.shape)
        return encoded(Tensor(ids), self.output_mode, self.num_bins, self.dtype)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def _output_dtype(self) -> str:
        return self.dtype
