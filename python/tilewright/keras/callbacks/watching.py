# SPDX-License-Identifier: Apache-2.0
"""Callbacks that watch metrics: stopping, lowering the learning rate."""

from __future__ import annotations

import math
import warnings

from tilewright.keras.callbacks.callback import Callback


class MonitorCallback(Callback):
    """Base of what compares a metric from epoch to epoch.

    Parameters
        monitor : name in the logs;  mode : "min", "max" or "auto": losses low, metrics as they say
        baseline : the value to be better than at first;  min_delta : by how much a value has to be better
    """

    # Attributes that make up the state.
    _kept: tuple[str, ...] = ("best",)

    def __init__(self, monitor="val_loss", mode="auto", baseline=None, min_delta=0.0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"[{type(self).__name__}] mode is {mode!r}, expected 'auto', 'min' or 'max'")
        self.monitor, self.mode, self.min_delta = monitor, mode, abs(min_delta)
        self.best: float | None = baseline
        self._up: bool | None = None if mode == "auto" else mode == "max"

    def get_state(self):
        return {name: getattr(self, name) for name in self._kept}

    def set_state(self, state):
        for name in self._kept:
            setattr(self, name, state[name])

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        if self._up is None:
            self._up = self._direction_of(self.monitor.removeprefix("val_"))
        if reference is None:
            return not math.isnan(value)
        return value > reference + self.min_delta if self._up else value < reference - self.min_delta

    def _direction_of(self, name: str) -> bool:
        """Whether a metric is better when it is high."""
        if name == "loss" or name.endswith("_loss"):
            return False
        for metric in getattr(self.model, "metrics", ()):
            if (name == metric.name or name.endswith(f"_{metric.name}")) and metric._direction is not None:
                return metric._direction == "up"
        if name in ("acc", "accuracy"):
            return True
        raise ValueError(
            f"[{type(self).__name__}] monitor is {self.monitor!r}, of which it is not known where it is "
            "better, expected mode='max' or mode='min'"
        )

    def _value(self, logs) -> float | None:
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not among {sorted(logs or {})}.",
                stacklevel=4,
            )
        return value


class EarlyStopping(MonitorCallback):
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
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience, self.verbose = patience, verbose
        self.baseline, self.restore_best_weights, self.start_from_epoch = (
            baseline,
            restore_best_weights,
            start_from_epoch,
        )

    _kept = ("best", "wait", "stopped_epoch", "best_epoch")

    def get_state(self):
        weights = [] if self.best_weights is None else self.best_weights
        return {**super().get_state(), "best_weights": list(weights)}

    def set_state(self, state):
        super().set_state(state)
        self.best_weights = state["best_weights"] or None

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
        if self._is_improvement(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(value, self.baseline):
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


class TerminateOnNaN(Callback):
    """Stops when the loss is NaN or infinite, with a RuntimeError if `raise_error`."""

    def __init__(self, raise_error=False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            if self.raise_error:
                raise RuntimeError(f"[TerminateOnNaN] the loss is {loss} at batch {batch}, expected a number")
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


class ReduceLROnPlateau(MonitorCallback):
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
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1:
            raise ValueError(f"[ReduceLROnPlateau] factor is {factor}, expected less than 1")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr

    _kept = ("best", "wait", "cooldown_counter")

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
        if self._is_improvement(value, self.best):
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
