# SPDX-License-Identifier: Apache-2.0
"""How training shows itself: a tqdm bar on a terminal or in a notebook, else one line an epoch."""

from __future__ import annotations

import os
import sys
import time

from tilewright.keras import defaults


def bar_wanted(verbose) -> bool:
    """Whether to draw a bar: by TILEWRIGHT_PROGRESS, else if asked for, on a terminal or notebook."""
    if verbose not in ("auto", 1, True) or (
        verbose == "auto" and not defaults.is_interactive_logging_enabled()
    ):
        return False
    asked = os.environ.get("TILEWRIGHT_PROGRESS", "")
    if asked == "0" or not _tqdm():
        return False
    return asked == "1" or "ipykernel" in sys.modules or sys.stderr.isatty()


def _tqdm():
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


def formatted(logs: dict) -> str:
    """accuracy: 0.9512 - loss: 0.1610"""
    return " - ".join(f"{name}: {_number(value)}" for name, value in logs.items())


def _number(value) -> str:
    if not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.4e}"


class Progress:
    """Shows one run of fit, evaluate or predict. `logs` is asked for only when something is drawn.

    Parameters
        verbose : "auto" or 1: a bar where there can be one, else lines;  2: lines;  0: nothing
        epochs : number of epochs, or None for evaluate and predict;  unit : what a step is called
    """

    def __init__(self, verbose, epochs: int | None = None, unit: str = "step"):
        self._unit = unit
        self._bar_class = _tqdm() if bar_wanted(verbose) else None
        self._lines = self._bar_class is None and verbose in ("auto", 1, True, 2)
        self._epochs = epochs
        self._bar = None
        self._drawn = 0.0

    def begin(self, epoch: int, steps: int | None) -> None:
        """An epoch starts."""
        self._label = f"Epoch {epoch + 1}/{self._epochs}" if self._epochs is not None else ""
        self._begun, self._steps = time.perf_counter(), 0
        if self._bar_class is not None:
            self._bar = self._bar_class(
                total=steps,
                desc=self._label or None,
                unit=self._unit,
                mininterval=0.1,
                leave=True,
                dynamic_ncols=True,
            )
            self._drawn = self._begun

    def step(self, logs, count: int = 1) -> None:
        """Steps are done; `logs()` gives the metrics so far."""
        self._steps += count
        if self._bar is None:
            return
        now = time.perf_counter()
        if now - self._drawn >= 0.1:  # reading metrics waits for the device, so it is done as rarely as seen
            self._drawn = now
            self._bar.set_postfix_str(formatted(logs()), refresh=False)
        self._bar.update(count)

    def end(self, logs: dict) -> None:
        """The epoch is over."""
        seconds = time.perf_counter() - self._begun
        if self._bar is not None:
            self._bar.set_postfix_str(formatted(logs))
            self._bar.close()
            self._bar = None
        elif self._lines:
            pace = f"{1e3 * seconds / max(self._steps, 1):.1f} ms/{self._unit}"
            parts = [self._label, f"{self._steps} {self._unit}s", f"{seconds:.1f} s", pace, formatted(logs)]
            print(" - ".join(part for part in parts if part), flush=True)

    def close(self) -> None:
        """Leaves the line of an unfinished bar as it is."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
