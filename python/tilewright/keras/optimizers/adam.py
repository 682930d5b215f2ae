# SPDX-License-Identifier: Apache-2.0
"""Adam and its kin: AdamW, Adamax, Nadam."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras.optimizers.optimizer import Optimizer


class Adam(Optimizer):
    """Adam (Kingma & Ba, arXiv:1412.6980) as in its section 2: epsilon beside sqrt(v) before the correction.

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
        *common,
        **options,
    ):
        super().__init__(learning_rate, *common, **options)
        self.beta_1, self.beta_2, self.epsilon, self.amsgrad = beta_1, beta_2, epsilon, amsgrad
        self.state_groups = (
            (("momentum", "velocity"), ("velocity_hat",)) if amsgrad else (("momentum", "velocity"),)
        )

    def _update(self, params, grads, *, state, **options):
        ops.adam_update(
            params,
            grads,
            state["momentum"],
            state["velocity"],
            v_max=state.get("velocity_hat"),
            learning_rate=self._rate_for(params),
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            epsilon_hat=True,
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
        *common,
        **options,
    ):
        if weight_decay is None:
            raise ValueError("[AdamW] weight_decay is None, expected a number; use Adam for none")
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *common, **options)


class Adamax(Optimizer):
    """Adam with the largest decayed gradient in place of the root (Kingma & Ba, section 7.1).

    Parameters
        beta_1, beta_2 : decay of the mean and of the largest gradient;  epsilon : added to the latter
        others : see Optimizer
    """

    config_fields = ("beta_1", "beta_2", "epsilon")
    state_groups = (("momentum", "norm"),)

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *common, **options):
        super().__init__(learning_rate, *common, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def _update(self, params, grads, *, state, **options):
        ops.adamax_update(
            params,
            grads,
            state["momentum"],
            state["norm"],
            learning_rate=self._rate_for(params),
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            **options,
        )


class Nadam(Optimizer):
    """Adam with Nesterov momentum (Dozat, 2016), whose momentum grows from half of beta_1 to all of it.

    Parameters
        beta_1, beta_2 : decay of the means of gradient and squared gradient;  epsilon : added to the root
        others : see Optimizer
    """

    config_fields = ("beta_1", "beta_2", "epsilon")
    state_groups = (("momentum", "velocity"),)

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *common, **options):
        super().__init__(learning_rate, *common, **options)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        if not self.built:
            super().build(variables)
            dtype = self._trainable_variables[0].dtype if self._trainable_variables else None
            self._product = self.add_variable((), "ones", dtype)

    def _step_count(self):
        # The product of the momentum factors moves on once an update, however many lists it comes in.
        step, product = super()._step_count(), self._product.array
        power = ops.exp(ops.multiply(ops.cast(step, "float64"), _LOG_OF_096))
        factor = ops.multiply(ops.subtract(1.0, ops.multiply(power, 0.5)), float(self.beta_1))
        ops.multiply(product, ops.cast(ops.reshape(factor, ()), product.dtype), out=product)
        return step

    def _update(self, params, grads, *, state, **options):
        product = self._product.array
        ops.nadam_update(
            params,
            grads,
            state["momentum"],
            state["velocity"],
            product=product if product.dtype == params[0].dtype else ops.cast(product, params[0].dtype),
            learning_rate=self._rate_for(params),
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            **options,
        )


_LOG_OF_096 = -0.040821994520255166
