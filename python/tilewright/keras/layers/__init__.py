# SPDX-License-Identifier: Apache-2.0
"""Layers, by Keras's names."""

from tilewright.keras import serialization
from tilewright.keras.layers.activation import ELU, LeakyReLU, PReLU, ReLU, Softmax
from tilewright.keras.layers.attention import GroupedQueryAttention, MultiHeadAttention
from tilewright.keras.layers.attention_cache import KeyValueCache
from tilewright.keras.layers.categories import CategoryEncoding, Discretization, Hashing
from tilewright.keras.layers.convolution import Conv1D, Conv1DTranspose, Conv2D, Conv2DTranspose
from tilewright.keras.layers.core import Activation, Dense, Embedding, Identity, Lambda, Masking
from tilewright.keras.layers.depthwise import (
    DepthwiseConv1D,
    DepthwiseConv2D,
    SeparableConv1D,
    SeparableConv2D,
)
from tilewright.keras.layers.einsum_dense import EinsumDense
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
    dot,
    maximum,
    minimum,
    multiply,
    subtract,
)
from tilewright.keras.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from tilewright.keras.layers.operation import Operation, operation
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
from tilewright.keras.layers.positional import PositionEmbedding, RotaryEmbedding
from tilewright.keras.layers.preprocessing import Normalization, Rescaling
from tilewright.keras.layers.recurrent import RNN
from tilewright.keras.layers.recurrent_cell import StackedRNNCells
from tilewright.keras.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell
from tilewright.keras.layers.recurrent_layers import GRU, LSTM, SimpleRNN
from tilewright.keras.layers.regularization import (
    ActivityRegularization,
    AlphaDropout,
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
from tilewright.keras.layers.reshaping_sequences import Cropping1D, UpSampling1D, ZeroPadding1D
from tilewright.keras.layers.score_attention import AdditiveAttention, Attention
from tilewright.keras.layers.text import TextVectorization
from tilewright.keras.layers.wrapping import Bidirectional, SpectralNormalization, TimeDistributed, Wrapper
from tilewright.suggestion import missing

_CLASSES = (
    Activation, ActivityRegularization, Add, AdditiveAttention, AlphaDropout, Attention, Average,
    AveragePooling1D, AveragePooling2D, BatchNormalization, Bidirectional, Concatenate, Conv1D,
    Conv1DTranspose, Conv2D, Conv2DTranspose, Cropping1D, Cropping2D, Dense, DepthwiseConv1D,
    DepthwiseConv2D, Dot, Dropout, ELU, EinsumDense, Embedding, Flatten, GRU, GRUCell, GaussianDropout,
    GaussianNoise, GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalMaxPooling1D,
    GlobalMaxPooling2D, GroupNormalization, GroupedQueryAttention, Identity, InputLayer, LSTM, LSTMCell,
    Lambda, LayerNormalization, LeakyReLU, Masking, MaxPooling1D, MaxPooling2D, Maximum, Minimum,
    MultiHeadAttention, Multiply, PReLU, Permute, PositionEmbedding, RMSNormalization, RNN, ReLU,
    RepeatVector, Reshape, RotaryEmbedding, SeparableConv1D, SeparableConv2D, SimpleRNN, SimpleRNNCell,
    Softmax, SpatialDropout1D, SpatialDropout2D, SpectralNormalization, StackedRNNCells, Subtract,
    TimeDistributed, UnitNormalization, UpSampling1D, UpSampling2D, Wrapper, ZeroPadding1D,
    ZeroPadding2D, CategoryEncoding, CenterCrop, Discretization, Hashing, IntegerLookup, Normalization,
    RandomBrightness, RandomContrast, RandomCrop, RandomFlip, RandomRotation, RandomTranslation,
    RandomZoom, Rescaling, Resizing, StringLookup, TextVectorization,
)  # fmt: skip
serialization.exported("keras.layers", _CLASSES)
serialization.exported("keras.layers", {"GroupQueryAttention": GroupedQueryAttention})  # Keras's name for it

# Keras's second names.
GroupQueryAttention = GroupedQueryAttention
AvgPool1D, AvgPool2D, MaxPool1D, MaxPool2D = AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
Convolution1D, Convolution2D = Conv1D, Conv2D
Convolution1DTranspose, Convolution2DTranspose = Conv1DTranspose, Conv2DTranspose
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
serialize, deserialize = serialization.serialize_keras_object, serialization.deserialize_keras_object


__all__ = [
    *(cls.__name__ for cls in _CLASSES), "AvgPool1D", "AvgPool2D", "Convolution1D",
    "Convolution1DTranspose", "Convolution2D", "Convolution2DTranspose", "GlobalAvgPool1D",
    "GlobalAvgPool2D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GroupQueryAttention", "Input",
    "InputSpec", "KeyValueCache", "Layer", "MaxPool1D", "MaxPool2D", "Operation",
    "SeparableConvolution1D", "SeparableConvolution2D", "add", "average", "concatenate", "deserialize",
    "dot", "maximum", "minimum", "multiply", "operation", "serialize", "subtract",
]  # fmt: skip
__getattr__ = missing(__name__, __all__)
