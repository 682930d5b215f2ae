# SPDX-License-Identifier: Apache-2.0
"""Going on with an interrupted training: what `fit` does once callbacks have read a state back."""

from __future__ import annotations

import sys

from tilewright import nest
from tilewright.autograd import Tensor
from tilewright.keras.training import data as batches_module


def go_on(model, listed, initial_epoch: int) -> tuple[int, int]:
    """Puts back what a callback restored (an attribute `restored`, a Position).

    Returns   the epoch to go on with (beyond all where training had stopped), how many of its steps are done
    """
    position = next((c.restored for c in listed.callbacks if getattr(c, "restored", None) is not None), None)
    if position is None:
        return initial_epoch, 0
    if position.step:
        _build_metrics(model, model._streams[0])
        position.resume_metrics(model)
    for stream, place in zip(model._streams, position.data, strict=False):
        if stream is not None and place is not None:
            stream.go_to(place)
    position.resume_random()
    position.resume_callbacks(listed.callbacks)
    return sys.maxsize if position.stopped else position.epoch, position.step


def _build_metrics(model, stream) -> None:
    """Lets metrics make their state, which they do by the shapes of a first batch."""
    batch = stream.peek()
    if batch is not None and model._plain_training:
        parts = (None if part is None else nest.map_leaves(Tensor, part) for part in batch)
        model._test_on(batches_module.pack_x_y_sample_weight(*parts))
