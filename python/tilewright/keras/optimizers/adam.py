# SPDX-License-Identifier: Apache-2.0
"""Adam and AdamW."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Adam (Kingma & Ba, arXiv:1412.6980), in the form of its section 2: epsilon beside sqrt(v) before the
    correction.

    Parameters
        beta_1, beta_2 : decay of the means of gradient and squared gradient;  epsilon : added to the root
        amsgrad : divides by the largest mean so far (arXiv:1904.09237);  others : see Optimizer
    """

    config_fields = ("beta_1", "beta_2", "epsilon", "amsgrad")

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        loss_scale_factor=None,
        name=None,
        **kwargs,
    ):
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            loss_scale_factor,
            name,
            **kwargs,
        )
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.state_groups = (
            (("momentum", "velocity"), ("velocity_hat",)) if amsgrad else (("momentum", "velocity"),)
        )

    def _update(self, params, grads, *, state, weight_decay, **options):
        ops.adam_update(
            params,
            grads,
            state["momentum"],
            state["velocity"],
            v_max=state.get("velocity_hat"),
            step=self.iterations.array,
            learning_rate=self._rate_for(params),
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            epsilon_hat=True,
            weight_decay=weight_decay,
            **options,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov & Hutter, arXiv:1711.05101) of 0.004 unless given."""

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        loss_scale_factor=None,
        name=None,
        **kwargs,
    ):
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            epsilon,
            amsgrad,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            loss_scale_factor,
            name,
            **kwargs,
        )
        if weight_decay is None:
            raise ValueError("[AdamW] weight_decay is None, expected a number; use Adam for none")
