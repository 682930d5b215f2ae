# SPDX-License-Identifier: Apache-2.0
"""Callbacks: what happens at the edges of epochs and batches during fit, evaluate and predict."""

from __future__ import annotations

import math
import os
import warnings

_EVENTS = ("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_train_batch_begin", "on_train_batch_end",
           "on_test_begin", "on_test_end", "on_test_batch_begin", "on_test_batch_end", "on_predict_begin", "on_predict_end",
           "on_predict_batch_begin", "on_predict_batch_end", "on_batch_begin", "on_batch_end")


class Callback:
    """Base: override the events of interest. `self.model` is the model, `self.params` has verbose, epochs, steps."""

    def __init__(self):
        self.params: dict = {}
        self._model = None

    @property
    def model(self):
        """The model that is run."""
        return self._model

    def set_params(self, params: dict) -> None:
        self.params = params

    def set_model(self, model) -> None:
        self._model = model

    def on_train_begin(self, logs=None):
        """fit starts."""

    def on_train_end(self, logs=None):
        """fit ends."""

    def on_epoch_begin(self, epoch, logs=None):
        """An epoch starts."""

    def on_epoch_end(self, epoch, logs=None):
        """An epoch ends; logs hold its metrics."""

    def on_batch_begin(self, batch, logs=None):
        """`on_train_batch_begin` by its old name."""

    def on_batch_end(self, batch, logs=None):
        """`on_train_batch_end` by its old name."""

    def on_train_batch_begin(self, batch, logs=None):
        """A training step starts."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        """A training step ends."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs=None):
        """evaluate, or validation, starts."""

    def on_test_end(self, logs=None):
        """evaluate, or validation, ends."""

    def on_test_batch_begin(self, batch, logs=None):
        """An evaluation step starts."""

    def on_test_batch_end(self, batch, logs=None):
        """An evaluation step ends."""

    def on_predict_begin(self, logs=None):
        """predict starts."""

    def on_predict_end(self, logs=None):
        """predict ends."""

    def on_predict_batch_begin(self, batch, logs=None):
        """A prediction step starts."""

    def on_predict_batch_end(self, batch, logs=None):
        """A prediction step ends."""


class CallbackList:
    """Several callbacks as one. `wants(event)` says whether any does something there."""

    def __init__(self, callbacks=None, model=None, add_history=False, **params):
        if callbacks is None:
            callbacks = []
        self.callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"[callbacks] got a {type(callback).__name__}, expected a Callback")
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.callbacks.append(History())
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)
        self._busy = {event: [getattr(c, event) for c in self.callbacks if _overrides(c, event)] for event in _EVENTS}

    def wants(self, event: str) -> bool:
        return bool(self._busy[event])

    def run(self, event: str, *args) -> None:
        for method in self._busy[event]:
            method(*args)

    @property
    def history(self) -> History:
        return next(c for c in self.callbacks if isinstance(c, History))


def _overrides(callback: Callback, event: str) -> bool:
    old = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}.get(event)
    for name in (event, old):
        if name is not None and (name in callback.__dict__ or getattr(type(callback), name) is not getattr(Callback, name)):
            return True
    return False


class History(Callback):
    """What fit returns: `epoch`, the numbers of the epochs, and `history`, lists of their metrics."""

    def __init__(self):
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs=None):
        self.epoch = []
        self.history = {}

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self._model.history = self


class LambdaCallback(Callback):
    """Functions as a callback: LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch))."""

    def __init__(self, **events):
        super().__init__()
        for name, function in events.items():
            if name not in _EVENTS:
                raise ValueError(f"[LambdaCallback] {name!r} is no event, expected one of {', '.join(_EVENTS)}")
            if function is not None:
                setattr(self, name, function)


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
        up = name.endswith(("acc", "accuracy", "auc", "precision", "recall", "f1_score", "score")) if mode == "auto" else mode == "max"
        self._up = up
        self.best: float | None = None

    def _better(self, value: float, least: float = 0.0) -> bool:
        if self.best is None:
            return not math.isnan(value)
        return value > self.best + least if self._up else value < self.best - least

    def _value(self, logs) -> float | None:
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(f"{type(self).__name__} watches {self.monitor!r}, which is not among {sorted(logs or {})}.", stacklevel=4)
        return value


class EarlyStopping(_Watching):
    """Stops when a metric has not improved by more than `min_delta` for `patience` epochs.

    Parameters
        monitor, mode : which metric, and where it is better;  baseline : to be beaten at first
        restore_best_weights : puts the weights of the best epoch back;  start_from_epoch : waits before watching
        verbose : 1 says when it stops
    """

    def __init__(self, monitor="val_loss", min_delta=0, patience=0, verbose=0, mode="auto", baseline=None,
                 restore_best_weights=False, start_from_epoch=0):
        super().__init__(monitor, mode)
        self.min_delta, self.patience, self.verbose = abs(min_delta), patience, verbose
        self.baseline, self.restore_best_weights, self.start_from_epoch = baseline, restore_best_weights, start_from_epoch

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
        save_best_only : only when `monitor` is better than ever;  initial_value_threshold : to be beaten at first
        save_freq : "epoch";  verbose : 1 says what is saved
    """

    def __init__(self, filepath, monitor="val_loss", verbose=0, save_best_only=False, save_weights_only=True, mode="auto",
                 save_freq="epoch", initial_value_threshold=None):
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
            raise KeyError(f"[ModelCheckpoint] filepath {self.filepath!r} names {error}, expected one of {sorted(logs or {})}") from error
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
    """Sets the learning rate at the start of each epoch to schedule(epoch, learning_rate) or schedule(epoch)."""

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
    """Multiplies the learning rate by `factor` after `patience` epochs without improvement, down to `min_lr`."""

    def __init__(self, monitor="val_loss", factor=0.1, patience=10, verbose=0, mode="auto", min_delta=1e-4, cooldown=0,
                 min_lr=0.0):
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
                    print(f"Epoch {epoch + 1}: reducing the learning rate to {float(self.model.optimizer.learning_rate)}.")
