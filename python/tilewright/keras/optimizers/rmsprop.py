# SPDX-License-Identifier: Apache-2.0
"""RMSprop."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras.optimizers.optimizer import Optimizer


class RMSprop(Optimizer):
    """Gradients divided by the root of a running mean of squares, epsilon under the root as in Keras.

    Parameters
        rho : decay of the mean;  momentum : of the steps;  epsilon : under the root
        centered : takes the squared mean of the gradient off;  others : see Optimizer
    """

    config_fields = ("rho", "momentum", "epsilon", "centered")

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
        *common,
        **options,
    ):
        super().__init__(learning_rate, *common, **options)
        self.rho, self.momentum, self.epsilon, self.centered = rho, float(momentum), epsilon, centered
        groups = {"velocity": True, "momentum": self.momentum > 0, "average_gradient": centered}
        self.state_groups = tuple((name,) for name, used in groups.items() if used)

    def _update(self, params, grads, *, state, step, **options):
        ops.rmsprop_update(
            params,
            grads,
            state["velocity"],
            velocity=state.get("momentum"),
            mean_gradient=state.get("average_gradient"),
            learning_rate=self._rate_for(params),
            rho=self.rho,
            momentum=self.momentum,
            epsilon=self.epsilon,
            epsilon_inside=True,
            velocity_scaled=True,
            **options,
        )
