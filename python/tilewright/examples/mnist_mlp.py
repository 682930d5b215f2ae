# SPDX-License-Identifier: Apache-2.0
"""MNIST with a multilayer perceptron: 784 pixels, 64 hidden units, 10 digits."""

from tilewright.examples.common import begin, flags, result
from tilewright.keras import Sequential
from tilewright.keras.datasets import mnist
from tilewright.keras.layers import Dense, Flatten, Input
from tilewright.plots import plot_history, plot_predictions


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

    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    plot_history(history, options.out / "mnist_mlp.png", title=f"MNIST, MLP: {accuracy:.2%} of test digits")
    plot_predictions(
        x_test, y_test, model.predict(x_test, verbose=0), options.out / "mnist_mlp_predictions.png"
    )
    result("mnist_mlp", "test_accuracy", accuracy)


if __name__ == "__main__":
    main()
