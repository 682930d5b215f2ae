# SPDX-License-Identifier: Apache-2.0
"""Callbacks that watch metrics: stopping, saving, lowering the learning rate."""

from __future__ import annotations

import math
import os
import warnings

from tilewright.keras.callbacks.callback import Callback


class _Watching(Callback):
    """Base of what compares a metric from epoch to epoch.

    Parameters
        monitor : name in the logs;  mode : "min", "max" or "auto": max for accuracies and their like
    """

    def __init__(self, monitor, mode):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"[{type(self).__name__}] mode is {mode!r}, expected 'auto', 'min' or 'max'")
        self.monitor = monitor
        name = monitor.removeprefix("val_")
        up = (
            name.endswith(("acc", "accuracy", "auc", "precision", "recall", "f1_score", "score"))
            if mode == "auto"
            else mode == "max"
        )
        self._up = up
        self.best: float | None = None

    def _better(self, value: float, least: float = 0.0) -> bool:
        if self.best is None:
            return not math.isnan(value)
        return value > self.best + least if self._up else value < self.best - least

    def _value(self, logs) -> float | None:
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not among {sorted(logs or {})}.",
                stacklevel=4,
            )
        return value


class EarlyStopping(_Watching):
    """Stops when a metric has not improved by more than `min_delta` for `patience` epochs.

    Parameters
        monitor, mode : which metric, and where it is better;  baseline : to be beaten at first
        restore_best_weights : puts the weights of the best epoch back;  start_from_epoch : waits before
            watching
        verbose : 1 says when it stops
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode)
        self.min_delta, self.patience, self.verbose = abs(min_delta), patience, verbose
        self.baseline, self.restore_best_weights, self.start_from_epoch = (
            baseline,
            restore_best_weights,
            start_from_epoch,
        )

    def on_train_begin(self, logs=None):
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best, self.best_weights = None, None

    def on_epoch_end(self, epoch, logs=None):
        value = self._value(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self._better(value, self.min_delta):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or (value > self.baseline if self._up else value < self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch, self.model.stop_training = epoch, True

    def on_train_end(self, logs=None):
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            self.model.set_weights(self.best_weights)
            if self.verbose:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")


class ModelCheckpoint(_Watching):
    """Saves the weights after epochs.

    Parameters
        filepath : may hold {epoch} and names of metrics, as in "best-{epoch:02d}-{val_loss:.2f}.safetensors"
        save_best_only : only when `monitor` is better than ever;  initial_value_threshold : to be beaten at
            first
        save_freq : "epoch";  verbose : 1 says what is saved
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=True,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
    ):
        super().__init__(monitor, mode)
        if save_freq != "epoch":
            raise ValueError(f"[ModelCheckpoint] save_freq is {save_freq!r}, expected 'epoch'")
        if not save_weights_only:
            raise ValueError("[ModelCheckpoint] save_weights_only is False, expected True")
        self.filepath, self.verbose, self.save_best_only = os.fspath(filepath), verbose, save_best_only
        self.best = initial_value_threshold

    def on_epoch_end(self, epoch, logs=None):
        if self.save_best_only:
            value = self._value(logs)
            if value is None or not self._better(value):
                return
            self.best = value
        try:
            path = self.filepath.format(epoch=epoch + 1, **(logs or {}))
        except KeyError as error:
            raise KeyError(
                f"[ModelCheckpoint] filepath {self.filepath!r} names {error}, expected one of "
                f"{sorted(logs or {})}"
            ) from error
        self.model.save_weights(path)
        if self.verbose:
            print(f"Epoch {epoch + 1}: saving weights to {path}")


class TerminateOnNaN(Callback):
    """Stops when the loss is NaN or infinite."""

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch to schedule(epoch, learning_rate) or schedule(epoch)."""

    def __init__(self, schedule, verbose=0):
        super().__init__()
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch, logs=None):
        before = float(self.model.optimizer.learning_rate)
        try:
            rate = self.schedule(epoch, before)
        except TypeError:
            rate = self.schedule(epoch)
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose:
            print(f"Epoch {epoch + 1}: setting the learning rate to {float(rate)}.")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)


class ReduceLROnPlateau(_Watching):
    """Multiplies the rate by `factor` after `patience` epochs without improvement, down to `min_lr`."""

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
    ):
        super().__init__(monitor, mode)
        if factor >= 1:
            raise ValueError(f"[ReduceLROnPlateau] factor is {factor}, expected less than 1")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.min_delta, self.cooldown, self.min_lr = min_delta, cooldown, min_lr

    def on_train_begin(self, logs=None):
        self.wait = self.cooldown_counter = 0
        self.best = None

    def on_epoch_end(self, epoch, logs=None):
        value = self._value(logs)
        rate = float(self.model.optimizer.learning_rate)
        if logs is not None:
            logs["learning_rate"] = rate
        if value is None:
            return
        if self.cooldown_counter > 0:
            self.cooldown_counter, self.wait = self.cooldown_counter - 1, 0
        if self._better(value, self.min_delta):
            self.best, self.wait = value, 0
        elif self.cooldown_counter == 0:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
                self.cooldown_counter, self.wait = self.cooldown, 0
                if self.verbose:
                    print(
                        f"Epoch {epoch + 1}: reducing the learning rate to "
                        f"{float(self.model.optimizer.learning_rate)}."
                    )
