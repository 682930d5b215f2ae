# SPDX-License-Identifier: Apache-2.0
"""Steps: a model's training, testing and prediction steps as `fit` runs them, recorded and replayed."""

from __future__ import annotations

import time
import weakref

from tilewright import backend, nest
from tilewright.autograd import Tensor
from tilewright.keras.training.data import ArrayEpoch
from tilewright.recording import Arena, Recorded, RecordStats

# Python looks after signals, progress and callbacks at least this often.
_AHEAD_SECONDS = 0.05
_PACES_KEPT = 0.7


class Steps:
    """The recorded steps of one model, which share their memory.

    Parameters
        model : a Trainer; not kept alive
    """

    def __init__(self, model):
        self._model = weakref.ref(model)
        self.forget()

    def forget(self) -> None:
        """Starts without recordings."""
        self._arena = Arena()
        self._recorded: dict[str, Recorded] = {}

    def stats(self) -> list[RecordStats]:
        """What became of this model's steps."""
        return [row for recorded in self._recorded.values() for row in recorded.stats()]

    def __reduce__(self):  # the copy of a model records its own steps
        return Steps, (self._model(),)

    def of(self, method: str):
        """The model's method of this name, as a step: its argument is a batch."""
        model = self._model()
        if model.run_eagerly:
            return Eager(getattr(model, method))
        if method not in self._recorded:
            reference = self._model

            def step(data):
                return getattr(reference(), method)(data)

            def key():
                return reference()._step_key()

            name = f"{model.name}.{method.strip('_')}"
            self._recorded[method] = Recorded(step, name, self._arena, key)
        return Replayed(self._recorded[method])


class Eager:
    """A step that Python runs each time."""

    def __init__(self, step):
        self._step = step

    def __call__(self, batch):
        return self._step(nest.map_leaves(_on_device, batch))

    def ahead(self, batches) -> int:
        return 0


def _on_device(part):
    return Tensor(backend.on_device(part.array)) if isinstance(part, Tensor) else part


class Replayed:
    """A step that is replayed once it is recorded, many at a time where batches are rows of arrays."""

    def __init__(self, recorded: Recorded):
        self._recorded = recorded
        self._shape = None  # of whole batches, once recorded
        self._seconds = 0.0  # of a step

    def __call__(self, batch):
        results = self._recorded(batch)
        self._shape = self._recorded.last if results is None else None
        return results

    def ahead(self, batches) -> int:
        """Runs as many of the next whole batches as fit into a moment; gives their number.

        0 where the next step has to be called: it is not recorded yet, its batch is smaller than the others,
        or batches come one by one.
        """
        shape = self._shape
        if shape is None or not isinstance(batches, ArrayEpoch) or not self._recorded.repeats(shape):
            return 0
        if shape.chosen[-1] is not None:  # the optimizer's steps differ in kind from one to the next
            return 0
        wanted = max(1, int(_AHEAD_SECONDS / self._seconds)) if self._seconds else 1
        feeds, steps = batches.ahead(wanted, shape.batch_size)
        if steps == 0:
            return 0
        begun = time.perf_counter()
        self._recorded.replay_steps(shape, feeds, steps)
        pace = (time.perf_counter() - begun) / steps
        self._seconds = _PACES_KEPT * self._seconds + (1 - _PACES_KEPT) * pace if self._seconds else pace
        return steps
