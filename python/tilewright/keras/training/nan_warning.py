# SPDX-License-Identifier: Apache-2.0
"""A word, once, when the loss of an epoch is no number."""

from __future__ import annotations

import math
import warnings

from tilewright.keras.callbacks import TerminateOnNaN


class NanWarning:
    """Looks at the loss after each epoch of one fit; says nothing where TerminateOnNaN does."""

    def __init__(self, callbacks):
        self._said = any(isinstance(c, TerminateOnNaN) for c in callbacks)

    def look(self, epoch: int, logs: dict) -> None:
        loss = logs.get("loss")
        if self._said or not isinstance(loss, float) or not math.isnan(loss):
            return
        self._said = True
        warnings.warn(
            f"[fit] the loss is {loss} in epoch {epoch + 1}; `with tilewright.debug.find_nan():` names the "
            "operation and the layer that made it, the callback TerminateOnNaN stops training.",
            stacklevel=4,
        )
