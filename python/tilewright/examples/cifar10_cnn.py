# SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 with a convolutional network: what is on a photo of 32x32 pixels?"""

from tilewright.examples.common import begin, flags, scaled, show_classifier
from tilewright.keras import Sequential
from tilewright.keras.datasets import cifar10
from tilewright.keras.layers import Conv2D, Dense, Flatten, Input, MaxPooling2D
from tilewright.keras.losses import SparseCategoricalCrossentropy

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def photos(limit=None):
    """CIFAR-10's images from 0 to 1, with their class numbers."""
    return scaled(cifar10.load_data(), limit)


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

    title = "CIFAR-10, CNN: {accuracy:.1%} of test photos"
    show_classifier(
        "cifar10_cnn",
        title,
        model,
        history,
        (x_test, y_test),
        options.out,
        class_names=CLASSES,
        rows=5,
        columns=5,
    )


if __name__ == "__main__":
    main()
