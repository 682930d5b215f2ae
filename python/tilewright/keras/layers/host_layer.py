# SPDX-License-Identifier: Apache-2.0
"""Bases of preprocessing layers: those that work on the host, and those that learn from data by `adapt`."""

from __future__ import annotations

import numpy as np

from tilewright.autograd import Tensor
from tilewright.keras import config
from tilewright.keras.graph import KerasTensor, is_symbolic
from tilewright.keras.layers.layer import Layer


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
        return config.floatx() if self.output_mode == "tf_idf" else "int64"


class Adapting:
    """A layer with `reset_state`, `update_state(batch)` and `finalize_state`, and so with `adapt`."""

    def adapt(self, data, steps=None) -> None:
        """Learns from an array or a list, or from batches (up to `steps`)."""
        self.reset_state()
        for i, batch in enumerate(_batches(data)):
            if steps is not None and i >= steps:
                break
            self.update_state(batch)
        self.finalize_state()


def _batches(data):
    """An array (or a list of numbers or strings) as one batch; Datasets and other iterables as theirs."""
    if isinstance(data, (list, tuple, np.ndarray, Tensor)) or hasattr(data, "__array__"):
        return [data]
    if not hasattr(data, "__iter__"):
        raise TypeError(f"[adapt] data is a {type(data).__name__}, expected an array, a list or batches")
    return (batch[0] if isinstance(batch, tuple) else batch for batch in data)


def salt_pair(layer: str, salt):
    """A salt as two numbers, or None."""
    if salt is None:
        return None
    if isinstance(salt, int):
        return [salt, salt]
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    raise ValueError(f"[{layer}] salt is {salt!r}, expected a number or two")
