# SPDX-License-Identifier: Apache-2.0
"""Convolutions, pooling, edges and normalization against Keras's, in many combinations of arguments."""

import pytest
from layer_checks import check_against_keras, check_configuration, check_symbolic_shape, floats

IMAGES, STEPS, ODD, ROWS = floats(2, 9, 8, 4), floats(2, 11, 6), floats(1, 7, 5, 3), floats(5, 6)
TRAINING = {"training": True}

# name: (layer by keras.layers, input, arguments of the call)
CASES = {
    "Conv1D": (lambda k: k.Conv1D(5, 3), STEPS, {}),
    "Conv1D same, strides": (lambda k: k.Conv1D(5, 4, 3, "same", activation="elu"), STEPS, {}),
    "Conv1D dilation": (lambda k: k.Conv1D(5, 3, dilation_rate=3, use_bias=False), STEPS, {}),
    "Conv1D causal, strides": (lambda k: k.Conv1D(5, 3, strides=2, padding="causal"), STEPS, {}),
    "Conv1D causal, dilation": (
        lambda k: k.Conv1D(5, 4, padding="causal", dilation_rate=2, activation="relu"), STEPS, {}
    ),
    "Conv1D groups": (lambda k: k.Conv1D(6, 3, groups=3, padding="same"), STEPS, {}),
    "Conv1D one step": (lambda k: k.Conv1D(5, 1), STEPS, {}),
    "Conv2D": (lambda k: k.Conv2D(5, (2, 3), activation="sigmoid"), IMAGES, {}),
    "Conv2D same": (lambda k: k.Conv2D(5, (4, 3), padding="same"), IMAGES, {}),
    "Conv2D same, strides of two sizes": (lambda k: k.Conv2D(5, 3, (3, 2), "same"), IMAGES, {}),
    "Conv2D same, dilation of two sizes": (
        lambda k: k.Conv2D(5, 3, padding="same", dilation_rate=(2, 3)), IMAGES, {}
    ),
    "Conv2D one by one": (lambda k: k.Conv2D(7, 1, use_bias=False), IMAGES, {}),
    "Conv2D one by one, strides": (lambda k: k.Conv2D(7, 1, strides=2, activation="relu"), IMAGES, {}),
    "Conv2D groups, strides": (lambda k: k.Conv2D(8, 3, 2, groups=4, activation="silu"), IMAGES, {}),
    "Conv2D whole image": (lambda k: k.Conv2D(3, (9, 8)), IMAGES, {}),
    "Conv2D softmax": (lambda k: k.Conv2D(5, 3, activation="softmax"), ODD, {}),
    "DepthwiseConv2D": (lambda k: k.DepthwiseConv2D(3), IMAGES, {}),
    "DepthwiseConv2D strides": (
        lambda k: k.DepthwiseConv2D((3, 2), 2, "same", activation="relu"), IMAGES, {}
    ),
    "DepthwiseConv2D multiplier": (
        lambda k: k.DepthwiseConv2D(3, depth_multiplier=3, use_bias=False), ODD, {}
    ),
    "DepthwiseConv2D dilation": (lambda k: k.DepthwiseConv2D(3, dilation_rate=2), IMAGES, {}),
    "SeparableConv2D": (lambda k: k.SeparableConv2D(5, 3, padding="same"), IMAGES, {}),
    "SeparableConv2D strides, multiplier": (
        lambda k: k.SeparableConv2D(5, (3, 2), 2, depth_multiplier=2, use_bias=False), IMAGES, {}
    ),
    "Conv1DTranspose": (lambda k: k.Conv1DTranspose(3, 3), STEPS, {}),
    "Conv1DTranspose strides": (lambda k: k.Conv1DTranspose(3, 4, 3, "same", activation="relu"), STEPS, {}),
    "Conv1DTranspose output padding": (
        lambda k: k.Conv1DTranspose(3, 4, 3, output_padding=1, use_bias=False), STEPS, {}
    ),
    "Conv1DTranspose dilation": (lambda k: k.Conv1DTranspose(3, 3, dilation_rate=2), STEPS, {}),
    "DepthwiseConv1D": (lambda k: k.DepthwiseConv1D(3), STEPS, {}),
    "DepthwiseConv1D strides": (
        lambda k: k.DepthwiseConv1D(4, 2, "same", depth_multiplier=2, activation="elu"), STEPS, {}
    ),
    "DepthwiseConv1D dilation": (lambda k: k.DepthwiseConv1D(3, dilation_rate=2, use_bias=False), STEPS, {}),
    "SeparableConv1D": (lambda k: k.SeparableConv1D(5, 3, padding="same"), STEPS, {}),
    "SeparableConv1D strides, multiplier": (
        lambda k: k.SeparableConv1D(5, 3, 2, depth_multiplier=2, activation="relu"), STEPS, {}
    ),
    "EinsumDense": (lambda k: k.EinsumDense("abc,cd->abd", (11, 5), bias_axes="d"), STEPS, {}),
    "EinsumDense heads": (
        lambda k: k.EinsumDense("abc,cde->abde", (11, 2, 3), bias_axes="de", activation="tanh"), STEPS, {}
    ),
    "EinsumDense two axes": (lambda k: k.EinsumDense("abcd,cde->abe", (9, 7)), IMAGES, {}),
    "EinsumDense dots first": (lambda k: k.EinsumDense("...x,xy->...y", 5, bias_axes="y"), IMAGES, {}),
    "EinsumDense dots last": (lambda k: k.EinsumDense("ab...,bc->ac...", 5, bias_axes="c"), IMAGES, {}),
    "SpectralNormalization": (lambda k: k.SpectralNormalization(k.Dense(5)), ROWS, {"training": True}),
    "SpectralNormalization Conv2D": (
        lambda k: k.SpectralNormalization(k.Conv2D(5, 3), power_iterations=3), IMAGES, {"training": True}
    ),
    "Conv2DTranspose": (lambda k: k.Conv2DTranspose(3, 3), IMAGES, {}),
    "Conv2DTranspose strides": (lambda k: k.Conv2DTranspose(3, (4, 5), (2, 3)), ODD, {}),
    "Conv2DTranspose small window": (lambda k: k.Conv2DTranspose(3, 2, 3, use_bias=False), ODD, {}),
    "Conv2DTranspose same": (lambda k: k.Conv2DTranspose(3, 4, 2, "same", activation="tanh"), IMAGES, {}),
    "Conv2DTranspose same, stride 1": (lambda k: k.Conv2DTranspose(3, 5, padding="same"), IMAGES, {}),
    "Conv2DTranspose output padding": (
        lambda k: k.Conv2DTranspose(3, 3, 2, "same", output_padding=1), IMAGES, {}
    ),
    "MaxPooling1D": (lambda k: k.MaxPooling1D(), STEPS, {}),
    "MaxPooling1D same": (lambda k: k.MaxPooling1D(3, 2, "same"), STEPS, {}),
    "AveragePooling1D": (lambda k: k.AveragePooling1D(4, 3), STEPS, {}),
    "MaxPooling2D": (lambda k: k.MaxPooling2D((3, 2), (1, 2)), IMAGES, {}),
    "MaxPooling2D same": (lambda k: k.MaxPooling2D((2, 3), padding="same"), IMAGES, {}),
    "AveragePooling2D": (lambda k: k.AveragePooling2D(3, (2, 1)), IMAGES, {}),
    "GlobalMaxPooling1D": (lambda k: k.GlobalMaxPooling1D(keepdims=True), STEPS, {}),
    "GlobalAveragePooling1D": (lambda k: k.GlobalAveragePooling1D(data_format="channels_first"), STEPS, {}),
    "GlobalMaxPooling2D": (
        lambda k: k.GlobalMaxPooling2D(data_format="channels_first", keepdims=True), IMAGES, {}
    ),
    "GlobalAveragePooling2D": (lambda k: k.GlobalAveragePooling2D(), IMAGES, {}),
    "ZeroPadding2D": (lambda k: k.ZeroPadding2D(2), IMAGES, {}),
    "ZeroPadding2D channels_first": (
        lambda k: k.ZeroPadding2D((1, 3), data_format="channels_first"), IMAGES, {}
    ),
    "ZeroPadding1D": (lambda k: k.ZeroPadding1D((2, 1)), STEPS, {}),
    "ZeroPadding1D channels_first": (lambda k: k.ZeroPadding1D(1, data_format="channels_first"), STEPS, {}),
    "Cropping2D": (lambda k: k.Cropping2D(1), IMAGES, {}),
    "Cropping2D channels_first": (lambda k: k.Cropping2D((1, 0), data_format="channels_first"), IMAGES, {}),
    "Cropping1D": (lambda k: k.Cropping1D((0, 2)), STEPS, {}),
    "UpSampling2D": (lambda k: k.UpSampling2D((1, 3)), IMAGES, {}),
    "UpSampling2D bilinear": (lambda k: k.UpSampling2D((3, 2), interpolation="bilinear"), ODD, {}),
    "UpSampling1D": (lambda k: k.UpSampling1D(3), STEPS, {}),
    "BatchNormalization of rows": (lambda k: k.BatchNormalization(momentum=0.8), ROWS, TRAINING),
    "BatchNormalization of steps": (lambda k: k.BatchNormalization(center=False), STEPS, TRAINING),
    "LayerNormalization": (lambda k: k.LayerNormalization(epsilon=1e-5, center=False), IMAGES, {}),
    "LayerNormalization axes": (lambda k: k.LayerNormalization(axis=(2, 3), scale=False), IMAGES, {}),
    "GroupNormalization": (lambda k: k.GroupNormalization(2), IMAGES, {}),
    "GroupNormalization instance": (lambda k: k.GroupNormalization(-1, center=False), IMAGES, {}),
    "GroupNormalization of rows": (lambda k: k.GroupNormalization(2, epsilon=1e-5), ROWS, {}),
    "GroupNormalization axis": (lambda k: k.GroupNormalization(3, axis=1), IMAGES, {}),
    "GroupNormalization one": (lambda k: k.GroupNormalization(1, scale=False), STEPS, {}),
    "UnitNormalization": (lambda k: k.UnitNormalization(), STEPS, {}),
    "UnitNormalization axes": (lambda k: k.UnitNormalization([1, 2]), STEPS, {}),
    "RMSNormalization": (lambda k: k.RMSNormalization(epsilon=1e-3), STEPS, {}),
    "RMSNormalization axes": (lambda k: k.RMSNormalization(axis=[2, 3]), IMAGES, {}),
    "AlphaDropout, not in training": (lambda k: k.AlphaDropout(0.3), STEPS, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_keras_s(name, judge):
    make, x, kwargs = CASES[name]
    got = check_against_keras(judge, name, lambda k: make(k.layers), [x], **kwargs)
    check_symbolic_shape(lambda k: make(k.layers), [x], got)


@pytest.mark.parametrize("name", CASES)
def test_configuration_makes_the_same_layer(name):
    make, x, kwargs = CASES[name]
    check_configuration(lambda k: make(k.layers), [x], **kwargs)
