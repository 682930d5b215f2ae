# SPDX-License-Identifier: Apache-2.0
"""Every layer against Keras's: same weights copied in, same outputs, gradients,
output shapes and weight shapes.
"""

import numpy as np
import pytest
from keras_judge import close
from layer_checks import check_against_keras, check_configuration, check_symbolic_shape, floats

import tilewright as tw
from tilewright import keras

IMAGES, STEPS, ROWS = floats(2, 9, 8, 4), floats(2, 7, 6), floats(5, 6)
ACTIVATIONS = [
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "softmax",
    "log_softmax",
    "softplus",
    "softsign",
    "tanh",
    "sigmoid",
    "hard_sigmoid",
    "silu",
    "gelu",
    "exponential",
    "mish",
    "linear",
    "log_sigmoid",
    "hard_silu",
]

# name: (layer by keras.layers, inputs, arguments of the call)
CASES = {
    **{f"Dense {a}": (lambda k, a=a: k.layers.Dense(5, activation=a), [ROWS], {}) for a in ACTIVATIONS},
    "Dense 3d, no bias": (lambda k: k.layers.Dense(5, use_bias=False), [STEPS], {}),
    "Conv2D": (lambda k: k.layers.Conv2D(6, 3, activation="relu"), [IMAGES], {}),
    "Conv2D same, strides": (lambda k: k.layers.Conv2D(6, (3, 2), strides=2, padding="same"), [IMAGES], {}),
    "Conv2D dilation": (
        lambda k: k.layers.Conv2D(6, 3, dilation_rate=2, activation="softplus"),
        [IMAGES],
        {},
    ),
    "Conv2D groups": (
        lambda k: k.layers.Conv2D(6, 3, groups=2, padding="same", use_bias=False),
        [IMAGES],
        {},
    ),
    "Conv1D": (lambda k: k.layers.Conv1D(4, 3, strides=2, activation="tanh"), [STEPS], {}),
    "Conv1D causal": (lambda k: k.layers.Conv1D(4, 3, padding="causal", dilation_rate=2), [STEPS], {}),
    "DepthwiseConv2D": (
        lambda k: k.layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
        [IMAGES],
        {},
    ),
    "SeparableConv2D": (lambda k: k.layers.SeparableConv2D(5, 3, activation="relu"), [IMAGES], {}),
    "Conv2DTranspose": (
        lambda k: k.layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation="relu"),
        [IMAGES],
        {},
    ),
    "Conv2DTranspose valid": (lambda k: k.layers.Conv2DTranspose(3, 4, strides=3), [IMAGES], {}),
    "MaxPooling2D": (lambda k: k.layers.MaxPooling2D(), [IMAGES], {}),
    "MaxPooling2D same": (lambda k: k.layers.MaxPooling2D(3, strides=2, padding="same"), [IMAGES], {}),
    "AveragePooling2D": (lambda k: k.layers.AveragePooling2D((2, 3)), [IMAGES], {}),
    "MaxPooling1D": (lambda k: k.layers.MaxPooling1D(2), [STEPS], {}),
    "AveragePooling1D": (lambda k: k.layers.AveragePooling1D(3, strides=1), [STEPS], {}),
    "GlobalMaxPooling2D": (lambda k: k.layers.GlobalMaxPooling2D(), [IMAGES], {}),
    "GlobalAveragePooling2D": (lambda k: k.layers.GlobalAveragePooling2D(keepdims=True), [IMAGES], {}),
    "GlobalMaxPooling1D": (lambda k: k.layers.GlobalMaxPooling1D(), [STEPS], {}),
    "GlobalAveragePooling1D": (lambda k: k.layers.GlobalAveragePooling1D(), [STEPS], {}),
    "Flatten": (lambda k: k.layers.Flatten(), [IMAGES], {}),
    "Flatten channels_first": (lambda k: k.layers.Flatten(data_format="channels_first"), [IMAGES], {}),
    "Reshape": (lambda k: k.layers.Reshape((4, -1, 3)), [floats(2, 9, 8, 2)], {}),
    "Permute": (lambda k: k.layers.Permute((3, 1, 2)), [IMAGES], {}),
    "RepeatVector": (lambda k: k.layers.RepeatVector(3), [ROWS], {}),
    "ZeroPadding2D": (lambda k: k.layers.ZeroPadding2D(((1, 2), (0, 3))), [IMAGES], {}),
    "Cropping2D": (lambda k: k.layers.Cropping2D(((1, 2), (0, 3))), [IMAGES], {}),
    "UpSampling2D": (lambda k: k.layers.UpSampling2D((2, 3)), [IMAGES], {}),
    "UpSampling2D bilinear": (lambda k: k.layers.UpSampling2D(2, interpolation="bilinear"), [IMAGES], {}),
    "ReLU": (lambda k: k.layers.ReLU(max_value=1.0, negative_slope=0.1, threshold=0.2), [ROWS], {}),
    "LeakyReLU": (lambda k: k.layers.LeakyReLU(), [ROWS], {}),
    "PReLU": (lambda k: k.layers.PReLU(alpha_initializer="random_normal", shared_axes=[1]), [STEPS], {}),
    "ELU": (lambda k: k.layers.ELU(0.7), [ROWS], {}),
    "Softmax": (lambda k: k.layers.Softmax(axis=1), [STEPS], {}),
    "Activation": (lambda k: k.layers.Activation("tanh"), [ROWS], {}),
    "BatchNormalization": (lambda k: k.layers.BatchNormalization(), [IMAGES], {"training": True}),
    "BatchNormalization inference": (lambda k: k.layers.BatchNormalization(), [IMAGES + 1], {}),
    "BatchNormalization axis": (
        lambda k: k.layers.BatchNormalization(axis=1, scale=False),
        [IMAGES],
        {"training": True},
    ),
    "LayerNormalization": (lambda k: k.layers.LayerNormalization(), [STEPS], {}),
    "LayerNormalization axes": (lambda k: k.layers.LayerNormalization(axis=[1, 2]), [STEPS], {}),
    "RMSNormalization": (lambda k: k.layers.RMSNormalization(), [STEPS], {}),
    "Embedding": (lambda k: k.layers.Embedding(9, 4), [np.array([[1, 8, 0], [3, 3, 3]], np.int32)], {}),
    "MultiHeadAttention": (lambda k: k.layers.MultiHeadAttention(2, 3), [STEPS, STEPS], {}),
    "MultiHeadAttention causal": (
        lambda k: k.layers.MultiHeadAttention(2, 4),
        [STEPS, STEPS],
        {"use_causal_mask": True},
    ),
    "MultiHeadAttention cross": (
        lambda k: k.layers.MultiHeadAttention(3, 4, value_dim=5, output_shape=7),
        [STEPS, floats(2, 4, 5)],
        {},
    ),
    "MultiHeadAttention mask": (
        lambda k: k.layers.MultiHeadAttention(2, 3),
        [STEPS, floats(2, 4, 6)],
        {"attention_mask": np.random.default_rng(1).random((2, 7, 4)) > 0.4},
    ),
    "MultiHeadAttention cross causal": (
        lambda k: k.layers.MultiHeadAttention(2, 3),
        [STEPS, floats(2, 4, 6)],
        {"use_causal_mask": True},
    ),
    "Add": (lambda k: k.layers.Add(), [ROWS, ROWS * 2, ROWS + 1], {}),
    "Subtract": (lambda k: k.layers.Subtract(), [ROWS, ROWS * 2], {}),
    "Multiply": (lambda k: k.layers.Multiply(), [STEPS, floats(2, 1, 6)], {}),
    "Average": (lambda k: k.layers.Average(), [ROWS, ROWS * 3], {}),
    "Maximum": (lambda k: k.layers.Maximum(), [ROWS, floats(5, 6)[::-1]], {}),
    "Minimum": (lambda k: k.layers.Minimum(), [ROWS, floats(5, 6)[::-1]], {}),
    "Concatenate": (lambda k: k.layers.Concatenate(axis=1), [ROWS, floats(5, 2)], {}),
    "Dot": (lambda k: k.layers.Dot(axes=(1, 2)), [STEPS, floats(2, 3, 7)], {}),
    "Dot normalized": (lambda k: k.layers.Dot(axes=1, normalize=True), [ROWS, floats(5, 6) + 1], {}),
    "Identity": (lambda k: k.layers.Identity(), [ROWS], {}),
    "Rescaling by Lambda": (lambda k: k.layers.Lambda(lambda x: x * 2.0 - 1.0), [ROWS], {}),
}


