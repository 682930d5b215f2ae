# SPDX-License-Identifier: Apache-2.0
"""Callbacks that write files: checkpoints of models, backups of the whole training."""

from __future__ import annotations

import os
import shutil
import warnings

from tilewright.keras.callbacks.callback import Callback
from tilewright.keras.callbacks.watching import MonitorCallback
from tilewright.keras.training import state as training_state

_WEIGHTS = (".safetensors", ".weights.h5")
_MODELS = (".keras", ".h5")


class _BatchCounter:
    """Says when `frequency` batches have passed since it last did."""

    def __init__(self, who: str, frequency):
        if frequency != "epoch" and (not isinstance(frequency, int) or frequency < 1):
            raise ValueError(f"[{who}] save_freq is {frequency!r}, expected 'epoch' or an int of at least 1")
        self.frequency, self.passed = frequency, 0

    def due(self) -> bool:
        """Whether it is time, after one more batch."""
        if self.frequency == "epoch":
            return False
        self.passed = (self.passed + 1) % self.frequency
        return self.passed == 0


class ModelCheckpoint(MonitorCallback):
    """Saves the model, or its weights, after epochs or batches.

    Parameters
        filepath : may hold {epoch}, {batch} and names of metrics: "best-{epoch:02d}-{val_loss:.2f}.keras".
            Ends with .keras (or .h5) for whole models, with .weights.h5 or .safetensors for weights
        monitor, mode : which metric, and where it is better
        save_best_only : only when `monitor` is better than ever;  initial_value_threshold : to be beaten at
            first
        save_weights_only : expects a name for weights
        save_freq : "epoch", or a number of batches;  verbose : 1 says what is saved
    """

    _kept = ("best",)

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath, self.verbose, self.save_best_only = os.fspath(filepath), verbose, save_best_only
        weights = self.filepath.endswith(_WEIGHTS)
        if not weights and (save_weights_only or not self.filepath.endswith(_MODELS)):
            wanted = _WEIGHTS if save_weights_only else (*_MODELS, *_WEIGHTS)
            raise ValueError(
                f"[ModelCheckpoint] filepath is {self.filepath!r}, expected it to end with "
                f"{', '.join(wanted)}"
            )
        self.save_weights_only, self.save_freq = weights, save_freq
        self._counter = _BatchCounter("ModelCheckpoint", save_freq)
        self._epoch = 0
        # Batches are looked at only where it depends on them: metrics are read after each batch otherwise.
        if save_freq != "epoch":
            self.on_train_batch_end = self._after_batch

    def get_state(self):
        return {**super().get_state(), "passed": self._counter.passed}

    def set_state(self, state):
        super().set_state(state)
        self._counter.passed = state["passed"]

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def _after_batch(self, batch, logs=None):
        if self._counter.due():
            self._save(self._epoch, logs or {}, batch)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(epoch, logs or {})

    def _save(self, epoch, logs, batch=None) -> None:
        path = self._path(epoch, logs, batch)
        before = self.best
        if self.save_best_only and not self._is_best(logs):
            if self.verbose:
                print(f"Epoch {epoch + 1}: {self.monitor} did not improve from {_shown(before)}")
            return
        if self.verbose:
            change = f"{self.monitor} improved from {_shown(before)} to {_shown(self.best)}, "
            print(f"Epoch {epoch + 1}: {change if self.save_best_only else ''}saving to {path}")
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if os.path.isdir(path):
            raise OSError(f"[ModelCheckpoint] {path} is a folder, expected a name for a file")
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)

    def _is_best(self, logs) -> bool:
        value = self._value(logs)
        if value is None:
            return True
        if getattr(value, "ndim", 0):
            warnings.warn(
                f"ModelCheckpoint watches {self.monitor!r}, which is no single number; it is saved.",
                stacklevel=4,
            )
            return True
        if not self._is_improvement(value, self.best):
            return False
        self.best = value
        return True

    def _path(self, epoch, logs, batch) -> str:
        names = {**logs, "epoch": epoch + 1}
        if batch is not None:
            names.setdefault("batch", batch + 1)
        try:
            return self.filepath.format(**names)
        except KeyError as error:
            raise KeyError(
                f"[ModelCheckpoint] filepath {self.filepath!r} names {error}, expected one of {sorted(names)}"
            ) from error


def _shown(value) -> str:
    return "nothing" if value is None else f"{value:.5f}"


class BackupAndRestore(Callback):
    """Keeps the whole state of the training in a folder, and goes on from there after an interruption.

    The same call of `fit` then gives the bits it would have given: weights, optimizer, random numbers, the
    order of the samples, metrics, History and the callbacks that compare epochs. Image iterators, shuffled
    data sets and any sequence with `get_state` and `set_state` go on in their order too; Python generators
    start over. The file is whole at any time, and is removed when training has ended.

    Parameters
        backup_dir : a folder of its own
        save_freq : "epoch", or a number of batches
        double_checkpoint : also keeps the state before the last one
        delete_checkpoint : False keeps the file in the end
    """

    runs_last = True  # what the others did in this epoch belongs to the state

    def __init__(self, backup_dir, save_freq="epoch", double_checkpoint=False, delete_checkpoint=True):
        super().__init__()
        if not backup_dir:
            raise ValueError(
                f"[BackupAndRestore] backup_dir is {backup_dir!r}, expected the name of a folder"
            )
        self.backup_dir, self.save_freq = os.fspath(backup_dir), save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
        self._counter = _BatchCounter("BackupAndRestore", save_freq)
        self._path = os.path.join(self.backup_dir, "training_state.safetensors")
        self._epoch = 0
        self.restored: training_state.Position | None = None
        if save_freq != "epoch":
            self.on_train_batch_end = self._after_batch

    def get_state(self):
        return {"passed": self._counter.passed}

    def set_state(self, state):
        self._counter.passed = state["passed"]

    def on_train_begin(self, logs=None):
        if not self.model.built:
            raise ValueError(
                f"[BackupAndRestore] model {self.model.name} is not built, expected it to be before fit "
                "(call it, or give it an Input)"
            )
        self.restored = None
        for path in (self._path, f"{self._path}.bkp"):
            if os.path.exists(path):
                self.restored = training_state.load(path, self.model)
                break

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def _after_batch(self, batch, logs=None):
        if self._counter.due():
            self._save(self._epoch, batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0)

    def _save(self, epoch: int, step: int) -> None:
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint and os.path.exists(self._path):
            shutil.copyfile(self._path, f"{self._path}.bkp")
        training_state.save(self._path, self.model, epoch, step, self.companions)

    def on_train_end(self, logs=None):
        if not self.delete_checkpoint or not os.path.isdir(self.backup_dir):
            return
        for name in os.listdir(self.backup_dir):
            if name.startswith(os.path.basename(self._path)):  # with what a killed run left behind
                os.remove(os.path.join(self.backup_dir, name))
        if not os.listdir(self.backup_dir):
            os.rmdir(self.backup_dir)
