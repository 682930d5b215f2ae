# SPDX-License-Identifier: Apache-2.0
"""Trainings that are killed and go on: the same bits as without, the file whole at any time."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tilewright import keras
from tilewright.keras import callbacks
from tilewright.keras.training import state

pytest.importorskip("safetensors", reason="the state is a safetensors file (extra `weights`)")


def run(folder, save_freq, steps_per_epoch, kill_at="never", script="resumed_training.py", more=()):
    path = Path(__file__).with_name(script)
    return subprocess.run(
        [sys.executable, str(path), str(folder), save_freq, steps_per_epoch, kill_at, *more],
        capture_output=True,
        text=True,
        timeout=120,
    )


def result(folder):
    with np.load(f"{folder}-result.npz") as file:
        return [file[name] for name in file.files]


@pytest.mark.parametrize(
    ("save_freq", "steps_per_epoch", "kills"),
    [
        ("epoch", "all", ["step:19"]),
        ("3", "all", ["step:14", "saving:4"]),
        ("epoch", "5", ["step:13"]),
        ("2", "5", ["saving:3", "step:9"]),
    ],
)
def test_a_killed_training_gives_the_bits_of_one_that_was_not(save_freq, steps_per_epoch, kills, tmp_path):
    whole = run(tmp_path / "whole", save_freq, steps_per_epoch)
    assert whole.returncode == 0, whole.stderr
    for kill in kills:
        killed = run(tmp_path / "killed", save_freq, steps_per_epoch, kill)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert (tmp_path / "killed" / "training_state.safetensors").exists()
    resumed = run(tmp_path / "killed", save_freq, steps_per_epoch)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == whole.stdout  # epochs, metrics, what callbacks remember, random numbers
    for a, b in zip(result(tmp_path / "killed"), result(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not (tmp_path / "killed").exists()  # nothing is left, not even half a file


@pytest.mark.parametrize(
    ("kind", "save_freq", "steps_per_epoch", "kill"),
    [
        ("images", "epoch", "all", "step:15"),
        ("images", "4", "all", "step:12"),
        ("images", "epoch", "5", "step:13"),
        ("dataset", "4", "all", "step:12"),
        ("dataset", "epoch", "all", "step:15"),
        ("repeated", "epoch", "5", "step:13"),
        ("split", "epoch", "all", "step:10"),
    ],
)
def test_data_with_an_order_of_its_own_goes_on_in_it(kind, save_freq, steps_per_epoch, kill, tmp_path):
    """The run that goes on has another seed: what it needs is in the state."""
    others = {"script": "resumed_data.py"}
    whole = run(tmp_path / "whole", save_freq, steps_per_epoch, more=(kind, "7"), **others)
    assert whole.returncode == 0, whole.stderr
    killed = run(tmp_path / "killed", save_freq, steps_per_epoch, kill, more=(kind, "7"), **others)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = run(tmp_path / "killed", save_freq, steps_per_epoch, more=(kind, "8"), **others)
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == whole.stdout
    for a, b in zip(result(tmp_path / "killed"), result(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(a, b)


def model_of(units=3):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


X, Y = np.ones((8, 4), np.float32), np.ones((8, 1), np.float32)


def interrupted(folder, **options):
    class Stop(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup = callbacks.BackupAndRestore(folder, **options)
        model_of().fit(X, Y, epochs=4, verbose=0, callbacks=[backup, Stop()])


def test_what_does_not_fit_is_named_and_changes_nothing(tmp_path):
    interrupted(tmp_path)
    path = tmp_path / "training_state.safetensors"
    backup = callbacks.BackupAndRestore(tmp_path)
    other = model_of(units=5)
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"weights/dense/kernel has shape \(4, 3\), expected \(4, 5\)"):
        other.fit(X, Y, verbose=0, callbacks=[backup])
    assert all(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))
    other = model_of()
    other.compile("sgd", "mse")
    with pytest.raises(ValueError, match="is of a training by Adam, expected SGD"):
        other.fit(X, Y, verbose=0, callbacks=[backup])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is no whole safetensors file"):
        model_of().fit(X, Y, verbose=0, callbacks=[backup])
    from safetensors.numpy import save_file

    save_file({"a": np.ones(2)}, path)
    with pytest.raises(ValueError, match="is no state of a training"):
        model_of().fit(X, Y, verbose=0, callbacks=[backup])


def test_files_are_kept_and_doubled_where_asked(tmp_path):
    interrupted(tmp_path, double_checkpoint=True)
    assert sorted(os.listdir(tmp_path)) == ["training_state.safetensors", "training_state.safetensors.bkp"]
    first, second = (state.load(tmp_path / name, model_of()).epoch for name in sorted(os.listdir(tmp_path)))
    assert (first, second) == (2, 1)
    backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
    history = model_of().fit(X, Y, epochs=4, verbose=0, callbacks=[backup])
    assert history.epoch == [0, 1, 2, 3] and len(history.history["loss"]) == 4
    assert len(os.listdir(tmp_path)) == 2


def test_a_training_that_was_stopped_stays_stopped(tmp_path):
    class Stop(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    class Die(callbacks.Callback):
        def on_train_end(self, logs=None):
            raise KeyboardInterrupt

    for last in ([Die()], []):
        model = model_of()
        backup = callbacks.BackupAndRestore(tmp_path)
        try:
            history = model.fit(X, Y, epochs=5, verbose=0, callbacks=[*last, backup, Stop()])
        except KeyboardInterrupt:
            before = model.get_weights()
    assert history.epoch == [0, 1]
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_models_must_be_built(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="is not built, expected it to be before fit"):
        model.fit(X, Y, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path)])