@pytest.mark.parametrize("name", CASES)
def test_outputs_and_gradients_are_keras_s(name, judge):
    make, inputs, kwargs = CASES[name]
    got = check_against_keras(judge, name, make, inputs, **kwargs)
    if not name.startswith("Rescaling"):
        symbolic = {k: v for k, v in kwargs.items() if k == "use_causal_mask"}
        check_symbolic_shape(make, inputs, got, **symbolic)


@pytest.mark.parametrize("name", [n for n in CASES if not n.startswith("Rescaling")])
def test_configuration_makes_the_same_layer(name):
    make, inputs, kwargs = CASES[name]
    check_configuration(make, inputs, **kwargs)


@pytest.mark.parametrize(
    "name",
    [
        "Conv2D",
        "Conv2D same, strides",
        "MaxPooling2D",
        "AveragePooling2D",
        "GlobalMaxPooling2D",
        "DepthwiseConv2D",
        "SeparableConv2D",
        "Conv2DTranspose",
        "UpSampling2D",
    ],
)
def test_channels_first_is_the_same_transposed(name):
    make, (x,), _ = CASES[name]
    layer = make(keras)
    want = layer(x).numpy()
    first = type(layer).from_config({**layer.get_config(), "data_format": "channels_first"})
    first(x.transpose(0, 3, 1, 2))
    first.set_weights(layer.get_weights())
    got = first(np.ascontiguousarray(x.transpose(0, 3, 1, 2))).numpy()
    close(np.moveaxis(got, 1, -1) if got.ndim == 4 else got, want, name, 1e-6)


