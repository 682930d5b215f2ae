# SPDX-License-Identifier: Apache-2.0
"""Callback: what happens at the edges of epochs and batches during fit, evaluate and predict."""

from __future__ import annotations

from tilewright.keras import registration
from tilewright.suggestion import NamedArguments

EVENTS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_predict_begin",
    "on_predict_end",
    "on_predict_batch_begin",
    "on_predict_batch_end",
    "on_batch_begin",
    "on_batch_end",
)


class Callback(NamedArguments):
    """Base: override the events of interest. `self.params` has verbose, epochs and steps of the run."""

    runs_last = False  # after all callbacks that do not

    def __init__(self):
        self.params: dict = {}
        self.companions: list[Callback] = []  # all callbacks of the run, this one among them
        self._model = None

    @property
    def model(self):
        """The model that is run."""
        return self._model

    def get_state(self) -> dict:
        """What `BackupAndRestore` keeps of this callback: plain data, or nothing."""
        return {}

    def set_state(self, state: dict) -> None:
        """Goes on from what `get_state` gave."""

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


class History(Callback):
    """What fit returns: `epoch`, the numbers of the epochs, and `history`, lists of their metrics."""

    def __init__(self):
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def get_state(self):
        return {"epoch": self.epoch, "history": self.history}

    def set_state(self, state):
        self.epoch, self.history = list(state["epoch"]), dict(state["history"])

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

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **kwargs,
    ):
        super().__init__()
        events = {name: value for name, value in locals().items() if name in EVENTS} | kwargs
        for name, function in events.items():
            if name not in EVENTS:
                raise registration.unknown("LambdaCallback, event", name, EVENTS)
            if function is not None:
                setattr(self, name, function)
