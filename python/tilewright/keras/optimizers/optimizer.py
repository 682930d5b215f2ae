# SPDX-License-Identifier: Apache-2.0
"""Optimizer: the base. Holds state for a list of variables and updates all by one operation a step."""

from __future__ import annotations

import re
import warnings

from tilewright import ops, recording
from tilewright.autograd import Tensor, raw
from tilewright.keras import naming, serialization
from tilewright.keras.optimizers.schedules import LearningRateSchedule
from tilewright.variable import Variable


class Optimizer:
    """Base of optimizers, with Keras's arguments.

    Parameters
        learning_rate : float, LearningRateSchedule, or callable without arguments; `lr` means the same
        weight_decay : decoupled: each step takes learning_rate * weight_decay * variable away
        clipnorm, clipvalue, global_clipnorm : at most one: limits for the L2 norm of each gradient, for each
            element, for the norm of all gradients together
        loss_scale_factor : losses are multiplied by it (`scale_loss`) and gradients divided
        name : first part of the state's paths
    """

    # Names of the state, one array a variable each, in groups: `variables` lists a group for each variable in
    # turn, then the next group.
    state_groups: tuple[tuple[str, ...], ...] = ()
    config_fields: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        loss_scale_factor=None,
        name=None,
        **kwargs,
    ):
        learning_rate = kwargs.pop("lr", learning_rate)
        if kwargs:
            known = (
                "learning_rate",
                "lr",
                "weight_decay",
                "clipnorm",
                "clipvalue",
                "global_clipnorm",
                "loss_scale_factor",
                "name",
                *self.config_fields,
            )
            raise serialization.unknown(f"{type(self).__name__}, argument", next(iter(kwargs)), known)
        limits = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        if sum(limit is not None for limit in limits.values()) > 1:
            raise ValueError(f"[{type(self).__name__}] got {limits}, expected at most one of them")
        for argument, limit in limits.items():
            if limit is not None and limit <= 0:
                raise ValueError(f"[{type(self).__name__}] {argument} is {limit}, expected more than 0")
        self.name = name or naming.auto_name(type(self))
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.weight_decay, self.loss_scale_factor = weight_decay, loss_scale_factor
        self.iterations = Variable(0, False, "iteration", dtype="int64", path=f"{self.name}/iteration")
        self._schedule = None
        self._rate = Variable(0.0, False, "learning_rate", dtype="float32", path=f"{self.name}/learning_rate")
        self.learning_rate = learning_rate
        self.built = False
        self._undecayed: set[int] = set()
        self._undecayed_names: re.Pattern | None = None
        self._groups_for: tuple = ()
        self._groups: list = []

    def __setattr__(self, name, value):
        recording.note_attribute(self, name, value)
        super().__setattr__(name, value)

    # ---- learning rate

    @property
    def learning_rate(self):
        """The rate as a Variable, or what the schedule gives for the steps taken."""
        return self._rate if self._schedule is None else self._scheduled()

    @learning_rate.setter
    def learning_rate(self, rate):
        if isinstance(rate, LearningRateSchedule) or (callable(rate) and not isinstance(rate, Tensor)):
            self._schedule = rate
            return
        if isinstance(self._schedule, LearningRateSchedule):
            raise TypeError(
                f"[{self.name}] learning_rate cannot be set, expected an optimizer made with a number: "
                "this one follows a schedule"
            )
        rate = float(rate)
        self._schedule = None
        self._rate.assign(rate)

    lr = learning_rate

    def _scheduled(self) -> float:
        if isinstance(self._schedule, LearningRateSchedule):
            return float(self._schedule(int(self.iterations)))
        return float(self._schedule())

    def _follow_schedule(self) -> None:
        self._rate.assign(self._scheduled())

    # ---- state

    def build(self, variables) -> None:
        """Makes the state for these variables; done by the first `apply` otherwise."""
        if self.built:
            return
        self._variables = list(variables)
        self._index = {id(v): i for i, v in enumerate(self._variables)}
        self._state = {name: [] for group in self.state_groups for name in group}
        for variable in self._variables:
            for name in self._state:
                path = f"{self.name}/{variable.path.replace('/', '_')}_{name}"
                zeros = ops.zeros(variable.shape, variable.dtype)
                self._state[name].append(Variable(zeros, False, path.rsplit("/", 1)[1], path=path))
        self.built = True

    @property
    def variables(self) -> list[Variable]:
        """Step count, learning rate, then the state, in Keras's order."""
        found = [self.iterations, self._rate]
        for group in self.state_groups if self.built else ():
            for row in zip(*(self._state[name] for name in group), strict=True):
                found.extend(row)
        return found

    # ---- weight decay

    def exclude_from_weight_decay(self, var_list=None, var_names=None) -> None:
        """Leaves variables, or those whose name holds one of `var_names`, without decay. Before the first
        step.
        """
        if self.built:
            raise ValueError(
                f"[{self.name}.exclude_from_weight_decay] the optimizer has its variables already, "
                "expected the call before"
            )
        self._undecayed = {id(v) for v in var_list or ()}
        self._undecayed_names = re.compile("|".join(set(var_names))) if var_names else None

    def _decays(self, variable) -> bool:
        if not self.weight_decay or id(variable) in self._undecayed:
            return False
        return self._undecayed_names is None or not self._undecayed_names.search(variable.name)

    # ---- steps

    def scale_loss(self, loss):
        """The loss times `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else ops.multiply(loss, float(self.loss_scale_factor))

    def apply_gradients(self, grads_and_vars):
        """One step, from pairs of gradient and variable. Returns the step count."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self.iterations

    def apply(self, grads, trainable_variables=None) -> None:
        """One step: updates the variables (those of `build` where None) by their gradients.

        Raises   ValueError: no gradient at all, a variable the optimizer was not built with, other lengths.
        """
        grads = list(grads)
        if trainable_variables is None:
            if not self.built:
                raise ValueError(
                    f"[{self.name}.apply] trainable_variables is None, expected them at the first step"
                )
            trainable_variables = self._variables
        variables = list(trainable_variables)
        if not grads and not variables:
            return
        if len(grads) != len(variables):
            raise ValueError(
                f"[{self.name}.apply] got {len(grads)} gradients, expected {len(variables)}, one per variable"
            )
        self.build(variables)
        if any(g is None for g in grads):
            grads, variables = self._without_empty(grads, variables)
        if self._schedule is not None:
            recording.each_step(self._follow_schedule)
        groups = self._grouped(variables)
        scale = None if self.loss_scale_factor is None else 1.0 / self.loss_scale_factor
        arrays = [_whole(raw("apply", "gradient", g)) for g in grads]
        if self.global_clipnorm and len(groups) > 1:
            arrays, scale = _clipped_together(arrays, scale, float(self.global_clipnorm)), None
        ops.add(self.iterations.array, 1, out=self.iterations.array)
        for positions, decay, options in groups:
            self._update(
                [variables[i].array for i in positions],
                [arrays[i] for i in positions],
                weight_decay=decay,
                gradient_scale=scale,
                **options,
            )
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(Tensor(variable.array)))

    def _without_empty(self, grads, variables):
        kept = [(g, v) for g, v in zip(grads, variables, strict=True) if g is not None]
        if not kept:
            raise ValueError(
                f"[{self.name}.apply] no variable has a gradient, expected the loss to depend on one"
            )
        missing = [v.path for g, v in zip(grads, variables, strict=True) if g is None]
        warnings.warn(
            f"Gradients do not exist for variables {missing} when minimizing the loss.", stacklevel=4
        )
        return [g for g, _ in kept], [v for _, v in kept]

    def _grouped(self, variables) -> list:
        """Variables that one operation updates: alike in dtype, and all with or all without weight decay."""
        key = tuple(map(id, variables))
        if key == self._groups_for:
            return self._groups
        groups: dict = {}
        for position, variable in enumerate(variables):
            if id(variable) not in self._index:
                raise ValueError(
                    f"[{self.name}.apply] {variable.path} is unknown, expected the variables of the first "
                    "step; "
                    "make a new optimizer for others"
                )
            groups.setdefault((variable.dtype, self._decays(variable)), []).append(position)
        limits = {"clip_value": self.clipvalue or 0.0, "clip_norm": self.clipnorm or 0.0}
        if self.global_clipnorm and len(groups) == 1:
            limits["global_clip_norm"] = float(self.global_clipnorm)
        self._groups = []
        for (_, decays), positions in groups.items():
            rows = [self._index[id(variables[i])] for i in positions]
            state = {name: [row[i].array for i in rows] for name, row in self._state.items()}
            self._groups.append(
                (positions, float(self.weight_decay) if decays else 0.0, {**limits, "state": state})
            )
        self._groups_for = key
        return self._groups

    def _update(self, params, grads, *, state, weight_decay, **options):
        """Calls the operation that updates `params` in place. `state` holds the lists named in
        `state_groups`.
        """
        raise NotImplementedError(f"[{type(self).__name__}] _update is not defined")

    def _rate_for(self, params):
        """The learning rate as a one-element array of the parameters' dtype."""
        rate = self._rate.array
        return rate if rate.dtype == params[0].dtype else ops.cast(rate, params[0].dtype)

    # ---- configuration

    def get_config(self) -> dict:
        """Arguments that make such an optimizer again."""
        rate = (
            float(self._rate)
            if self._schedule is None
            else serialization.serialize_keras_object(self._schedule)
        )
        values = {
            "name": self.name,
            "learning_rate": rate,
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "global_clipnorm": self.global_clipnorm,
            "clipvalue": self.clipvalue,
            "loss_scale_factor": self.loss_scale_factor,
        }
        return {**values, **{field: getattr(self, field) for field in self.config_fields}}

    @classmethod
    def from_config(cls, values: dict):
        """The optimizer that `get_config` described."""
        values = dict(values)
        if isinstance(values.get("learning_rate"), dict):
            values["learning_rate"] = serialization.deserialize_keras_object(values["learning_rate"])
        return cls(**values)


def _whole(gradient):
    """The gradient without gaps or repeated elements; those of reductions are views with strides of 0."""
    return gradient if gradient.flags.c_contiguous else ops.copy(gradient)


def _clipped_together(arrays, scale, limit: float) -> list:
    """Gradients scaled so that the norm over all is at most `limit`, where several groups share them."""
    if scale is not None:
        arrays = [ops.multiply(a, scale) for a in arrays]
    norm = ops.reshape(ops.global_norm(arrays), ())
    factor = ops.divide(limit, ops.maximum(norm, limit))
    return [ops.multiply(a, ops.cast(factor, a.dtype)) for a in arrays]
