# SPDX-License-Identifier: Apache-2.0
"""A generative adversarial network on MNIST: a generator makes up digits, a discriminator judges.

Both are of dense layers and learn in one step of one's own, with a tape each. In the end a CNN that knows
MNIST says which digits the made-up images are, and how sure it is.
"""

import numpy as np

import tilewright as tf
from tilewright.examples import mnist_cnn
from tilewright.examples.common import begin, flags, result
from tilewright.keras import Sequential
from tilewright.keras.layers import BatchNormalization, Dense, Dropout, Flatten, Input, LeakyReLU, Reshape
from tilewright.keras.losses import BinaryCrossentropy
from tilewright.keras.optimizers import Adam
from tilewright.plots import plot_curves, plot_images

NOISE, BATCH = 100, 128
cross_entropy = BinaryCrossentropy(from_logits=True)


def make_generator():
    """100 random numbers in, an image from -1 to 1 out."""
    return Sequential(
        [
            Input((NOISE,)),
            Dense(256),
            LeakyReLU(0.2),
            BatchNormalization(momentum=0.8),
            Dense(512),
            LeakyReLU(0.2),
            BatchNormalization(momentum=0.8),
            Dense(1024),
            LeakyReLU(0.2),
            BatchNormalization(momentum=0.8),
            Dense(28 * 28, activation="tanh"),
            Reshape((28, 28, 1)),
        ],
        name="generator",
    )


def make_discriminator():
    """An image in, the logit of its being real out."""
    return Sequential(
        [
            Input((28, 28, 1)),
            Flatten(),
            Dense(512),
            LeakyReLU(0.2),
            Dropout(0.3),
            Dense(256),
            LeakyReLU(0.2),
            Dropout(0.3),
            Dense(1),
        ],
        name="discriminator",
    )


def make_train_step(generator, discriminator, learning_rate=2e-4):
    """The step of training: both losses from one batch of images and one of noise."""
    generator_optimizer = Adam(learning_rate, beta_1=0.5)
    discriminator_optimizer = Adam(learning_rate, beta_1=0.5)

    @tf.function
    def train_step(images):
        noise = tf.random.normal((tf.shape(images)[0], NOISE))
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            generated = generator(noise, training=True)
            real = discriminator(images, training=True)
            fake = discriminator(generated, training=True)
            generator_loss = cross_entropy(tf.ones_like(fake), fake)
            discriminator_loss = cross_entropy(tf.ones_like(real), real) + cross_entropy(
                tf.zeros_like(fake), fake
            )
        for model, optimizer, tape, loss in (
            (generator, generator_optimizer, generator_tape, generator_loss),
            (discriminator, discriminator_optimizer, discriminator_tape, discriminator_loss),
        ):
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return generator_loss, discriminator_loss

    return train_step


def train(name, generator, discriminator, options):
    """Trains both, draws 64 samples an epoch, and has them judged in the end."""
    (x_train, y_train), _ = mnist_cnn.digits(options.limit)
    images = x_train * 2 - 1
    train_step = make_train_step(generator, discriminator)
    same_noise = tf.random.normal((64, NOISE))

    history = {"generator": [], "discriminator": []}
    for epoch in range(options.epochs):
        order = np.random.permutation(len(images))
        losses = []
        for start in range(0, len(order) - BATCH + 1, BATCH):
            losses.append(train_step(images[order[start : start + BATCH]]))
        for key, series in zip(history, zip(*losses, strict=True), strict=True):
            history[key].append(float(tf.reduce_mean(series)))
        print(
            f"epoch {epoch + 1}: " + ", ".join(f"{k} loss {v[-1]:.3f}" for k, v in history.items()),
            flush=True,
        )
        samples = generator(same_noise, training=False).numpy()
        plot_images(samples, options.out / f"{name}_epoch_{epoch + 1:03d}.png", columns=8)

    plot_curves(
        history, options.out / f"{name}_losses.png", ylabel="loss", title="Generator against discriminator"
    )
    judge = mnist_cnn.build_model()
    judge.fit(x_train, y_train, batch_size=64, epochs=2, verbose=0)
    made_up = generator.predict(tf.random.normal((1000, NOISE)), verbose=0) / 2 + 0.5
    probabilities = judge.predict(made_up, verbose=0)
    sure = probabilities.max(axis=1) >= 0.9
    counts = np.bincount(probabilities.argmax(axis=1)[sure], minlength=10)
    plot_images(made_up[:100], options.out / f"{name}_samples.png", title="Made up by the generator")
    print("digits among 1,000 samples:", dict(enumerate(counts.tolist())))
    result(name, "digits_present", np.count_nonzero(counts))
    result(name, "share_taken_for_digits", sure.mean())


def main(arguments=None):
    options = begin(flags(__doc__, epochs=50), arguments)
    train("gan", make_generator(), make_discriminator(), options)


if __name__ == "__main__":
    main()
