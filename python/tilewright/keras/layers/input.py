# SPDX-License-Identifier: Apache-2.0
"""Input: where data enters a model."""

from __future__ import annotations

from tilewright.keras import config
from tilewright.keras.graph import Call, KerasTensor
from tilewright.keras.layers.layer import Layer


class InputLayer(Layer):
    """Holds the shape and dtype of a model's input.

    Parameters
        shape : without the batch axis;  batch_size : known batch size or None
        batch_shape : both together;  dtype : of the data;  input_tensor : a KerasTensor to stand for
    """

    config_fields = ("batch_shape",)

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        batch_shape=None,
        input_tensor=None,
        name=None,
        **kwargs,
    ):
        for option in ("sparse", "ragged", "optional"):
            if kwargs.pop(option, None):
                raise NotImplementedError(
                    f"[Input] {option} is True, expected False: inputs are dense arrays"
                )
        dtype = getattr(dtype, "name", dtype) or (
            input_tensor.dtype if input_tensor is not None else config.floatx()
        )
        super().__init__(dtype=dtype, name=name, **kwargs)
        if self.input_shape_argument is not None and batch_shape is None:
            batch_shape = self.input_shape_argument
        if input_tensor is not None and batch_shape is None:
            batch_shape = input_tensor.shape
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                f"[{self.name}] shape is {shape} and batch_shape {batch_shape}, expected exactly one of them"
            )
        self.batch_shape = (
            tuple(batch_shape) if batch_shape is not None else (batch_size, *_sizes(self.name, shape))
        )
        tensor = (
            KerasTensor(self.batch_shape, self.dtype, name=self.name)
            if input_tensor is None
            else input_tensor
        )
        self._calls.append(Call(self, (), {}, tensor))
        self.built = True

    def call(self, inputs=None):
        return inputs

    @property
    def input(self):
        return self.output


def _sizes(layer: str, shape) -> tuple:
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n is not None and (not isinstance(n, int) or n < 0) for n in shape):
        raise ValueError(f"[{layer}] shape is {shape}, expected sizes of at least 0, or None")
    return shape


def Input(
    shape=None, batch_size=None, dtype=None, batch_shape=None, name=None, tensor=None, **kwargs
) -> KerasTensor:
    """A KerasTensor to call layers on: the start of a model.

    Examples
        >>> Input((28, 28, 1), name="image").shape
        (None, 28, 28, 1)
    """
    return InputLayer(shape, batch_size, dtype, batch_shape, tensor, name, **kwargs).output
