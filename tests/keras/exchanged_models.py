# SPDX-License-Identifier: Apache-2.0
"""Models that are exchanged with Keras: each a function of a Keras-like module, giving the model and its
inputs. A new layer is a line in `BLOCKS`.
"""

import numpy as np

RANDOM = np.random.default_rng(0)


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


IDS = RANDOM.integers(1, 10, (4, 6)).astype(np.int32)
PADDED = np.where(np.arange(6) < np.array([[6], [3], [1], [5]]), IDS, 0).astype(np.int32)
ROWS, IMAGES, STEPS = floats(4, 3), floats(4, 8, 8, 2), floats(4, 6, 3)


def mlp(k):
    L = k.layers
    return k.Sequential(
        [
            L.Input((3,)),
            L.Dense(5, activation="relu", kernel_regularizer=k.regularizers.L2(1e-3)),
            L.BatchNormalization(),
            L.Dropout(0.0),
            L.Dense(2),
        ]
    ), [ROWS]


def two_layers(k):
    """Without a bias before a normalization, whose gradient is rounding alone."""
    L = k.layers
    i = k.Input((3,))
    return k.Model(i, L.Dense(2)(L.Dense(5, activation="tanh")(i))), [ROWS]


def cnn(k):
    L = k.layers
    return k.Sequential(
        [
            L.Input((8, 8, 2)),
            L.Conv2D(4, 3, padding="same", activation="relu"),
            L.MaxPooling2D(),
            L.DepthwiseConv2D(3, padding="same"),
            L.SeparableConv2D(3, 2, padding="same"),
            L.Conv2DTranspose(2, 3, strides=2),
            L.AveragePooling2D(2),
            L.Flatten(),
            L.Dense(2),
        ]
    ), [IMAGES]


def several_inputs_and_outputs(k):
    L = k.layers
    a, b = k.Input((3,), name="a"), k.Input((6,), dtype="int32", name="b")
    shared = L.Dense(4, activation="tanh", name="shared")
    x = L.Embedding(10, 4)(b)
    x = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 3)(x, x)]))
    x = L.Concatenate()([L.GlobalAveragePooling1D()(x), shared(a)])
    return k.Model([a, b], [L.Dense(2, name="one")(x), L.Dense(1, name="two")(L.Dense(3)(x))]), [ROWS, IDS]


def outputs_by_name(k):
    L = k.layers
    i = k.Input((3,), name="i")
    x = L.Dense(4, activation="relu")(i)
    return k.Model({"i": i}, {"u": L.Dense(2, name="u")(x), "c": L.Dense(1, name="c")(x)}), [ROWS]


def nested_and_shared(k):
    L = k.layers
    i = k.Input((4,), name="inner_input")
    inner = k.Model(i, L.Dense(4, activation="relu")(L.Dense(3)(i)), name="inner")
    stack = k.Sequential([L.Input((4,)), L.Dense(4), L.BatchNormalization()], name="stack")
    a = k.Input((3,), name="a")
    x = L.Dense(4)(a)
    return k.Model(a, L.Dense(2)(L.Add()([inner(x), inner(stack(x)), stack(inner(x))]))), [ROWS]


def branches(k):
    """Dense layers at many depths: their numbers in the file follow Keras's order of layers."""
    L = k.layers
    a, b = k.Input((3,), name="a"), k.Input((3,), name="b")
    one = L.Dense(4, name="z")(a)
    two = L.Dense(4, name="y")(L.Dense(5, name="x")(b))
    three = L.Dense(4, name="w")(L.Dense(6, name="v")(L.Dense(7, name="u")(one)))
    return k.Model([a, b], L.Dense(2, name="t")(L.Add()([three, one, two]))), [ROWS, ROWS[::-1].copy()]


def arithmetic(k):
    L = k.layers
    a = k.Input((3,), name="a")
    x = L.Dense(4)(a)
    y = (1.0 - x) * 2.0 + x / 3.0 - abs(x)
    return k.Model(a, L.Dense(2)(y[:, 1:])), [ROWS]