def test_averages_leave_padding_out():
    """As TensorFlow's and JAX's back ends of Keras have it; PyTorch's repeats the edge instead."""
    x = floats(1, 3, 3, 1)
    got = keras.layers.AveragePooling2D(2, padding="same")(x).numpy()[0, :, :, 0]
    a = x[0, :, :, 0]
    close(got, [[a[:2, :2].mean(), a[:2, 2].mean()], [a[2, :2].mean(), a[2, 2]]], "average")


def test_layer_normalization_along_another_axis():
    layer, last = keras.layers.LayerNormalization(axis=1), keras.layers.LayerNormalization()
    got, want = layer(STEPS).numpy(), last(STEPS.transpose(0, 2, 1).copy()).numpy()
    close(got, want.transpose(0, 2, 1), "axis 1")


def test_dropout_scales_what_it_keeps_and_draws_anew():
    layer = keras.layers.Dropout(0.3, seed=1)
    x = np.ones((200, 100), np.float32)
    a, b = layer(x, training=True).numpy(), layer(x, training=True).numpy()
    for y in (a, b):
        assert set(np.unique(y)) == {0.0, np.float32(1 / 0.7)}
        assert abs((y == 0).mean() - 0.3) < 0.02
    assert (a != b).any()
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(keras.layers.Dropout(0.3, seed=1)(x, training=True), a)
    spatial = keras.layers.SpatialDropout2D(0.5, seed=2)(
        np.ones((4, 5, 5, 8), np.float32), training=True
    ).numpy()
    assert all(len(np.unique(spatial[n, :, :, c])) == 1 for n in range(4) for c in range(8))


def test_noise_has_its_mean_and_deviation():
    x = np.zeros((300, 300), np.float32)
    y = keras.layers.GaussianNoise(0.5, seed=1)(x, training=True).numpy()
    assert abs(y.mean()) < 0.01 and abs(y.std() - 0.5) < 0.01
    z = keras.layers.GaussianDropout(0.2, seed=1)(x + 1, training=True).numpy()
    assert abs(z.mean() - 1) < 0.01 and abs(z.std() - 0.5) < 0.01


def test_masks_travel_from_embedding_to_attention_and_pooling(judge):
    ids = np.array([[3, 1, 2, 0, 0], [4, 4, 0, 0, 0]], np.int32)

    def make(k):
        i = k.Input((5,), dtype="int32")
        e = k.layers.Embedding(6, 8, mask_zero=True)(i)
        a = k.layers.MultiHeadAttention(2, 4)(e, e)
        return k.Model(i, k.layers.GlobalAveragePooling1D()(a))

    theirs, ours = make(judge.keras), make(keras)
    ours.set_weights([judge.array(v.value) for v in theirs.weights])
    close(ours(ids).numpy(), judge.array(theirs(judge.tensor(ids))), "masked model")


def test_masked_attention_scores(judge):
    x = floats(2, 5, 6)
    theirs, ours = (k.layers.MultiHeadAttention(2, 3) for k in (judge.keras, keras))
    want, scores = theirs(
        judge.tensor(x), judge.tensor(x), return_attention_scores=True, use_causal_mask=True
    )
    ours(x, x)
    ours.set_weights([judge.array(v.value) for v in theirs.weights])
    got, weights = ours(x, x, return_attention_scores=True, use_causal_mask=True)
    close(got.numpy(), judge.array(want), "output")
    close(weights.numpy(), judge.array(scores), "scores")


