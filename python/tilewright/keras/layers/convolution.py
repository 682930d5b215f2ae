# SPDX-License-Identifier: Apache-2.0
"""Conv1D, Conv2D, Conv2DTranspose, and the base of all convolutions."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras import activations, config, constraints, initializers, regularizers
from tilewright.keras.layers.arguments import positive_int
from tilewright.keras.layers.input_spec import InputSpec
from tilewright.keras.layers.layer import Layer


def sizes_of(layer: str, argument: str, value, rank: int, least: int = 1) -> tuple[int, ...]:
    """An int, or one for each axis, as a tuple."""
    sizes = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(sizes) != rank or any(not isinstance(n, int) or n < least for n in sizes):
        raise ValueError(
            f"[{layer}] {argument} is {value!r}, expected an int or {rank} ints of at least {least}"
        )
    return sizes


def window_outputs(size, window: int, stride: int, padding: str, dilation: int = 1):
    """Number of places of a window along an axis; None where the axis is open."""
    if size is None:
        return None
    if padding in ("same", "causal"):
        return -(-size // stride)
    return max((size - (window - 1) * dilation - 1) // stride + 1, 0)


class Convolution(Layer):
    """Base of convolutions: arguments, weights and output shape.

    Parameters
        filters : channels of the output;  kernel_size, strides, dilation_rate : int, or one for each axis
        padding : "valid" or "same" (Conv1D: also "causal");  groups : of channels that see only each other
        data_format : "channels_last" (default) or "channels_first"
        activation, use_bias, initializers, regularizers, constraints : as Dense's
    """

    rank, causal = 2, False
    casts_integers = True
    config_fields = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "groups",
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
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
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
        filters = None if filters is None else positive_int(self.name, "filters", filters)
        if filters is not None and filters % groups:
            raise ValueError(f"[{self.name}] filters is {filters}, expected a multiple of groups = {groups}")
        self.filters, self.groups, self.use_bias = filters, groups, use_bias
        self.kernel_size = sizes_of(self.name, "kernel_size", kernel_size, self.rank)
        self.strides = sizes_of(self.name, "strides", strides, self.rank)
        self.dilation_rate = sizes_of(self.name, "dilation_rate", dilation_rate, self.rank)
        self.padding = str(padding).lower()
        known = ("valid", "same", "causal") if self.causal else ("valid", "same")
        if self.padding not in known:
            raise ValueError(f"[{self.name}] padding is {padding!r}, expected one of {', '.join(known)}")
        self.data_format = config.standard_data_format(data_format)
        self.activation = activations.get(activation)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._fused, self._after = activations.split_epilogue(self.activation)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    def _kernel_shape(self, channels: int) -> tuple[int, ...]:
        if channels % self.groups:
            raise ValueError(
                f"[{self.name}] input has {channels} channels, expected a multiple of groups = {self.groups}"
            )
        return (*self.kernel_size, channels // self.groups, self.filters)

    @property
    def _outputs(self) -> int:
        return self.filters

    def build(self, input_shape):
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ValueError(
                f"[{self.name}] input has shape {tuple(input_shape)}, expected a known number of channels"
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        self.compute_output_shape(input_shape)
        self.kernel = self.add_ruled_weight("kernel", self._kernel_shape(channels))
        self.bias = None
        if self.use_bias:
            self.bias = self.add_ruled_weight("bias", (self._outputs,))

    def _of_images(self, sizes: tuple) -> tuple:
        """Sizes along rows and columns: steps are columns of images of one row."""
        return sizes if self.rank == 2 else (1, *sizes)

    def _images(self, inputs):
        return inputs if self.rank == 2 else ops.expand_dims(inputs, self._row_axis)

    def _kernel_of_images(self, kernel):
        return kernel if self.rank == 2 else ops.expand_dims(kernel, 0)

    def _back(self, y):
        return y if self.rank == 2 else ops.squeeze(y, self._row_axis)

    @property
    def _row_axis(self) -> int:
        return 1 if self.data_format == "channels_last" else 2

    def call(self, inputs):
        y = self._convolved(inputs)
        return y if self._after is None else self._after(y)

    def _spatial(self, sizes) -> list:
        return [
            window_outputs(n, k, s, self.padding, d)
            for n, k, s, d in zip(sizes, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        ]

    def compute_output_shape(self, input_shape):
        last = self.data_format == "channels_last"
        sizes = self._spatial(input_shape[1:-1] if last else input_shape[2:])
        if any(n is not None and n < 1 for n in sizes):
            raise ValueError(
                f"[{self.name}] input has shape {tuple(input_shape)}, expected at least {self.kernel_size} "
                "along the axes that the window moves over"
            )
        return (input_shape[0], *sizes, self._outputs) if last else (input_shape[0], self._outputs, *sizes)


class Conv2D(Convolution):
    """Convolution of (batch, rows, columns, channels), kernel (rows, columns, channels / groups, filters)."""

    def _convolved(self, inputs):
        return ops.conv2d(
            inputs,
            self.kernel,
            bias=self.bias,
            stride=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            groups=self.groups,
            activation=self._fused,
            data_format=self.data_format,
        )


class Conv1D(Convolution):
    """Convolution of sequences: (batch, steps, channels), kernel (steps, channels / groups, filters)."""

    rank, causal = 1, True

    def _convolved(self, inputs):
        padding = self.padding
        if padding == "causal":  # zeros before the first step only, so that no output sees later ones
            before = (self.kernel_size[0] - 1) * self.dilation_rate[0]
            at = 1 if self.data_format == "channels_last" else 2
            inputs = ops.pad(inputs, [(before, 0) if i == at else (0, 0) for i in range(3)])
            padding = "valid"
        return ops.conv1d(
            inputs,
            self.kernel,
            bias=self.bias,
            stride=self.strides[0],
            padding=padding,
            dilation=self.dilation_rate[0],
            groups=self.groups,
            activation=self._fused,
            data_format=self.data_format,
        )


class ConvolutionTranspose(Convolution):
    """Base of transposed convolutions."""

    config_fields = (*(f for f in Convolution.config_fields if f != "groups"), "output_padding")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
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
        if kwargs.pop("groups", 1) != 1:
            raise ValueError(f"[{type(self).__name__}] groups is not 1, expected 1")
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            1,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
        self.output_padding = (
            None
            if output_padding is None
            else sizes_of(self.name, "output_padding", output_padding, self.rank, 0)
        )

    def _kernel_shape(self, channels):
        return (*self.kernel_size, self.filters, channels)

    def _convolved(self, inputs):
        extra = self.output_padding
        y = ops.conv2d_transpose(
            self._images(inputs),
            self._kernel_of_images(self.kernel),
            bias=self.bias,
            stride=self._of_images(self.strides),
            padding=self.padding,
            output_padding=extra if extra is None or self.rank == 2 else (0, *extra),
            dilation=self._of_images(self.dilation_rate),
            activation=self._fused,
            data_format=self.data_format,
        )
        return self._back(y)

    def _spatial(self, sizes):
        found = []
        for i, n in enumerate(sizes):
            reach, step = (self.kernel_size[i] - 1) * self.dilation_rate[i] + 1, self.strides[i]
            if n is None:
                found.append(None)
            elif self.output_padding is None:
                found.append(n * step if self.padding == "same" else n * step + max(reach - step, 0))
            else:
                pad = reach // 2 if self.padding == "same" else 0
                found.append((n - 1) * step + reach - 2 * pad + self.output_padding[i])
        return found


class Conv2DTranspose(ConvolutionTranspose):
    """Transposed convolution, which enlarges images; kernel (rows, columns, filters, channels)."""


class Conv1DTranspose(ConvolutionTranspose):
    """Transposed convolution, which lengthens sequences; kernel (steps, filters, channels)."""

    rank = 1
