# SPDX-License-Identifier: Apache-2.0
"""Adagrad, Adadelta, Lion and FTRL."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras.optimizers.optimizer import Optimizer


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of their squares so far (Duchi et al., JMLR 12, 2011).

    Parameters
        initial_accumulator_value : what the sums start from;  epsilon : under the root
        others : see Optimizer
    """

    config_fields = ("initial_accumulator_value", "epsilon")
    state_groups = (("accumulator",),)

    def __init__(self, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7, *common, **options):
        super().__init__(learning_rate, *common, **options)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon
        self.first_values = {"accumulator": initial_accumulator_value}

    def _update(self, params, grads, *, state, step, **options):
        ops.adagrad_update(
            params,
            grads,
            state["accumulator"],
            learning_rate=self._rate_for(params),
            epsilon=self.epsilon,
            **options,
        )


class Adadelta(Optimizer):
    """Steps as large as the running mean of past steps (Zeiler, arXiv:1212.5701, with a learning rate of 1).

    Parameters
        rho : decay of both means;  epsilon : under both roots;  others : see Optimizer
    """

    config_fields = ("rho", "epsilon")
    state_groups = (("accumulated_grad", "accumulated_delta_var"),)

    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, *common, **options):
        super().__init__(learning_rate, *common, **options)
        self.rho, self.epsilon = rho, epsilon

    def _update(self, params, grads, *, state, step, **options):
        ops.adadelta_update(
            params,
            grads,
            state["accumulated_grad"],
            state["accumulated_delta_var"],
            learning_rate=self._rate_for(params),
            rho=self.rho,
            epsilon=self.epsilon,
            **options,
        )


class Lion(Optimizer):
    """Steps of the learning rate in the direction of the sign of a mean gradient (arXiv:2302.06675).

    Parameters
        beta_1 : share of the mean in the direction, more than 0;  beta_2 : decay of the mean
        others : see Optimizer
    """

    config_fields = ("beta_1", "beta_2")
    state_groups = (("momentum",),)

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, *common, **options):
        super().__init__(learning_rate, *common, **options)
        if not 0 < beta_1 <= 1:
            raise ValueError(f"[Lion] beta_1 is {beta_1}, expected more than 0 and at most 1")
        self.beta_1, self.beta_2 = beta_1, beta_2

    def _update(self, params, grads, *, state, step, **options):
        ops.lion_update(
            params,
            grads,
            state["momentum"],
            learning_rate=self._rate_for(params),
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            **options,
        )


class Ftrl(Optimizer):
    """Follow the regularized leader (McMahan et al., KDD 2013): sparse weights for wide linear models.

    Parameters
        learning_rate_power : at most 0;  initial_accumulator_value : what the sums of squares start from
        l1_regularization_strength, l2_regularization_strength : pull weights to 0, the first one onto it
        l2_shrinkage_regularization_strength : acts on the gradient alone;  beta : the paper's
        others : see Optimizer
    """

    config_fields = (
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
    )
    state_groups = (("accumulator", "linear"),)

    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
        *common,
        **options,
    ):
        super().__init__(learning_rate, *common, **options)
        self.learning_rate_power, self.beta = learning_rate_power, beta
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        if learning_rate_power > 0:
            raise ValueError(f"[Ftrl] learning_rate_power is {learning_rate_power}, expected at most 0")
        for argument in self.config_fields[1:5]:
            if getattr(self, argument) < 0:
                raise ValueError(f"[Ftrl] {argument} is {getattr(self, argument)}, expected at least 0")
        self.first_values = {"accumulator": initial_accumulator_value}

    def _update(self, params, grads, *, state, step, **options):
        ops.ftrl_update(
            params,
            grads,
            state["accumulator"],
            state["linear"],
            learning_rate=self._rate_for(params),
            learning_rate_power=self.learning_rate_power,
            l1_regularization=self.l1_regularization_strength,
            l2_regularization=self.l2_regularization_strength,
            l2_shrinkage=self.l2_shrinkage_regularization_strength,
            beta=self.beta,
            **options,
        )