def masked(k):
    L = k.layers
    i = k.Input((6,), dtype="int32", name="i")
    x = L.Embedding(10, 4, mask_zero=True)(i)
    return k.Model(i, L.Dense(2)(L.GlobalAveragePooling1D()(L.MultiHeadAttention(2, 3)(x, x)))), [PADDED]


def block(make, data, pooled=True):
    """A model of one layer between two Dense layers."""

    def model(k):
        L = k.layers
        shape = data.shape[1:]
        stack = [L.Input(shape), make(k), *([L.Flatten()] if pooled else []), L.Dense(2)]
        return k.Sequential(stack), [data]

    return model


def _adapted(layer, data):
    layer.adapt(data)
    return layer


def _layers_with_seeds(k):
    L = k.layers
    inner = [
        L.RandomFlip(seed=1), L.RandomRotation(0.1), L.RandomContrast(0.2, seed=3),
        L.GaussianNoise(0.1, seed=4), L.Conv2D(3, 3), L.SpatialDropout2D(0.2, seed=5), L.Dropout(0.5),
    ]  # fmt: skip
    return k.Sequential(inner, name="augmented")


BLOCKS = {
    "Conv1D": block(lambda k: k.layers.Conv1D(4, 3, padding="causal"), STEPS),
    "PReLU": block(lambda k: k.layers.PReLU(), STEPS),
    "RMSNormalization": block(lambda k: k.layers.RMSNormalization(), STEPS),
    "GroupNormalization": block(lambda k: k.layers.GroupNormalization(1), STEPS),
    "SimpleRNN": block(lambda k: k.layers.SimpleRNN(4, return_sequences=True), STEPS),
    "LSTM": block(lambda k: k.layers.LSTM(4), STEPS),
    "GRU": block(lambda k: k.layers.GRU(4), STEPS),
    "Bidirectional": block(lambda k: k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True)), STEPS),
    "TimeDistributed": block(lambda k: k.layers.TimeDistributed(k.layers.Dense(4)), STEPS),
    "GroupQueryAttention": block(
        lambda k: _self_attention(k, k.layers.GroupQueryAttention(4, 4, 2)), STEPS, pooled=False
    ),
    "Normalization": block(lambda k: k.layers.Normalization(mean=0.5, variance=2.0), ROWS),
    "Rescaling": block(lambda k: k.layers.Rescaling(0.5, offset=1.0), ROWS),
    # What training does not change, or changes by itself.
    "SpectralNormalization": block(
        lambda k: k.layers.SpectralNormalization(k.layers.Dense(4), power_iterations=2), STEPS
    ),
    "SpectralNormalization of Conv2D": block(
        lambda k: k.layers.SpectralNormalization(k.layers.Conv2D(4, 3)), IMAGES
    ),
    "SpectralNormalization of Embedding": block(
        lambda k: k.layers.SpectralNormalization(k.layers.Embedding(10, 3)), IDS
    ),
    "Normalization, adapted": block(lambda k: _adapted(k.layers.Normalization(), ROWS), ROWS),
    "layers with seeds": block(_layers_with_seeds, IMAGES),
    "BatchNormalization without scale": block(
        lambda k: k.layers.BatchNormalization(scale=False, momentum=0.5), IMAGES
    ),
    "Bidirectional with seeds": block(
        lambda k: k.layers.Bidirectional(k.layers.GRU(3, dropout=0.2, recurrent_dropout=0.1)), STEPS
    ),
}


def _self_attention(k, attention):
    i = k.Input((6, 3))
    return k.Model(i, k.layers.Flatten()(attention(i, i)))


MODELS = {
    f.__name__: f
    for f in (
        mlp, two_layers, cnn, several_inputs_and_outputs, outputs_by_name, nested_and_shared, branches,
        arithmetic, masked,
    )
} | BLOCKS  # fmt: skip


def fed(inputs):
    return inputs[0] if len(inputs) == 1 else inputs


def predicted(model, inputs) -> list[np.ndarray]:
    """Predictions as a list, those by names in the order of the names."""
    y = model.predict(fed(inputs), verbose=0)
    parts = [y[key] for key in sorted(y)] if isinstance(y, dict) else y if isinstance(y, list) else [y]
    return [np.asarray(part) for part in parts]
