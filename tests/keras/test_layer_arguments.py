# SPDX-License-Identifier: Apache-2.0
"""The arguments of every layer: Keras's names, order and defaults; near names suggested; what wrong ones say;
trainable and configuration of all.
"""

import inspect

import numpy as np
import pytest
from keras_judge import leaves
from layer_checks import arguments_of, floats

from tilewright import keras

LAYERS = keras.layers
CLASSES = {name: LAYERS.__dict__[name] for name in LAYERS.__all__ if inspect.isclass(LAYERS.__dict__[name])}
OWN = (
    "GroupedQueryAttention",
    "KeyValueCache",
    "Operation",
    "PositionEmbedding",
    "RotaryEmbedding",
)  # not in keras.layers
BASES = ("Layer", "InputSpec", "InputLayer", "Wrapper")
# Arguments of Keras's that are not here; a configuration may hold them with these values.
ABSENT = {"lora_rank", "lora_alpha", "quantization_config", "gptq_unpacked_column_size"}


def arguments(cls) -> dict:
    """Names and defaults in order, of the class itself, without those of every layer."""
    parameters = inspect.signature(cls.__init__).parameters.values()
    named = {p.name: p.default for p in parameters if p.kind != p.VAR_KEYWORD and p.name != "self"}
    every = (
        ("name", "dtype", "trainable", "autocast", "activity_regularizer")
        if len(named) < 6
        else ("name", "dtype")
    )
    return {n: d for n, d in named.items() if n not in every and n not in ABSENT}


