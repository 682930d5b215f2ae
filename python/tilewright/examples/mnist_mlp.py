# SPDX-License-Identifier: Apache-2.0
"""MNIST with a multilayer perceptron: 784 pixels, 64 hidden units, 10 digits."""

from tilewright.examples.common import begin, flags, show_classifier
from tilewright.keras import Sequential
from tilewright.keras.datasets import mnist
from tilewright.keras.layers import Dense, Flatten, Input


def main(arguments=None):
    options = begin(flags(__doc__, epochs=5), arguments)

    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train, y_train = x_train[: options.limit] / 255.0, y_train[: options.limit]
    x_test = x_test / 255.0

    model = Sequential(
        [
            Input((28, 28)),
            Flatten(),
            Dense(64, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        x_train, y_train, batch_size=64, epochs=options.epochs, validation_data=(x_test, y_test)
    )

    title = "MNIST, MLP: {accuracy:.2%} of test digits"
    show_classifier("mnist_mlp", title, model, history, (x_test, y_test), options.out)


if __name__ == "__main__":
    main()
