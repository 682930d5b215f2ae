# SPDX-License-Identifier: Apache-2.0
"""Categories as numbers and rows: CategoryEncoding, Discretization, Hashing."""

from __future__ import annotations

import numpy as np

from tilewright import ops
from tilewright.autograd import Tensor
from tilewright.data.hashing import bin_of
from tilewright.data.text import Quantiles
from tilewright.keras import config
from tilewright.keras.graph import KerasTensor, is_symbolic
from tilewright.keras.layers.layer import Layer

OUTPUT_MODES = ("int", "one_hot", "multi_hot", "count")


class HostLayer(Layer):
    """Base of layers that look at their inputs on the host: strings, and numbers that are looked up.

    A step that holds one is run by Python each time.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.built = True

    def __call__(self, inputs, *args, **kwargs):
        if is_symbolic((inputs,), kwargs):
            return super().__call__(inputs, *args, **kwargs)
        return self.call(inputs)

    def compute_output_spec(self, inputs, **kwargs):
        return KerasTensor(self.compute_output_shape(inputs.shape), self._output_dtype())

    def _output_dtype(self) -> str:
        return "int64" if self.output_mode == "int" else config.floatx()


def check_output_mode(layer: str, mode: str, modes=OUTPUT_MODES) -> str:
    mode = {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(mode, mode)
    if mode not in modes:
        raise ValueError(f"[{layer}] output_mode is {mode!r}, expected one of {', '.join(modes)}")
    return mode


def encoded(ids, output_mode: str, depth: int, dtype, weights=None):
    """Category numbers as they are ("int"), or as rows of `depth`; a number outside gives zeros.

    Parameters
        output_mode : "one_hot": a row each;  "multi_hot", "count": a row for all numbers along axis 1
        weights : of "count", like ids
    """
    if output_mode == "int":
        return ops.cast(ids, dtype)
    if ids.ndim == 0:
        ids = ops.expand_dims(ids, 0)
    if output_mode == "one_hot":
        if ids.ndim > 1 and ids.shape[-1] == 1:
            ids = ops.squeeze(ids, -1)
        return ops.one_hot(ids, depth, dtype=dtype)
    rows, axis = ops.one_hot(ids, depth, dtype=dtype), 1 if ids.ndim > 1 else 0
    if output_mode == "multi_hot":
        return ops.max(rows, axis=axis) if ids.shape[axis] else ops.sum(rows, axis=axis)
    if weights is not None:
        rows = ops.multiply(rows, ops.expand_dims(ops.cast(weights, dtype), -1))
    return ops.sum(rows, axis=axis)


def encoded_shape(shape, output_mode: str, depth) -> tuple:
    """The shape of `encoded` for ids of `shape`."""
    if output_mode == "int":
        return tuple(shape)
    if len(shape) == 0:
        return (depth,)
    if output_mode == "one_hot":
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:-1], depth)


class CategoryEncoding(Layer):
    """Category numbers below num_tokens as rows: "multi_hot", "one_hot" or "count" (weighted by
    count_weights).
    """

    config_fields = ("num_tokens", "output_mode")

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        self.output_mode = check_output_mode(self.name, output_mode, OUTPUT_MODES[1:])
        if num_tokens is None or num_tokens < 1:
            raise ValueError(f"[{self.name}] num_tokens is {num_tokens}, expected an int of at least 1")
        if sparse:
            raise NotImplementedError(
                f"[{self.name}] sparse is True, expected False: there are no sparse arrays"
            )
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


class Discretization(Layer):
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
        if sparse:
            raise NotImplementedError(
                f"[{self.name}] sparse is True, expected False: there are no sparse arrays"
            )
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
        self.reset_state()
        for i, batch in enumerate(batches_for_adapt(data)):
            if steps is not None and i >= steps:
                break
            self.update_state(batch)
        self.finalize_state()

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


def batches_for_adapt(data):
    """An array (or a list of numbers or strings) as one batch; Datasets and other iterables as theirs."""
    if isinstance(data, (list, tuple, np.ndarray, Tensor)) or hasattr(data, "__array__"):
        return [data]
    if not hasattr(data, "__iter__"):
        raise TypeError(f"[adapt] data is a {type(data).__name__}, expected an array, a list or batches")
    return (batch[0] if isinstance(batch, tuple) else batch for batch in data)


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
        if sparse:
            raise NotImplementedError(
                f"[{self.name}] sparse is True, expected False: there are no sparse arrays"
            )
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


def salt_pair(layer: str, salt):
    """A salt as two numbers, or None."""
    if salt is None:
        return None
    if isinstance(salt, int):
        return [salt, salt]
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    raise ValueError(f"[{layer}] salt is {salt!r}, expected a number or two")
