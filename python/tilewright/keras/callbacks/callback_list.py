# SPDX-License-Identifier: Apache-2.0
"""CallbackList: the callbacks of one run, called together."""

from __future__ import annotations

import functools

from tilewright.keras.callbacks.callback import EVENTS, Callback, History
from tilewright.keras.callbacks.logs import ProgbarLogger


class CallbackList:
    """Several callbacks as one. `wants(event)` says whether any does something there."""

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        if callbacks is None:
            callbacks = []
        self.callbacks = list(callbacks) if isinstance(callbacks, (list, tuple)) else [callbacks]
        for callback in self.callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"[callbacks] got a {type(callback).__name__}, expected a Callback")
        if add_history and not any(isinstance(c, History) for c in self.callbacks):
            self.callbacks.append(History())
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self.callbacks.sort(key=lambda callback: callback.runs_last)
        for callback in self.callbacks:
            callback.set_params(params)
            callback.set_model(model)
            callback.companions = self.callbacks
        self._busy = {
            event: [getattr(c, event) for c in self.callbacks if _overrides(c, event)] for event in EVENTS
        }

    def wants(self, event: str) -> bool:
        return bool(self._busy[event])

    def run(self, event: str, *args) -> None:
        for method in self._busy[event]:
            method(*args)

    def __getattr__(self, event: str):
        """The events as methods, for training loops of one's own: callbacks.on_epoch_end(3, logs)."""
        if event not in EVENTS:
            raise AttributeError(f"CallbackList has no attribute {event!r}")
        return functools.partial(self.run, event)

    @property
    def history(self) -> History:
        return next(c for c in self.callbacks if isinstance(c, History))


def _overrides(callback: Callback, event: str) -> bool:
    old = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}.get(event)
    for name in (event, old):
        if name is not None and (
            name in callback.__dict__ or getattr(type(callback), name) is not getattr(Callback, name)
        ):
            return True
    return False
