# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 with a convolutional network: what is on a photo of 32x32 pixels?"""

from tilewright.examples.common import begin, flags, result
from tilewright.keras import Sequential
from tilewright.keras.datasets import cifar10
from tilewright.keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from tilewright.keras.losses import SparseCategoricalCrossentropy
from tilewright.plots import plot_history, plot_predictions

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def photos(limit=None):
    """CIFAR-10's images from 0 to 1, with their class numbers."""
    (x_train, y_train), (x_test, y_test) = cifar10.load_data()
    x_train, x_test = (x.astype("float32") / 255 for x in (x_train[:limit], x_test))
    return (x_train, y_train[:limit]), (x_test, y_test)


def main(arguments=None):
    options = begin(flags(__doc__, epochs=10), arguments)
    (x_train, y_train), (x_test, y_test) = photos(options.limit)

    model = Sequential(
        [
            Input((32, 32, 3)),
            Conv2D(32, (3, 3), activation="relu"),
            MaxPooling2D((2, 2)),
            Conv2D(64, (3, 3), activation="relu"),
            MaxPooling2D((2, 2)),
            Conv2D(64, (3, 3), activation="relu"),
            Flatten(),
            Dense(64, activation="relu"),
            Dense(10),
        ]
    )
    model.summary()
    model.compile(
        optimizer="adam", loss=SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    history = model.fit(x_train, y_train, epochs=options.epochs, validation_data=(x_test, y_test))

    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    plot_history(
        history, options.out / "cifar10_cnn.png", title=f"CIFAR-10, CNN: {accuracy:.1%} of test photos"
    )
    plot_predictions(
        x_test,
        y_test,
        model.predict(x_test, verbose=0),
        options.out / "cifar10_cnn_predictions.png",
        names=CLASSES,
        rows=5,
        columns=5,
    )
    result("cifar10_cnn", "test_accuracy", accuracy)


if __name__ == "__main__":
    main()
