# SPDX-License-Identifier: Apache-2.0
"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras.optimizers.optimizer import Optimizer


class SGD(Optimizer):
    """variable -= learning_rate * gradient; with momentum the velocity holds the step, as Keras's does.

    Parameters
        momentum : 0 to 1;  nesterov : looks ahead;  others : see Optimizer
    """

    config_fields = ("momentum", "nesterov")

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, *common, **options):
        super().__init__(learning_rate, *common, **options)
        if not 0 <= momentum <= 1:
            raise ValueError(f"[SGD] momentum is {momentum}, expected 0 to 1")
        self.momentum, self.nesterov = float(momentum), nesterov
        self.state_groups = (("momentum",),) if self.momentum else ()

    def _update(self, params, grads, *, state, step, **options):
        ops.sgd_update(
            params,
            grads,
            state.get("momentum"),
            learning_rate=self._rate_for(params),
            momentum=self.momentum,
            nesterov=self.nesterov and self.momentum > 0,
            velocity_scaled=True,
            **options,
        )
