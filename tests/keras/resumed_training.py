# SPDX-License-Identifier: Apache-2.0
"""A training that keeps backups, for test_resume.py: run whole, or killed in the middle of it.

python resumed_training.py FOLDER save_freq steps_per_epoch kill_at
kill_at: "never", or "step:N" (within the N-th training step), or "saving:N" (the N-th state half written)
"""

import os
import signal
import sys

import numpy as np

from tilewright import keras
from tilewright.keras import callbacks, layers
from tilewright.keras.training import state


class KillAt(callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.left = step

    def on_train_batch_begin(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def kill_in_the_middle_of_saving(number):
    """The N-th file is left half written under its temporary name when the process dies."""
    count = [number]
    replace = os.replace

    def dying(source, target):
        if target.endswith("training_state.safetensors"):
            count[0] -= 1
            if count[0] == 0:
                with open(source, "rb+") as file:
                    file.truncate(os.path.getsize(source) // 2)
                os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = dying


def main(folder, save_freq, steps_per_epoch, kill_at):
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 6)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(2, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(0.01, 40), use_ema=True, gradient_accumulation_steps=2
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    backup = callbacks.BackupAndRestore(
        folder, save_freq=save_freq if save_freq == "epoch" else int(save_freq)
    )
    stop = callbacks.EarlyStopping("loss", patience=4, min_delta=0.05, restore_best_weights=True)
    listed = [stop, backup]
    kind, _, number = kill_at.partition(":")
    if kind == "step":
        listed.append(KillAt(int(number)))
    elif kind == "saving":
        kill_in_the_middle_of_saving(int(number))
    history = model.fit(
        x,
        y,
        batch_size=8,
        epochs=5,
        steps_per_epoch=None if steps_per_epoch == "all" else int(steps_per_epoch),
        verbose=0,
        callbacks=listed,
        validation_data=(x[:20], y[:20]),
    )
    arrays = [*model.get_weights(), *model.optimizer.get_weights()]
    np.savez(f"{folder}-result.npz", *arrays)
    print(history.epoch, history.history, stop.best, stop.wait, np.random.random(), state.__name__)


if __name__ == "__main__":
    main(*sys.argv[1:])
