# SPDX-License-Identifier: Apache-2.0
"""Cats and dogs from folders of photos: a small CNN, plain or with augmentation and dropout.

data/cats_dogs/train/cats/*.jpg    data/cats_dogs/test/cats/*.jpg
data/cats_dogs/train/dogs/*.jpg    data/cats_dogs/test/dogs/*.jpg
"""

import os
from pathlib import Path

from tilewright.examples.common import begin, flags, result
from tilewright.keras import Sequential
from tilewright.keras.layers import Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from tilewright.keras.optimizers import Adam
from tilewright.keras.preprocessing.image import ImageDataGenerator
from tilewright.plots import plot_history, plot_predictions

AUGMENTATION = dict(
    rotation_range=15,
    width_shift_range=0.1,
    height_shift_range=0.1,
    shear_range=0.1,
    zoom_range=0.2,
    horizontal_flip=True,
    fill_mode="nearest",
)


def build_model(dropout: float):
    """Three convolutions with pools, a dense layer of 512, one probability."""
    model = Sequential(
        [
            Input((150, 150, 3)),
            Conv2D(32, (3, 3), activation="relu"),
            MaxPooling2D((2, 2)),
            Conv2D(64, (3, 3), activation="relu"),
            MaxPooling2D((2, 2)),
            Conv2D(128, (3, 3), activation="relu"),
            MaxPooling2D((2, 2)),
            Flatten(),
            Dense(512, activation="relu"),
            Dropout(dropout),
            Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=Adam(5e-4), loss="binary_crossentropy", metrics=["accuracy"])
    return model


def main(arguments=None):
    parser = flags(
        __doc__, epochs=20, augment="turn, shift, shear, zoom and mirror the photos, and use dropout"
    )
    options = begin(parser, arguments)
    folder = Path(os.environ.get("TILEWRIGHT_DATA", "data")) / "cats_dogs"
    name = "cats_and_dogs_augmented" if options.augment else "cats_and_dogs"

    train_datagen = ImageDataGenerator(rescale=1.0 / 255, **(AUGMENTATION if options.augment else {}))
    test_datagen = ImageDataGenerator(rescale=1.0 / 255)
    train_generator = train_datagen.flow_from_directory(
        folder / "train", target_size=(150, 150), batch_size=20, class_mode="binary", seed=options.seed
    )
    test_generator = test_datagen.flow_from_directory(
        folder / "test", target_size=(150, 150), batch_size=20, class_mode="binary", shuffle=False
    )

    model = build_model(0.5 if options.augment else 0.0)
    model.summary()
    steps = options.limit and max(options.limit // 20, 1)
    history = model.fit(
        train_generator, steps_per_epoch=steps, epochs=options.epochs, validation_data=test_generator
    )

    _, accuracy = model.evaluate(test_generator, verbose=0)
    plot_history(history, options.out / f"{name}.png", title=f"Cats and dogs: {accuracy:.1%} of test photos")
    mixed_generator = test_datagen.flow_from_directory(
        folder / "test", target_size=(150, 150), batch_size=20, class_mode="binary", seed=options.seed
    )
    x, y = next(mixed_generator)
    dogs = model.predict(x, verbose=0)[:, 0]
    plot_predictions(
        x,
        y.astype(int),
        (dogs > 0.5).astype(int),
        options.out / f"{name}_predictions.png",
        class_names=["cat", "dog"],
        columns=5,
    )
    result(name, "test_accuracy", accuracy)


if __name__ == "__main__":
    main()
