# SPDX-License-Identifier: Apache-2.0
"""MNIST with a convolutional network: three convolutions (32, 64, 64), two pools, two dense layers."""

from tilewright.examples.common import begin, flags, result
from tilewright.keras import Sequential
from tilewright.keras.datasets import mnist
from tilewright.keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from tilewright.plots import plot_history, plot_predictions


def digits(limit=None):
    """MNIST's images as (n, 28, 28, 1) from 0 to 1, with their digits."""
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train, x_test = (x[..., None].astype("float32") / 255 for x in (x_train[:limit], x_test))
    return (x_train, y_train[:limit]), (x_test, y_test)


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

    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    plot_history(history, options.out / "mnist_cnn.png", title=f"MNIST, CNN: {accuracy:.2%} of test digits")
    plot_predictions(
        x_test, y_test, model.predict(x_test, verbose=0), options.out / "mnist_cnn_predictions.png"
    )
    result("mnist_cnn", "test_accuracy", accuracy)


if __name__ == "__main__":
    main()
