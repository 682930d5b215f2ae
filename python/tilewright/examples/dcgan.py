# SPDX-License-Identifier: Apache-2.0
"""A deep convolutional GAN on MNIST: gan.py with convolutions, transposed ones to draw the digits."""

from tilewright.examples.common import begin, flags
from tilewright.examples.gan import NOISE, train
from tilewright.keras import Sequential
from tilewright.keras.layers import (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    Flatten,
    Input,
    LeakyReLU,
    Reshape,
)


def make_generator():
    """7x7 features from noise, made larger twice."""
    return Sequential(
        [
            Input((NOISE,)),
            Dense(7 * 7 * 128, use_bias=False),
            BatchNormalization(),
            LeakyReLU(),
            Reshape((7, 7, 128)),
            Conv2DTranspose(64, (5, 5), strides=(1, 1), padding="same", use_bias=False),
            BatchNormalization(),
            LeakyReLU(),
            Conv2DTranspose(32, (5, 5), strides=(2, 2), padding="same", use_bias=False),
            BatchNormalization(),
            LeakyReLU(),
            Conv2DTranspose(1, (5, 5), strides=(2, 2), padding="same", use_bias=False, activation="tanh"),
        ],
        name="generator",
    )


def make_discriminator():
    """Two convolutions that halve the image, one logit."""
    return Sequential(
        [
            Input((28, 28, 1)),
            Conv2D(32, (5, 5), strides=(2, 2), padding="same"),
            LeakyReLU(),
            Dropout(0.3),
            Conv2D(64, (5, 5), strides=(2, 2), padding="same"),
            LeakyReLU(),
            Dropout(0.3),
            Flatten(),
            Dense(1),
        ],
        name="discriminator",
    )


def main(arguments=None):
    options = begin(flags(__doc__, epochs=20), arguments)
    train("dcgan", make_generator(), make_discriminator(), options)


if __name__ == "__main__":
    main()
