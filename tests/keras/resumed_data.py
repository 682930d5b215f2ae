# SPDX-License-Identifier: Apache-2.0
"""A training on data that has an order of its own, for test_resume.py: run whole, or killed in the middle.

python resumed_data.py FOLDER save_freq steps_per_epoch kill_at kind seed
kind: "images" (ImageDataGenerator), "dataset", "repeated" (a data set without end), "split" (training and
validation share one shuffle)
"""

import sys

import numpy as np
from resumed_training import KillAt

from tilewright import data, keras
from tilewright.keras import callbacks, layers
from tilewright.keras.preprocessing.image import ImageDataGenerator

SIZE = 24


def sources(kind):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (SIZE, 6, 6, 3)).astype(np.uint8)
    y = (x[:, 0, 0, 0] > 127).astype(np.int64)
    if kind == "images":
        generator = ImageDataGenerator(rescale=1 / 255, rotation_range=30, zoom_range=0.3)
        return generator.flow(x, y, batch_size=4), generator.flow(x, y, batch_size=8)
    rows = data.Dataset.from_tensor_slices((x.astype(np.float32) / 255, y)).shuffle(SIZE)
    if kind == "split":
        return rows.skip(8).batch(4), rows.take(8).batch(8)
    if kind == "repeated":
        others = data.Dataset.from_tensor_slices((x[:8].astype(np.float32), y[:8])).shuffle(5)
        return rows.repeat().batch(4).prefetch(2), others.batch(4)
    turned = rows.map(lambda image, label: (image[::-1], label), num_parallel_calls=2)
    return turned.batch(4).prefetch(2), rows.batch(8)


def main(folder, save_freq, steps_per_epoch, kill_at, kind):
    first_weights = np.random.default_rng(1)
    train, validation = sources(kind)
    model = keras.Sequential([keras.Input((6, 6, 3)), layers.Flatten(), layers.Dense(4), layers.Dense(1)])
    model.set_weights([first_weights.standard_normal(w.shape) for w in model.get_weights()])
    model.compile("adam", "mse")
    backup = callbacks.BackupAndRestore(
        folder, save_freq=save_freq if save_freq == "epoch" else int(save_freq)
    )
    listed = [backup]
    if kill_at != "never":
        listed.append(KillAt(int(kill_at.partition(":")[2])))
    history = model.fit(
        train,
        epochs=5,
        steps_per_epoch=None if steps_per_epoch == "all" else int(steps_per_epoch),
        verbose=0,
        callbacks=listed,
        validation_data=validation,
    )
    np.savez(f"{folder}-result.npz", *model.get_weights())
    print(history.epoch, history.history)


if __name__ == "__main__":
    keras.utils.set_random_seed(int(sys.argv[6]))
    main(*sys.argv[1:6])
