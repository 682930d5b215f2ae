# SPDX-License-Identifier: Apache-2.0
"""DepthwiseConv and SeparableConv, 1D and 2D: convolutions of each channel by itself."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras import constraints, initializers, regularizers
from tilewright.keras.layers.convolution import Convolution
from tilewright.keras.layers.input_spec import InputSpec


class DepthwiseConvolution(Convolution):
    """Base of convolutions of each channel by itself, `depth_multiplier` outputs each."""

    config_fields = (
        "kernel_size",
        "strides",
        "padding",
        "depth_multiplier",
        "data_format",
        "dilation_rate",
        "activation",
        "use_bias",
        "depthwise_initializer",
        "bias_initializer",
        "depthwise_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "depthwise_constraint",
        "bias_constraint",
    )

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            None,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            1,
            activation,
            use_bias,
            depthwise_initializer,
            bias_initializer,
            depthwise_regularizer,
            bias_regularizer,
            activity_regularizer,
            depthwise_constraint,
            bias_constraint,
            **kwargs,
        )
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer, self.depthwise_regularizer = (
            self.kernel_initializer,
            self.kernel_regularizer,
        )
        self.depthwise_constraint = self.kernel_constraint

    def _kernel_shape(self, channels):
        return (*self.kernel_size, channels, self.depth_multiplier)

    @property
    def _outputs(self):
        return self.input_spec.axes[self._channel_axis] * self.depth_multiplier

    def compute_output_shape(self, input_shape):
        if not self.built and self._channel_axis not in self.input_spec.axes:
            self.input_spec = InputSpec(
                ndim=self.rank + 2, axes={self._channel_axis: input_shape[self._channel_axis]}
            )
        return super().compute_output_shape(input_shape)

    def _convolved(self, inputs):
        y = ops.depthwise_conv2d(
            self._images(inputs),
            self._kernel_of_images(self.kernel),
            bias=self.bias,
            stride=self._of_images(self.strides),
            padding=self.padding,
            dilation=self._of_images(self.dilation_rate),
            activation=self._fused,
            data_format=self.data_format,
        )
        return self._back(y)


class DepthwiseConv2D(DepthwiseConvolution):
    """Convolution of each channel by itself, `depth_multiplier` outputs each; kernel (rows, columns,
    channels, multiplier).
    """


class DepthwiseConv1D(DepthwiseConvolution):
    """Convolution of each channel of sequences by itself; kernel (steps, channels, multiplier)."""

    rank = 1


class SeparableConvolution(Convolution):
    """Base of a depthwise convolution and one of size 1 that mixes its channels. Chollet, arXiv:1610.02357."""

    config_fields = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "depth_multiplier",
        "activation",
        "use_bias",
        "depthwise_initializer",
        "pointwise_initializer",
        "bias_initializer",
        "depthwise_regularizer",
        "pointwise_regularizer",
        "bias_regularizer",
        "activity_regularizer",
        "depthwise_constraint",
        "pointwise_constraint",
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
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
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
            bias_initializer=bias_initializer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.depth_multiplier = depth_multiplier
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)
        self.depthwise_regularizer = regularizers.get(depthwise_regularizer)
        self.pointwise_regularizer = regularizers.get(pointwise_regularizer)
        self.depthwise_constraint = constraints.get(depthwise_constraint)
        self.pointwise_constraint = constraints.get(pointwise_constraint)

    def build(self, input_shape):
        channels = input_shape[self._channel_axis]
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})
        self.depthwise_kernel = self.add_ruled_weight(
            "depthwise_kernel", (*self.kernel_size, channels, self.depth_multiplier), rules="depthwise"
        )
        self.pointwise_kernel = self.add_ruled_weight(
            "pointwise_kernel",
            (*[1] * self.rank, channels * self.depth_multiplier, self.filters),
            rules="pointwise",
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_ruled_weight("bias", (self.filters,))

    def _convolved(self, inputs):
        y = ops.depthwise_conv2d(
            self._images(inputs),
            self._kernel_of_images(self.depthwise_kernel),
            stride=self._of_images(self.strides),
            padding=self.padding,
            dilation=self._of_images(self.dilation_rate),
            data_format=self.data_format,
        )
        y = ops.conv2d(
            y,
            self._kernel_of_images(self.pointwise_kernel),
            bias=self.bias,
            activation=self._fused,
            data_format=self.data_format,
        )
        return self._back(y)


class SeparableConv2D(SeparableConvolution):
    """A depthwise convolution of images and a 1x1 convolution that mixes its channels."""


class SeparableConv1D(SeparableConvolution):
    """A depthwise convolution of sequences and one of a single step that mixes its channels."""

    rank = 1
