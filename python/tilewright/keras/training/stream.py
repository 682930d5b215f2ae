# SPDX-License-Identifier: Apache-2.0
"""Stream: batches epoch after epoch, which can say where it stands and go on from there."""

from __future__ import annotations

import warnings

from tilewright import random
from tilewright.keras.training.data import ArrayEpoch, Batches


class Counted:
    """An iterator that knows how many batches it gave; `go_to` runs through those before."""

    def __init__(self, batches):
        self._batches, self.taken = iter(batches), 0

    def __iter__(self):
        return self

    def __next__(self):
        batch = next(self._batches)
        self.taken += 1
        return batch

    def go_to(self, taken: int) -> None:
        while self.taken < taken:
            next(self)


class Stream:
    """Batches over epochs: with `steps_per_epoch`, an epoch goes on where the last one stopped."""

    def __init__(self, name: str, batches: Batches, steps_per_epoch: int | None):
        self._name, self._batches, self._limit = name, batches, steps_per_epoch
        self._gave = False  # a batch, in any epoch
        self._running = None  # the pass through the data that has begun
        self._origin: dict = {}  # where the random numbers and the data stood then
        if steps_per_epoch is not None and (not isinstance(steps_per_epoch, int) or steps_per_epoch < 1):
            raise ValueError(
                f"[{name}] steps_per_epoch is {steps_per_epoch!r}, expected an int of at least 1"
            )
        if batches.endless and steps_per_epoch is None:
            steps = "steps_per_epoch" if name == "fit" else "steps"
            raise ValueError(f"[{name}] the data is without end, expected {steps} to be given")

    @property
    def steps(self) -> int | None:
        return self._limit if self._limit is not None else self._batches.steps

    def _begin(self):
        """A new pass through the data."""
        self._origin = {"random": random.get_position(), "data": self._batches.get_state()}
        batches = self._batches.epoch()
        self._running = batches if isinstance(batches, ArrayEpoch) else Counted(batches)
        return self._running

    def epoch(self, done: int = 0):
        """An iterator over the batches of an epoch of which `done` were given; an ArrayEpoch for arrays."""
        if self._limit is not None:
            return self._limited(self._limit - done)
        batches = self._running if done and self._running is not None else self._begin()
        return batches if isinstance(batches, ArrayEpoch) else self._whole(batches)

    def _whole(self, batches):
        yield from batches
        self._batches.epoch_ended()

    def _limited(self, steps: int):
        for _ in range(steps):
            batch = self._next()
            if batch is None:
                return
            yield batch
        self._batches.epoch_ended()

    def _next(self):
        for _ in range(2):
            batch = next(self._running or self._begin(), None)
            if batch is not None:
                return batch
            self._running = None
        return None

    def ran_out(self, epoch: int, steps: int) -> bool:
        """Whether the data, a generator say, gave no more in an epoch of `steps` steps; warns if so.

        Raises   ValueError: it never gave any
        """
        self._gave = self._gave or steps > 0
        if not self._gave:
            raise ValueError(f"[{self._name}] x gave no batch, expected at least one sample")
        if steps >= (self._limit or 1):
            return False
        wanted = f" of {self._limit}" if self._limit else ""
        warnings.warn(
            f"[{self._name}] the data ran out in epoch {epoch + 1}, after {steps}{wanted} steps, and "
            "training stops; a generator gives its batches once, expected as many as all epochs take",
            stacklevel=5,
        )
        return True

    def peek(self):
        """A batch of a new pass, which has begun with it; None where there is none."""
        return next(self._begin(), None)

    def place(self, within_epoch: bool) -> dict:
        """Where the data stands, as plain data."""
        now = {"next": self._batches.get_state()}
        if self._running is None or (self._limit is None and not within_epoch):
            return now  # the next epoch begins a pass of its own
        return {**now, "origin": self._origin, "taken": self._running.taken}

    def go_to(self, place: dict) -> None:
        """Goes on from what `place` gave; the random numbers stand elsewhere afterwards."""
        begun = "origin" in place
        if begun:
            random.set_position(place["origin"]["random"])
            self._batches.set_state(place["origin"]["data"])
            self._begin().go_to(place["taken"])
        if not (begun and self._batches.follows_from_pass):
            self._batches.set_state(place["next"])
