# SPDX-License-Identifier: Apache-2.0
"""Dense, Embedding, Activation, Lambda, Identity, Masking."""

from __future__ import annotations

import inspect

from tilewright import nest, ops
from tilewright.keras import activations, constraints, initializers, regularizers, serialization
from tilewright.keras.graph import KerasTensor, probe_shapes
from tilewright.keras.layers.arguments import positive_int
from tilewright.keras.layers.input_spec import InputSpec
from tilewright.keras.layers.layer import Layer


class Dense(Layer):
    """y = activation(x @ kernel + bias), kernel (inputs, units), over the last axis of x.

    Parameters
        units : outputs;  activation : name or callable;  use_bias : whether to add a bias
        kernel_initializer, bias_initializer, kernel_regularizer, bias_regularizer, activity_regularizer,
        kernel_constraint, bias_constraint : names, configurations or objects
    """

    casts_integers = True
    supports_masking = True
    config_fields = (
        "units",
        "activation",
        "use_bias",
        "kernel_initializer",
        "bias_initializer",
        "kernel_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "kernel_constraint",
        "bias_constraint",
    )

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units, self.use_bias = positive_int(self.name, "units", units), use_bias
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._fused, self._after = activations.split_epilogue(self.activation)
        self.input_spec = InputSpec(min_ndim=2)

    def build(self, input_shape):
        self.kernel = self.add_ruled_weight("kernel", (input_shape[-1], self.units))
        self.bias = None
        if self.use_bias:
            self.bias = self.add_ruled_weight("bias", (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})

    def call(self, inputs):
        y = ops.matmul(inputs, self.kernel, bias=self.bias, activation=self._fused)
        return y if self._after is None else self._after(y)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


class Activation(Layer):
    """An activation function as a layer."""

    casts_integers = True
    supports_masking = True
    config_fields = ("activation",)

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs):
        return self.activation(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


class Embedding(Layer):
    """Rows of a table by integer ids: (..) to (.., output_dim).

    Parameters
        input_dim : number of rows, ids are 0 to input_dim - 1;  output_dim : length of a row
        mask_zero : id 0 is padding, and later layers skip it
    """

    config_fields = (
        "input_dim",
        "output_dim",
        "embeddings_initializer",
        "embeddings_regularizer",
        "activity_regularizer",
        "embeddings_constraint",
        "mask_zero",
    )

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        activity_regularizer=None,
        **kwargs,
    ):
        length = kwargs.pop("input_length", None)
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.input_dim = positive_int(self.name, "input_dim", input_dim)
        self.output_dim = positive_int(self.name, "output_dim", output_dim)
        if length is not None and self.input_shape_argument is None:
            self.input_shape_argument = (None, length)
        self.mask_zero = mask_zero
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.supports_masking = mask_zero
        self._first_weights = weights

    def build(self, input_shape):
        # Without autocast: the rows are cast, not the table.
        self.embeddings = self.add_ruled_weight(
            "embeddings", (self.input_dim, self.output_dim), autocast=False
        )
        if self._first_weights is not None:
            values = self._first_weights
            self.embeddings.assign(values[0] if isinstance(values, (list, tuple)) else values)

    input_dtype = "int32"

    def _converted(self, value):
        autocast, self.autocast = self.autocast, False  # ids keep their dtype
        try:
            return super()._converted(value)
        finally:
            self.autocast = autocast

    def call(self, inputs):
        if inputs.dtype.kind == "f":
            inputs = ops.cast(inputs, "int32")
        y = ops.embedding(self.embeddings, inputs)
        return y if y.dtype == self._compute_dtype else ops.cast(y, self._compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)


class Lambda(Layer):
    """Any function of Tensors as a layer.

    Parameters
        function : called with the inputs, and with mask= and training= where it has such parameters
        output_shape : without the batch axis, or a function of the input shape; found by running it where
            None
        mask : of the outputs, or a function of inputs and mask;  arguments : more for `function`
    """

    config_fields = ("function", "output_shape", "mask", "arguments")

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"[{self.name}] function is a {type(function).__name__}, expected a callable")
        self.function, self.arguments = function, arguments or {}
        self.output_shape, self.mask = output_shape, mask
        self.supports_masking = mask is not None
        try:
            parameters = inspect.signature(function).parameters
        except ValueError:  # a function written in C tells nothing
            parameters = {}
        self._takes = [name for name in ("mask", "training") if name in parameters]

    def call(self, inputs, mask=None, training=None):
        known = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{name: known[name] for name in self._takes})

    def compute_output_spec(self, inputs, **_):
        if self.output_shape is None:
            return probe_shapes(lambda x: self(x), ((inputs,), {}))
        shapes = nest.map_leaves(lambda leaf: leaf.shape, inputs)
        wanted = self.output_shape
        if callable(wanted):
            return KerasTensor(tuple(wanted(shapes)), self.compute_dtype)
        batch = (inputs if isinstance(inputs, KerasTensor) else nest.leaves(inputs)[0]).shape[0]
        return KerasTensor((batch, *wanted), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    @classmethod
    def from_config(cls, values: dict):
        functions = {name: values.get(name) for name in ("function", "output_shape", "mask")}
        found = {
            name: serialization.deserialize_keras_object(value)
            for name, value in functions.items()
            if isinstance(value, (str, dict))
        }
        return cls(**{**values, **found})


class Identity(Layer):
    """Gives back its input."""

    supports_masking = True

    def call(self, inputs):
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape


class Masking(Layer):
    """Marks time steps whose features all equal `mask_value`, and zeroes them."""

    supports_masking = True
    config_fields = ("mask_value",)

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def compute_mask(self, inputs, mask=None):
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs):
        kept = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.where(kept, inputs, 0.0)

    def compute_output_shape(self, input_shape):
        return input_shape
