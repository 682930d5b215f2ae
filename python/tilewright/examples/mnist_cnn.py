# SPDX-License-Identifier: Apache-2.0
"""MNIST with a convolutional network: three convolutions (32, 64, 64), two pools, two dense layers."""

from tilewright.examples.common import begin, flags, scaled, show_classifier
from tilewright.keras import Sequential
from tilewright.keras.datasets import mnist
from tilewright.keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D


def digits(limit=None):
    """MNIST's images as (n, 28, 28, 1) from 0 to 1, with their digits."""
    (x_train, y_train), (x_test, y_test) = scaled(mnist.load_data(), limit)
    return (x_train[..., None], y_train), (x_test[..., None], y_test)


def build_model():
    """The network; also the judge of the digits that gan.py and dcgan.py make up."""
    model = Sequential(
        [
            Input((28, 28, 1)),
            Conv2D(32, (3, 3), activation="relu"),
            MaxPooling2D((2, 2)),
            Conv2D(64, (3, 3), activation="relu"),
            MaxPooling2D((2, 2)),
            Conv2D(64, (3, 3), activation="relu"),
            Flatten(),
            Dense(64, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(arguments=None):
    options = begin(flags(__doc__, epochs=5), arguments)
    (x_train, y_train), (x_test, y_test) = digits(options.limit)

    model = build_model()
    model.summary()
    history = model.fit(
        x_train, y_train, batch_size=64, epochs=options.epochs, validation_data=(x_test, y_test)
    )

    title = "MNIST, CNN: {accuracy:.2%} of test digits"
    show_classifier("mnist_cnn", title, model, history, (x_test, y_test), options.out)


if __name__ == "__main__":
    main()
