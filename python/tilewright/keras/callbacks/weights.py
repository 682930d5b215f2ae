# SPDX-License-Identifier: Apache-2.0
"""Callbacks that exchange weights during training."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras.callbacks.callback import Callback


class SwapEMAWeights(Callback):
    """Evaluates with the averages that an optimizer with `use_ema` keeps, and trains on with the weights.

    Parameters
        swap_on_epoch : also while the callbacks after this one end an epoch, as a checkpoint does
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def _pairs(self):
        optimizer = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ValueError("[SwapEMAWeights] the optimizer keeps no averages, expected use_ema=True")
        return zip(optimizer._trainable_variables, optimizer._state.get("average", ()), strict=True)

    def _swap(self, swapped: bool) -> None:
        if self._swapped == swapped:
            return
        for variable, average in self._pairs():
            before = ops.copy(variable.array)
            variable.assign(average)
            average.assign(before)
        self._swapped = swapped

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch, logs=None):
        if not self.swap_on_epoch:
            return
        self._swap(True)
        if epoch == self.params["epochs"] - 1:
            for variable, average in self._pairs():
                average.assign(variable)

    def on_test_begin(self, logs=None):
        self._swap(True)

    def on_test_end(self, logs=None):
        self._swap(False)

    def on_predict_begin(self, logs=None):
        self._swap(True)

    def on_predict_end(self, logs=None):
        self._swap(False)
