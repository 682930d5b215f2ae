# SPDX-License-Identifier: Apache-2.0
"""Callbacks that show or write down metrics as text."""

from __future__ import annotations

import csv
import os

from tilewright.keras.callbacks.callback import Callback


class CSVLogger(Callback):
    """Writes one line of metrics an epoch to a file.

    Parameters
        filename : of the file;  separator : between values
        append : adds to a file that is there instead of starting over
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename, self.sep, self.append = os.fspath(filename), separator, append
        self.keys: list[str] | None = None
        self._file = None

    def on_train_begin(self, logs=None):
        self._close()
        begun = self.append and os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._header = not begun
        self._file = open(self.filename, "a" if self.append else "w", newline="")  # noqa: SIM115
        self.keys = None

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if self.keys and not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]  # validation may come in later epochs
            self._writer = csv.writer(self._file, delimiter=self.sep)
            if self._header:
                self._writer.writerow(["epoch", *self.keys])
        self._writer.writerow([epoch, *(_text(logs.get(key, "NA")) for key in self.keys)])
        self._file.flush()

    def on_train_end(self, logs=None):
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _text(value):
    """A value as it stands in the file; several as "[1.0, 2.0]"."""
    if isinstance(value, str) or not getattr(value, "ndim", 0):
        return value
    return f'"[{", ".join(map(str, value))}]"'


class ProgbarLogger(Callback):
    """Prints the metrics of each epoch. fit shows its own progress already, unless verbose=0."""

    def __init__(self):
        super().__init__()
        self._shows = False

    def set_params(self, params):
        super().set_params(params)
        self._shows = params.get("verbose") == 0

    def on_epoch_end(self, epoch, logs=None):
        if self._shows:
            from tilewright.keras.training.progress import formatted

            print(f"Epoch {epoch + 1}/{self.params.get('epochs')} - {formatted(logs or {})}")