def test_integers_become_floats_where_layers_compute():
    x = np.arange(2 * 6 * 6 * 3, dtype=np.uint8).reshape(2, 6, 6, 3)
    layer = keras.layers.Conv2D(4, 3)
    np.testing.assert_array_equal(layer(x), layer(x.astype(np.float32)))
    assert keras.layers.Flatten()(x).dtype == np.uint8


def test_regularizers_and_activity_add_losses():
    dense = keras.layers.Dense(
        2, kernel_regularizer="l2", activity_regularizer=keras.regularizers.L1(0.1), use_bias=False
    )
    y = dense(np.ones((4, 3), np.float32))
    kernel = dense.kernel.numpy()
    assert len(dense.losses) == 2
    np.testing.assert_allclose(
        sum(float(loss) for loss in dense.losses),
        0.01 * (kernel**2).sum() + 0.1 * np.abs(y.numpy()).sum() / 4,
        rtol=1e-5,
    )


def test_a_layer_of_ones_own():
    class Scale(keras.layers.Layer):
        def __init__(self, start=2.0):
            super().__init__()
            self.start = start

        def build(self, input_shape):
            self.factor = self.add_weight(
                (input_shape[-1],), keras.initializers.Constant(self.start), name="factor"
            )

        def call(self, x):
            return x * self.factor

    layer = Scale(3.0)
    np.testing.assert_array_equal(layer(np.ones((2, 3), np.float32)), np.full((2, 3), 3.0))
    assert layer.name == "scale" and layer.factor.path == "scale/factor" and layer.count_params() == 3
    assert layer.get_config() == {"start": 3.0} and Scale.from_config(layer.get_config()).start == 3.0
    assert layer(keras.Input((3,))).shape == (None, 3)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: keras.layers.Dense(0), ValueError, "[dense] units is 0, expected an int of at least 1"),
        (lambda: keras.layers.Dense(3, activation="rleu"), ValueError, "did you mean 'relu'"),
        (
            lambda: keras.layers.Dense(3, kernel_initialiser="zeros"),
            TypeError,
            "did you mean 'kernel_initializer'",
        ),
        (
            lambda: keras.layers.Dense(3)(np.ones(3, np.float32)),
            ValueError,
            "[dense] input has shape (3,), expected at least 2 dimensions",
        ),
        (
            lambda: keras.layers.Conv2D(3, 3)(np.ones((2, 5, 5), np.float32)),
            ValueError,
            "[conv2d] input has shape (2, 5, 5), expected 4 dimensions",
        ),
        (
            lambda: keras.layers.Conv2D(3, 3)(np.ones((2, 2, 5, 1), np.float32)),
            ValueError,
            "expected at least (3, 3)",
        ),
        (lambda: keras.layers.Conv2D(3, 3, padding="full"), ValueError, "padding is 'full'"),
        (lambda: keras.layers.Conv2D(4, 3, groups=3), ValueError, "multiple of groups = 3"),
        (lambda: keras.layers.Dropout(1.5), ValueError, "rate is 1.5, expected a number from 0 to 1"),
        (lambda: keras.layers.Embedding(4, 2)(np.array([[1, 4]])), ValueError, "4"),
        (
            lambda: keras.layers.Reshape((5, 5))(np.ones((2, 24), np.float32)),
            ValueError,
            "expected 24 elements",
        ),
        (lambda: keras.layers.Permute((0, 1)), ValueError, "permutation of 1 to 2"),
        (
            lambda: keras.layers.Concatenate()([np.ones((2, 3), np.float32), np.ones((3, 3), np.float32)]),
            ValueError,
            "",
        ),
        (lambda: keras.layers.MultiHeadAttention(0, 4), ValueError, "num_heads is 0"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_a_dense_layer_refuses_other_features_later():
    layer = keras.layers.Dense(3)
    layer(np.ones((2, 4), np.float32))
    with pytest.raises(
        ValueError, match=r"\[dense\] input has shape \(2, 5\), expected size 4 along axis -1"
    ):
        layer(np.ones((2, 5), np.float32))


def test_gradients_differentiate_again():
    layer = keras.layers.Dense(1, activation="tanh", kernel_initializer="ones")
    x = tw.Tensor(np.array([[0.3, -0.2]], np.float32))
    with tw.GradientTape() as outer:
        outer.watch(x)
        with tw.GradientTape() as inner:
            inner.watch(x)
            y = layer(x)
        first = inner.gradient(y, x)
    second = outer.gradient(first, x).numpy()
    t = np.tanh(0.1)
    np.testing.assert_allclose(second, np.full((1, 2), 2 * -2 * t * (1 - t * t)), rtol=1e-5)
