# SPDX-License-Identifier: Apache-2.0
"""The programs' networks, written once for every Keras: `keras` is tilewright.keras or Keras 3."""

from __future__ import annotations

HEADS, WIDTH, BLOCKS = 4, 128, 4


def learning_rate(name: str) -> float:
    """Adam's. The 37,000 inputs of one dense layer overshoot with 1e-3: its loss would tell nothing."""
    return 1e-5 if name == "cats_and_dogs_cnn" else 1e-3


def build(keras, name: str):
    """The compiled model of a program, and its loss as the compile step got it."""
    model = _BUILDERS[name](keras)
    losses = keras.losses
    if name in ("cats_and_dogs_cnn", "tabular_mlp"):
        loss, metrics = losses.BinaryCrossentropy(from_logits=True), ["binary_accuracy"]
    else:
        loss, metrics = losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"]
    model.compile(optimizer=keras.optimizers.Adam(learning_rate(name)), loss=loss, metrics=metrics)
    return model


def _mnist_mlp(keras):
    layers = keras.layers
    return keras.Sequential(
        [keras.Input((784,)), layers.Dense(64, activation="relu"), layers.Dense(10)], name="mnist_mlp"
    )


def _tabular_mlp(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((30,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(1),
        ],
        name="tabular_mlp",
    )


def _convolutional(keras, name, shape, channels, pools, hidden, outputs, padding="valid"):
    layers = keras.layers
    parts = [keras.Input(shape)]
    for width, pool in zip(channels, pools, strict=True):
        parts.append(layers.Conv2D(width, 3, padding=padding, activation="relu"))
        if pool:
            parts.append(layers.MaxPooling2D())
    parts += [layers.Flatten(), layers.Dense(hidden, activation="relu"), layers.Dense(outputs)]
    return keras.Sequential(parts, name=name)


def _mnist_cnn(keras):
    return _convolutional(keras, "mnist_cnn", (28, 28, 1), (32, 64, 64), (True, True, False), 64, 10)


def _cifar10_cnn(keras):
    channels, pools = (32, 32, 64, 64), (False, True, False, True)
    return _convolutional(keras, "cifar10_cnn", (32, 32, 3), channels, pools, 512, 10, "same")


def _cats_and_dogs_cnn(keras):
    channels, pools = (32, 64, 128), (True, True, True)
    return _convolutional(keras, "cats_and_dogs_cnn", (150, 150, 3), channels, pools, 512, 1)


class _Positions:
    """Learnt positions as a layer of the given Keras."""

    def __new__(cls, keras):
        class Positions(keras.layers.Layer):
            def build(self, shape):
                self.table = self.add_weight(shape=tuple(shape[1:]), initializer="uniform", name="table")

            def call(self, x):
                return x + self.table

        return Positions(name="positions")


def _char_transformer(keras):
    layers = keras.layers
    tokens = keras.Input((64,), dtype="int32")
    x = _Positions(keras)(layers.Embedding(65, WIDTH)(tokens))
    for _ in range(BLOCKS):
        h = layers.LayerNormalization(epsilon=1e-5)(x)
        x = layers.Add()([x, layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(h, h, use_causal_mask=True)])
        h = layers.LayerNormalization(epsilon=1e-5)(x)
        h = layers.Dense(WIDTH)(layers.Dense(4 * WIDTH, activation="gelu")(h))
        x = layers.Add()([x, h])
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    return keras.Model(tokens, layers.Dense(65, use_bias=False)(x), name="char_transformer")


_BUILDERS = {
    "mnist_mlp": _mnist_mlp,
    "mnist_cnn": _mnist_cnn,
    "cifar10_cnn": _cifar10_cnn,
    "cats_and_dogs_cnn": _cats_and_dogs_cnn,
    "char_transformer": _char_transformer,
    "tabular_mlp": _tabular_mlp,
}
