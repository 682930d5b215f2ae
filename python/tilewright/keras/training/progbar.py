# SPDX-License-Identifier: Apache-2.0
"""Progbar: the progress of a training loop of one's own, shown as `fit` shows its own."""

from __future__ import annotations

from tilewright.autograd import Tensor
from tilewright.keras.training.progress import Progress


class Progbar:
    """Shows how far a loop is, and the values given.

    Parameters
        target : number of steps, or None;  verbose : 1 a bar (or a line at the end), 2 a line, 0 nothing
        stateful_metrics : names of values shown as they are; others are shown as means over the steps
        interval, width : accepted; the display decides both;  unit_name : what a step is called
    """

    def __init__(self, target, width=20, verbose=1, interval=0.05, stateful_metrics=None, unit_name="step"):
        self.target, self.verbose, self.width, self.interval = target, verbose, width, interval
        self.unit_name, self.stateful_metrics = unit_name, set(stateful_metrics or ())
        self._sums: dict[str, tuple[float, int]] = {}
        self._seen, self._progress = 0, Progress(verbose, unit=unit_name)
        self._begun = self._ended = False

    def update(self, current, values=None, finalize=None) -> None:
        """`current` steps are done.

        Parameters
            values : pairs of a name and its value in the steps since the last update
            finalize : whether this is the last update; where None, when `target` is reached
        """
        if self._ended:
            return
        if not self._begun:
            self._progress.begin(0, self.target)
            self._begun = True
        count = current - self._seen
        for name, value in values or ():
            number = float(value.numpy() if isinstance(value, Tensor) else value)
            total, weight = (0.0, 0) if name in self.stateful_metrics else self._sums.get(name, (0.0, 0))
            steps = 1 if name in self.stateful_metrics else max(count, 1)
            self._sums[name] = (total + number * steps, weight + steps)
        self._seen = current
        self._progress.step(self._means, count)
        if finalize or (finalize is None and self.target is not None and current >= self.target):
            self._ended = True
            self._progress.end(self._means())

    def add(self, n, values=None) -> None:
        """`n` more steps are done."""
        self.update(self._seen + n, values)

    def _means(self) -> dict[str, float]:
        return {name: total / weight for name, (total, weight) in self._sums.items()}
