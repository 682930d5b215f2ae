# SPDX-License-Identifier: Apache-2.0
"""A vision transformer on MNIST: 16 patches of 7x7 pixels are the words of a picture."""

from tilewright.examples.common import begin, flags, show_classifier
from tilewright.examples.mnist_cnn import digits
from tilewright.keras import Input, Model, layers

PATCH, WIDTH, HEADS, LAYERS = 7, 64, 4, 4


class Positions(layers.Layer):
    """Adds to each patch a vector, learnt, that says where it lies."""

    def build(self, input_shape):
        self.table = self.add_weight(shape=tuple(input_shape[1:]), initializer="random_normal", name="table")

    def call(self, x):
        return x + self.table


def encoder(x):
    """One layer of the transformer, normalized before each part."""
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([x, layers.MultiHeadAttention(num_heads=HEADS, key_dim=WIDTH // HEADS)(y, y)])
    y = layers.LayerNormalization(epsilon=1e-6)(x)
    y = layers.Dense(2 * WIDTH, activation="gelu")(y)
    return layers.Add()([x, layers.Dense(WIDTH)(y)])


def main(arguments=None):
    options = begin(flags(__doc__, epochs=5), arguments)
    (x_train, y_train), (x_test, y_test) = digits(options.limit)

    inputs = Input((28, 28, 1))
    x = layers.Conv2D(WIDTH, PATCH, strides=PATCH)(inputs)
    x = layers.Reshape((-1, WIDTH))(x)
    x = Positions()(x)
    for _ in range(LAYERS):
        x = encoder(x)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization(epsilon=1e-6)(x))
    model = Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        x_train, y_train, batch_size=64, epochs=options.epochs, validation_data=(x_test, y_test)
    )

    title = "MNIST, transformer: {accuracy:.2%} of test digits"
    show_classifier("vit_mnist", title, model, history, (x_test, y_test), options.out)


if __name__ == "__main__":
    main()
