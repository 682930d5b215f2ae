# SPDX-License-Identifier: Apache-2.0
"""Transfer learning: what a network knows of five kinds of photos helps with five others.

A CNN learns CIFAR-10's first five classes. Its convolutions are frozen and get a new head, which learns the
other five from 100 photos each. The same network from scratch on the same 500 photos is worse.
"""

import numpy as np

from tilewright.examples.cifar10_cnn import photos
from tilewright.examples.common import begin, flags, result
from tilewright.keras import Sequential
from tilewright.keras.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    GlobalAveragePooling2D,
    Input,
    MaxPooling2D,
)
from tilewright.plots import plot_curves


def convolutions():
    """The part that is carried over: photos in, 128 features out."""
    return Sequential(
        [
            Input((32, 32, 3)),
            Conv2D(32, 3, padding="same", activation="relu"),
            BatchNormalization(),
            MaxPooling2D(2),
            Conv2D(64, 3, padding="same", activation="relu"),
            BatchNormalization(),
            MaxPooling2D(2),
            Conv2D(128, 3, padding="same", activation="relu"),
            BatchNormalization(),
            GlobalAveragePooling2D(),
        ],
        name="convolutions",
    )


def with_head(base):
    """The features, and a head for five classes."""
    model = Sequential([Input((32, 32, 3)), base, Dropout(0.3), Dense(5, activation="softmax")])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(arguments=None):
    options = begin(flags(__doc__, epochs=15), arguments)
    (x_train, y_train), (x_test, y_test) = photos(options.limit)
    y_train, y_test = y_train.reshape(-1), y_test.reshape(-1)

    # Before: the first five classes.
    base = convolutions()
    known = y_train < 5
    with_head(base).fit(x_train[known], y_train[known], batch_size=64, epochs=options.epochs)

    # After: 100 photos of each of the other five.
    few = np.concatenate([np.flatnonzero(y_train == k)[:100] for k in range(5, 10)])
    x_few, y_few = x_train[few], y_train[few] - 5
    unknown = y_test >= 5
    test = (x_test[unknown], y_test[unknown] - 5)

    base.trainable = False
    transferred = with_head(base)
    transferred.summary()
    learning = {"batch_size": 32, "epochs": 3 * options.epochs, "validation_data": test, "verbose": 0}
    after = transferred.fit(x_few, y_few, **learning)
    from_scratch = with_head(convolutions())
    without = from_scratch.fit(x_few, y_few, **learning)

    accuracies = [model.evaluate(*test, verbose=0)[1] for model in (transferred, from_scratch)]
    plot_curves(
        {"transferred": after.history["val_accuracy"], "from scratch": without.history["val_accuracy"]},
        options.out / "transfer_learning.png",
        ylabel="test accuracy",
        title="Five new classes from 100 photos each",
    )
    result("transfer_learning", "scratch_test_accuracy", accuracies[1])
    result("transfer_learning", "test_accuracy", accuracies[0])
    result("transfer_learning", "gain", accuracies[0] - accuracies[1])


if __name__ == "__main__":
    main()