def pair(value):
    """2 and (2, 2) mean the same."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


@pytest.mark.parametrize("name", [n for n in CLASSES if n not in OWN and n not in BASES])
def test_arguments_are_keras_s(name, judge):
    theirs, ours = arguments(getattr(judge.keras.layers, name)), arguments(CLASSES[name])
    ours = {n: d for n, d in ours.items() if n in theirs or n != "activity_regularizer"}
    assert list(ours) == list(theirs)
    for argument, default in theirs.items():
        if default is not inspect.Parameter.empty:  # a default where Keras has none is more, not other
            assert pair(ours[argument]) == pair(default), argument


IMAGES, STEPS, IDS = floats(2, 8, 8, 4), floats(2, 6, 4), np.array([[1, 2, 0], [3, 0, 0]], np.int32)
# name: (layer, inputs); what every layer must do.
EVERY = {
    "Activation": (lambda: LAYERS.Activation("relu"), [STEPS]),
    "ActivityRegularization": (lambda: LAYERS.ActivityRegularization(0.1, 0.2), [STEPS]),
    "Add": (lambda: LAYERS.Add(), [STEPS, STEPS]),
    "AdditiveAttention": (lambda: LAYERS.AdditiveAttention(), [STEPS, STEPS]),
    "Attention": (lambda: LAYERS.Attention(use_scale=True), [STEPS, STEPS]),
    "AlphaDropout": (lambda: LAYERS.AlphaDropout(0.2), [STEPS]),
    "Average": (lambda: LAYERS.Average(), [STEPS, STEPS]),
    "AveragePooling1D": (lambda: LAYERS.AveragePooling1D(2), [STEPS]),
    "AveragePooling2D": (lambda: LAYERS.AveragePooling2D(2), [IMAGES]),
    "BatchNormalization": (lambda: LAYERS.BatchNormalization(), [STEPS]),
    "Bidirectional": (lambda: LAYERS.Bidirectional(LAYERS.LSTM(3)), [STEPS]),
    "Concatenate": (lambda: LAYERS.Concatenate(), [STEPS, STEPS]),
    "Conv1D": (lambda: LAYERS.Conv1D(3, 2), [STEPS]),
    "Conv1DTranspose": (lambda: LAYERS.Conv1DTranspose(3, 2), [STEPS]),
    "Conv2D": (lambda: LAYERS.Conv2D(3, 2), [IMAGES]),
    "Conv2DTranspose": (lambda: LAYERS.Conv2DTranspose(3, 2), [IMAGES]),
    "Cropping1D": (lambda: LAYERS.Cropping1D(), [STEPS]),
    "Cropping2D": (lambda: LAYERS.Cropping2D(1), [IMAGES]),
    "Dense": (lambda: LAYERS.Dense(3), [STEPS]),
    "DepthwiseConv1D": (lambda: LAYERS.DepthwiseConv1D(3), [STEPS]),
    "DepthwiseConv2D": (lambda: LAYERS.DepthwiseConv2D(3), [IMAGES]),
    "Dot": (lambda: LAYERS.Dot(2), [STEPS, STEPS]),
    "Dropout": (lambda: LAYERS.Dropout(0.2), [STEPS]),
    "ELU": (lambda: LAYERS.ELU(), [STEPS]),
    "EinsumDense": (lambda: LAYERS.EinsumDense("abc,cd->abd", (6, 5), bias_axes="d"), [STEPS]),
    "Embedding": (lambda: LAYERS.Embedding(4, 3), [IDS]),
    "Flatten": (lambda: LAYERS.Flatten(), [IMAGES]),
    "GRU": (lambda: LAYERS.GRU(3, return_state=True), [STEPS]),
    "GRUCell": (lambda: LAYERS.GRUCell(3), [STEPS[:, 0], floats(2, 3)]),
    "GaussianDropout": (lambda: LAYERS.GaussianDropout(0.2), [STEPS]),
    "GaussianNoise": (lambda: LAYERS.GaussianNoise(0.2), [STEPS]),
    "GlobalAveragePooling1D": (lambda: LAYERS.GlobalAveragePooling1D(), [STEPS]),
    "GlobalAveragePooling2D": (lambda: LAYERS.GlobalAveragePooling2D(), [IMAGES]),
    "GlobalMaxPooling1D": (lambda: LAYERS.GlobalMaxPooling1D(), [STEPS]),
    "GlobalMaxPooling2D": (lambda: LAYERS.GlobalMaxPooling2D(), [IMAGES]),
    "GroupNormalization": (lambda: LAYERS.GroupNormalization(2), [IMAGES]),
    "GroupedQueryAttention": (lambda: LAYERS.GroupedQueryAttention(3, 4, 2), [STEPS, STEPS]),
    "Identity": (lambda: LAYERS.Identity(), [STEPS]),
    "LSTM": (lambda: LAYERS.LSTM(3), [STEPS]),
    "LSTMCell": (lambda: LAYERS.RNN(LAYERS.LSTMCell(3)), [STEPS]),
    "Lambda": (lambda: LAYERS.Lambda(keras.activations.tanh), [STEPS]),
    "LayerNormalization": (lambda: LAYERS.LayerNormalization(), [STEPS]),
    "LeakyReLU": (lambda: LAYERS.LeakyReLU(), [STEPS]),
    "Masking": (lambda: LAYERS.Masking(), [STEPS]),
    "MaxPooling1D": (lambda: LAYERS.MaxPooling1D(), [STEPS]),
    "MaxPooling2D": (lambda: LAYERS.MaxPooling2D(), [IMAGES]),
    "Maximum": (lambda: LAYERS.Maximum(), [STEPS, STEPS]),
    "Minimum": (lambda: LAYERS.Minimum(), [STEPS, STEPS]),
    "MultiHeadAttention": (lambda: LAYERS.MultiHeadAttention(2, 3), [STEPS, STEPS]),
    "Multiply": (lambda: LAYERS.Multiply(), [STEPS, STEPS]),
    "PReLU": (lambda: LAYERS.PReLU(), [STEPS]),
    "Permute": (lambda: LAYERS.Permute((2, 1)), [STEPS]),
    "PositionEmbedding": (lambda: LAYERS.PositionEmbedding(8), [STEPS]),
    "RMSNormalization": (lambda: LAYERS.RMSNormalization(), [STEPS]),
    "RNN": (lambda: LAYERS.RNN([LAYERS.GRUCell(3), LAYERS.SimpleRNNCell(2)]), [STEPS]),
    "ReLU": (lambda: LAYERS.ReLU(), [STEPS]),
    "RepeatVector": (lambda: LAYERS.RepeatVector(3), [floats(2, 3)]),
    "Reshape": (lambda: LAYERS.Reshape((3, 8)), [STEPS]),
    "RotaryEmbedding": (lambda: LAYERS.RotaryEmbedding(), [STEPS]),
    "SeparableConv1D": (lambda: LAYERS.SeparableConv1D(3, 2), [STEPS]),
    "SeparableConv2D": (lambda: LAYERS.SeparableConv2D(3, 2), [IMAGES]),
    "SimpleRNN": (lambda: LAYERS.SimpleRNN(3), [STEPS]),
    "SimpleRNNCell": (lambda: LAYERS.SimpleRNNCell(3), [STEPS[:, 0], floats(2, 3)]),
    "Softmax": (lambda: LAYERS.Softmax(), [STEPS]),
    "SpatialDropout1D": (lambda: LAYERS.SpatialDropout1D(0.2), [STEPS]),
    "SpatialDropout2D": (lambda: LAYERS.SpatialDropout2D(0.2), [IMAGES]),
    "SpectralNormalization": (lambda: LAYERS.SpectralNormalization(LAYERS.Dense(3)), [STEPS]),
    "StackedRNNCells": (lambda: LAYERS.RNN(LAYERS.StackedRNNCells([LAYERS.LSTMCell(3)])), [STEPS]),
    "Subtract": (lambda: LAYERS.Subtract(), [STEPS, STEPS]),
    "TimeDistributed": (lambda: LAYERS.TimeDistributed(LAYERS.Dense(2)), [STEPS]),
    "UnitNormalization": (lambda: LAYERS.UnitNormalization(), [STEPS]),
    "UpSampling1D": (lambda: LAYERS.UpSampling1D(), [STEPS]),
    "UpSampling2D": (lambda: LAYERS.UpSampling2D(), [IMAGES]),
    "ZeroPadding1D": (lambda: LAYERS.ZeroPadding1D(), [STEPS]),
    "ZeroPadding2D": (lambda: LAYERS.ZeroPadding2D(), [IMAGES]),
}


def called(layer, inputs):
    merges = type(layer).__module__.endswith(("merging", "score_attention"))
    return leaves(layer(inputs) if merges else layer(*inputs))


def test_every_layer_is_listed():
    named = {cls.__name__ for name, cls in CLASSES.items() if name not in BASES and name != "KeyValueCache"}
    assert named - set(EVERY) <= {
        # of other groups, with tests of their own
        "CategoryEncoding", "Discretization", "Hashing", "IntegerLookup", "Normalization", "Operation",
        "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation",
        "RandomTranslation", "RandomZoom", "Rescaling", "Resizing", "CenterCrop", "StringLookup",
        "TextVectorization",
    }  # fmt: skip


@pytest.mark.parametrize("name", EVERY)
def test_every_layer_freezes_runs_in_training_and_reads_its_configuration(name):
    make, inputs = EVERY[name]
    layer = make()
    for y in called(layer, inputs):
        assert np.isfinite(y.numpy()).all()
    count = len(layer.trainable_weights)
    layer.trainable = False
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == len(layer.weights)
    config = layer.get_config()
    assert config["trainable"] is False if "trainable" in config else True
    layer.trainable = True
    assert len(layer.trainable_weights) == count
    again = type(layer).from_config(layer.get_config())
    assert arguments_of(again) == arguments_of(layer) and again.name == layer.name
    called(again, inputs)
    assert [(v.name, v.shape) for v in again.weights] == [(v.name, v.shape) for v in layer.weights]
    named = type(layer).from_config({**layer.get_config(), "name": "other"})
    assert named.name == "other"


@pytest.mark.parametrize("name", [n for n in EVERY if n not in ("LSTMCell", "StackedRNNCells")])
def test_unknown_arguments_suggest_the_near_one(name):
    layer = EVERY[name][0]()
    config = {k: v for k, v in layer.get_config().items() if k not in ("name", "trainable", "dtype")}
    with pytest.raises(
        TypeError, match=rf"{type(layer).__name__}, argument.*'nmae' is unknown; did you mean.*'name'"
    ):
        type(layer).from_config({**config, "nmae": "x"})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda k: k.GroupNormalization(0), ValueError, "[group_normalization] groups is 0"),
        (lambda k: k.GroupNormalization(3)(IMAGES), ValueError, "input has 4 channels, expected a multiple"),
        (lambda k: k.UnitNormalization("last"), TypeError, "axis is a str, expected an int"),
        (lambda k: k.BatchNormalization(renorm=True), ValueError, "renorm is True, expected False"),
        (lambda k: k.AlphaDropout(-0.1), ValueError, "[alpha_dropout] rate is -0.1"),
        (lambda k: k.Cropping1D(3)(STEPS), ValueError, "[cropping1d] cropping is (3, 3), expected fewer"),
        (lambda k: k.Cropping1D((1, 2, 3)), ValueError, "cropping is (1, 2, 3), expected an int or 2 ints"),
        (lambda k: k.UpSampling1D(0), ValueError, "[up_sampling1d] size is 0"),
        (lambda k: k.ZeroPadding1D(-1), ValueError, "[zero_padding1d] padding is -1"),
        (lambda k: k.Subtract()([STEPS]), ValueError, "got 1 inputs, expected 2"),
        (lambda k: k.Add()(STEPS), ValueError, "expected a list of inputs"),
        (lambda k: k.add([keras.Input((3,)), keras.Input((4,))]), ValueError, "sizes that are equal or 1"),
        (lambda k: k.Conv1D(3, 2, padding="full"), ValueError, "expected one of valid, same, causal"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call(LAYERS)
    assert message in str(caught.value)


def test_functions_that_merge():
    a, b = floats(2, 3), floats(3, 2).reshape(2, 3)
    np.testing.assert_array_equal(LAYERS.add([a, b]), a + b)
    np.testing.assert_array_equal(LAYERS.subtract([a, b]), a - b)
    np.testing.assert_array_equal(LAYERS.multiply([a, b]), a * b)
    np.testing.assert_array_equal(LAYERS.average([a, b]), (a + b) / 2)
    np.testing.assert_array_equal(LAYERS.maximum([a, b]), np.maximum(a, b))
    np.testing.assert_array_equal(LAYERS.minimum([a, b]), np.minimum(a, b))
    np.testing.assert_array_equal(LAYERS.concatenate([a, b], axis=0), np.concatenate([a, b]))
    np.testing.assert_allclose(LAYERS.dot([a, b], axes=1).numpy(), (a * b).sum(1, keepdims=True), rtol=1e-6)


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).standard_normal((400, 400)).astype(np.float32)
    y = LAYERS.AlphaDropout(0.2, seed=1)(x, training=True).numpy()
    assert abs(y.mean()) < 0.02 and abs(y.std() - 1) < 0.02
    limit = y[x > 0].min()
    assert abs((y == limit).mean() - 0.2) < 0.01
    whole = LAYERS.AlphaDropout(0.5, noise_shape=(None, 1), seed=1)(x, training=True).numpy()
    assert abs((whole.std(1) == 0).mean() - 0.5) < 0.1  # whole rows at once
