# SPDX-License-Identifier: Apache-2.0
"""LossScaleOptimizer: keeps the gradients of float16 layers above what float16 rounds to zero."""

from __future__ import annotations

import functools

from tilewright import ops
from tilewright.autograd import raw
from tilewright.keras import serialization
from tilewright.keras.optimizers.optimizer import _COMMON, Optimizer

_DEFAULTS = {"use_ema": False, "ema_momentum": 0.99}


class LossScaleOptimizer(Optimizer):
    """Wraps an optimizer: losses are multiplied by a scale and gradients divided by it.

    A step with a gradient that is not finite changes nothing but the scale, which it halves; after
    `dynamic_growth_steps` finite steps in a row the scale doubles. All of it is arithmetic on arrays: the
    step is computed in any case and what it wrote is replaced by the copies made before, so that it may be
    recorded.

    Parameters
        inner_optimizer : the Optimizer that updates the variables
        initial_scale : the first scale;  dynamic_growth_steps : int
        name : first part of the state's paths
    """

    def __init__(
        self, inner_optimizer, initial_scale=2.0**15, dynamic_growth_steps=2000, name=None, **kwargs
    ):
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "[LossScaleOptimizer] dynamic is False, expected True; set `loss_scale_factor` of the inner "
                "optimizer instead"
            )
        for argument in _COMMON:
            if kwargs.pop(argument, None) not in (None, _DEFAULTS.get(argument)):
                raise ValueError(
                    f"[LossScaleOptimizer] {argument} is given, expected it on the inner optimizer"
                )
        super().__init__(0.0, name=name, **kwargs)
        self._rate_is_state = True
        self.inner_optimizer = inner_optimizer
        self.inner_optimizer.loss_scale_factor = None
        self.initial_scale, self.dynamic_growth_steps = float(initial_scale), int(dynamic_growth_steps)

    def build(self, variables) -> None:
        if self.built:
            return
        self.step_counter = self.add_variable((), "zeros", "int32", name="step_counter")
        self.dynamic_scale = self.add_variable((), "zeros", "float32", name="dynamic_scale")
        self.dynamic_scale.assign(self.initial_scale)
        self.inner_optimizer.build(variables)
        self._trainable_variables = list(variables)
        self.built = True

    @property
    def variables(self) -> list:
        return [*super().variables, *self.inner_optimizer.variables]

    def moved(self) -> list:
        return [*super().moved(), *self.inner_optimizer.moved()]

    @property
    def step_kind(self):
        return self.inner_optimizer.step_kind

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate):
        inner = self.__dict__.get("inner_optimizer")  # not there yet while the base is made
        if inner is not None:
            inner.learning_rate = rate
        else:
            Optimizer.learning_rate.fset(self, rate)

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    def scale_loss(self, loss):
        """The loss times the scale."""
        return ops.multiply(loss, self.dynamic_scale if self.built else self.initial_scale)

    def finalize_variable_values(self, var_list) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def apply(self, grads, trainable_variables=None) -> None:
        """One step of the inner optimizer, or none where a gradient is not finite."""
        grads = list(grads)
        if not self.built:
            self.build(list(trainable_variables))
        variables = list(self._trainable_variables if trainable_variables is None else trainable_variables)
        arrays = [None if g is None else raw("apply", "gradient", g) for g in grads]
        finite = functools.reduce(
            ops.logical_and, [ops.all(ops.isfinite(g)) for g in arrays if g is not None]
        )
        changing = [
            v.array for v in {id(v): v for v in (*variables, *self.inner_optimizer.variables)}.values()
        ]
        before = [ops.copy(a) for a in changing]
        scale = self.dynamic_scale.array
        self.inner_optimizer.apply(
            [None if g is None else ops.divide(g, ops.cast(scale, g.dtype)) for g in arrays], variables
        )
        for array, old in zip(changing, before, strict=True):
            ops.where(finite, array, old, out=array)
        self._adapt(finite)

    def _adapt(self, finite) -> None:
        """The scale and the count of finite steps after this one."""
        count, scale = self.step_counter.array, self.dynamic_scale.array
        full = ops.equal(count, self.dynamic_growth_steps - 1)
        factor = ops.where(finite, ops.where(full, 2.0, ops.full((), 1.0)), ops.full((), 0.5))
        goes_on = ops.logical_and(finite, ops.logical_not(full))
        ops.multiply(scale, ops.cast(factor, "float32"), out=scale)
        ops.multiply(ops.add(count, 1), ops.cast(goes_on, "int32"), out=count)

    def get_config(self) -> dict:
        return {
            "name": self.name,
            "inner_optimizer": serialization.serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, values: dict, custom_objects: dict | None = None):
        values = dict(values)
        inner = values.pop("inner_optimizer")
        if isinstance(inner, dict):
            inner = serialization.deserialize_keras_object(inner, custom_objects)
        return cls(inner, **values)
