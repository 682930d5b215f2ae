# SPDX-License-Identifier: Apache-2.0
"""Layers, by Keras's names."""

from tilewright.keras import serialization
from tilewright.keras.layers.activation import ELU, LeakyReLU, PReLU, ReLU, Softmax
from tilewright.keras.layers.attention import MultiHeadAttention
from tilewright.keras.layers.categories import CategoryEncoding, Discretization, Hashing
from tilewright.keras.layers.convolution import Conv1D, Conv2D, Conv2DTranspose
from tilewright.keras.layers.core import Activation, Dense, Embedding, Identity, Lambda, Masking
from tilewright.keras.layers.depthwise import DepthwiseConv2D, SeparableConv2D
from tilewright.keras.layers.image_augmentation import (
    RandomBrightness,
    RandomContrast,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from tilewright.keras.layers.image_preprocessing import CenterCrop, RandomCrop, Resizing
from tilewright.keras.layers.input import Input, InputLayer
from tilewright.keras.layers.input_spec import InputSpec
from tilewright.keras.layers.layer import Layer
from tilewright.keras.layers.lookup import IntegerLookup, StringLookup
from tilewright.keras.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
    add,
    average,
    concatenate,
    multiply,
)
from tilewright.keras.layers.normalization import BatchNormalization, LayerNormalization, RMSNormalization
from tilewright.keras.layers.pooling import (
    AveragePooling1D,
    AveragePooling2D,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    MaxPooling1D,
    MaxPooling2D,
)
from tilewright.keras.layers.preprocessing import Normalization, Rescaling
from tilewright.keras.layers.regularization import (
    ActivityRegularization,
    Dropout,
    GaussianDropout,
    GaussianNoise,
    SpatialDropout1D,
    SpatialDropout2D,
)
from tilewright.keras.layers.reshaping import (
    Cropping2D,
    Flatten,
    Permute,
    RepeatVector,
    Reshape,
    UpSampling2D,
    ZeroPadding2D,
)
from tilewright.keras.layers.text import TextVectorization

_CLASSES = (
    Activation, ActivityRegularization, Add, Average, AveragePooling1D, AveragePooling2D,
    BatchNormalization, Concatenate, Conv1D, Conv2D, Conv2DTranspose, Cropping2D, Dense, DepthwiseConv2D,
    Dot, Dropout, ELU, Embedding, Flatten, GaussianDropout, GaussianNoise, GlobalAveragePooling1D,
    GlobalAveragePooling2D, GlobalMaxPooling1D, GlobalMaxPooling2D, Identity, InputLayer, Lambda,
    LayerNormalization, LeakyReLU, Masking, MaxPooling1D, MaxPooling2D, Maximum, Minimum,
    MultiHeadAttention, Multiply, PReLU, Permute, RMSNormalization, ReLU, RepeatVector, Reshape,
    SeparableConv2D, Softmax, SpatialDropout1D, SpatialDropout2D, Subtract, UpSampling2D, ZeroPadding2D,
    CategoryEncoding, CenterCrop, Discretization, Hashing, IntegerLookup, Normalization, RandomBrightness,
    RandomContrast, RandomCrop, RandomFlip, RandomRotation, RandomTranslation, RandomZoom, Rescaling,
    Resizing, StringLookup, TextVectorization,
)  # fmt: skip
serialization.exported("keras.layers", _CLASSES)

# Keras's second names.
AvgPool1D, AvgPool2D, MaxPool1D, MaxPool2D = AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
Convolution1D, Convolution2D, Convolution2DTranspose = Conv1D, Conv2D, Conv2DTranspose

__all__ = [
    *(cls.__name__ for cls in _CLASSES), "AvgPool1D", "AvgPool2D", "Convolution1D", "Convolution2D",
    "Convolution2DTranspose", "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalMaxPool1D", "GlobalMaxPool2D",
    "Input", "InputSpec", "Layer", "MaxPool1D", "MaxPool2D", "add", "average", "concatenate", "multiply",
]  # fmt: skip
