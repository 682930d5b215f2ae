# SPDX-License-Identifier: Apache-2.0
"""Optimizer: the base. Holds state for a list of variables and updates all by one operation a step."""

from __future__ import annotations

import re
import warnings
from typing import NamedTuple

from tilewright import ops, recording
from tilewright.autograd import Tensor, raw
from tilewright.keras import naming, serialization
from tilewright.keras.optimizers.by_variable import apply_by_variable, clipped_together
from tilewright.keras.optimizers.schedules import LearningRateSchedule, ScheduleByOperations
from tilewright.keras.optimizers.state import OptimizerState, add_in_place, move_towards, overwrite

_COMMON = (
    "weight_decay",
    "clipnorm",
    "global_clipnorm",
    "clipvalue",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)


class StepKind(NamedTuple):
    """What a step does that others do not: equal kinds run the same operations."""

    updates: bool = True  # False while gradients are only gathered
    overwrites: bool = False  # the averages take the place of the variables


class Optimizer(OptimizerState):
    """Base of optimizers, with Keras's arguments.

    A step reads nothing on the host: step count, learning rate and averages live in arrays, so a recorded
    step may be replayed. Steps run other operations than the step before only with
    `gradient_accumulation_steps` and `ema_overwrite_frequency`: `step_kind`, asked before the step, keeps
    their recordings apart.

    Parameters
        learning_rate : float, LearningRateSchedule, or callable without arguments; `lr` means the same
        weight_decay : decoupled: each step takes learning_rate * weight_decay * variable away
        clipnorm, clipvalue, global_clipnorm : at most one: limits for the L2 norm of each gradient, for
            each element, for the norm of all gradients together
        use_ema : keeps means of the variables, decaying by `ema_momentum`; fit puts them in the variables'
            place at its end, and after every `ema_overwrite_frequency` steps where that is given
        loss_scale_factor : losses are multiplied by it (`scale_loss`) and gradients divided
        gradient_accumulation_steps : variables change every so many steps, by the mean of the gradients
            since; schedules count all steps
        name : first part of the state's paths
    """

    config_fields: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        learning_rate = kwargs.pop("lr", learning_rate)
        if kwargs.pop("decay", None):
            warnings.warn(
                "The argument `decay` has no effect; use a schedule, for example InverseTimeDecay.",
                stacklevel=3,
            )
        who = type(self).__name__
        if kwargs:
            known = ("learning_rate", "lr", *_COMMON, "name", *self.config_fields)
            raise serialization.unknown(f"{who}, argument", next(iter(kwargs)), known)
        _check_limits(who, clipnorm=clipnorm, clipvalue=clipvalue, global_clipnorm=global_clipnorm)
        steps = gradient_accumulation_steps
        if steps and (not isinstance(steps, int) or steps < 2):
            raise ValueError(
                f"[{who}] gradient_accumulation_steps is {steps!r}, expected an int of at least 2"
            )
        every = ema_overwrite_frequency
        if use_ema and not 0 <= ema_momentum <= 1:
            raise ValueError(f"[{who}] ema_momentum is {ema_momentum}, expected 0 to 1")
        if use_ema and every and (not isinstance(every, int) or every < 1):
            raise ValueError(f"[{who}] ema_overwrite_frequency is {every!r}, expected an int of at least 1")
        super().__init__(name or naming.auto_name(type(self)))
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.weight_decay, self.loss_scale_factor = weight_decay, loss_scale_factor
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._schedule = None
        self.learning_rate = learning_rate
        self._undecayed: set[int] = set()
        self._undecayed_names: re.Pattern | None = None
        self._groups_for: tuple = ()
        self._groups: list = []
        self._announced: list[StepKind | None] = [None]

    def __setattr__(self, name, value):
        recording.note_attribute(self, name, value)
        super().__setattr__(name, value)

    # ---- learning rate

    @property
    def learning_rate(self):
        """The rate as a Variable, or what the schedule gives for the steps taken."""
        if self._schedule is None:
            return self._rate
        if isinstance(self._schedule, LearningRateSchedule):
            return self._schedule(Tensor(self._iterations.array))
        return self._schedule()

    @learning_rate.setter
    def learning_rate(self, rate):
        if isinstance(rate, LearningRateSchedule) or (callable(rate) and not isinstance(rate, Tensor)):
            self._schedule, self._rate_is_state = rate, False
            return
        if isinstance(self._schedule, LearningRateSchedule):
            raise TypeError(
                f"[{self.name}] learning_rate cannot be set, expected an optimizer made with a number: "
                "this one follows a schedule"
            )
        self._schedule, self._rate_is_state = None, True
        try:
            self._rate.assign(float(rate))
        except (TypeError, ValueError):
            raise TypeError(
                f"[{self.name}] learning_rate is {rate!r}, expected a number, a LearningRateSchedule or a "
                "function without arguments"
            ) from None

    lr = learning_rate

    @property
    def iterations(self):
        """The number of updates so far."""
        steps = self.gradient_accumulation_steps
        if not steps:
            return self._iterations
        return Tensor(_whole_parts(self._iterations.array, steps))

    def _follow_schedule(self) -> None:
        """Sets the rate of the next step."""
        rate = self.learning_rate
        if not isinstance(rate, (int, float)):
            rate = ops.cast(ops.reshape(raw("optimizer", "learning_rate", rate), ()), self._rate.dtype)
        self._rate.assign(rate)

    # ---- state

    def _common_groups(self):
        averages = (("average",),) if self.use_ema else ()
        return averages + ((("gradient_accumulator",),) if self.gradient_accumulation_steps else ())

    def finalize_variable_values(self, var_list) -> None:
        """Puts the averages of `use_ema` in the place of the variables."""
        self._announced[0] = None
        if self.use_ema and self.built:
            known = [v for v in var_list if id(v) in self._index]
            overwrite(known, [self._state["average"][self._index[id(v)]] for v in known])

    # ---- weight decay

    def exclude_from_weight_decay(self, var_list=None, var_names=None) -> None:
        """Leaves variables, or those named like `var_names`, without decay. Before the first step."""
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

    @property
    def step_kind(self) -> StepKind | None:
        """The kind of the next step, None where all are alike. A training loop that records steps asks before
        each and keeps a recording for each kind; a step being written down then is of the kind that was given
        last.
        """
        if not self.gradient_accumulation_steps and not (self.use_ema and self.ema_overwrite_frequency):
            return None
        count, steps = int(self._iterations), self.gradient_accumulation_steps or 1
        overwrites = False
        if self.use_ema and self.ema_overwrite_frequency:
            overwrites = (count // steps + 1) % self.ema_overwrite_frequency == 0
        self._announced[0] = StepKind((count + 1) % steps == 0, overwrites)
        return self._announced[0]

    def _kind_of_this_step(self) -> StepKind:
        kind = self._announced[0] if recording.active() else None
        kind, self._announced[0] = kind or self.step_kind, None
        return kind or StepKind()

    def scale_loss(self, loss):
        """The loss times `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else ops.multiply(loss, float(self.loss_scale_factor))

    def apply_gradients(self, grads_and_vars):
        """One step, from pairs of gradient and variable. Returns the step count."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

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
            trainable_variables = self._trainable_variables
        variables = list(trainable_variables)
        if not grads and not variables:
            return
        if len(grads) != len(variables):
            raise ValueError(
                f"[{self.name}.apply] got {len(grads)} gradients, expected {len(variables)}, one per variable"
            )
        if not self.built:
            self.build(variables)
        if any(g is None for g in grads):
            grads, variables = self._without_empty(grads, variables)
        kind = self._kind_of_this_step()
        if isinstance(self._schedule, ScheduleByOperations):
            self._follow_schedule()
        elif self._schedule is not None:
            recording.each_step(self._follow_schedule)
        share = self._average_share() if self.use_ema else None
        ops.add(self._iterations.array, 1, out=self._iterations.array)
        self._gather_and_update([_whole(raw("apply", "gradient", g)) for g in grads], variables, kind)
        if self.use_ema:
            move_towards(self._state["average"], self._trainable_variables, share)
            if kind.overwrites:
                overwrite(self._trainable_variables, self._state["average"])
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(Tensor(variable.array)))

    def _gather_and_update(self, arrays, variables, kind: StepKind) -> None:
        """Updates the variables, or adds the gradients to those of the steps before."""
        scale = None if self.loss_scale_factor is None else 1.0 / self.loss_scale_factor
        steps = self.gradient_accumulation_steps
        if steps:
            sums = [self._state["gradient_accumulator"][self._get_variable_index(v)] for v in variables]
            add_in_place(sums, arrays, scale)
            if not kind.updates:
                return
            arrays, scale = [s.array for s in sums], 1.0 / steps
        self._update_variables(arrays, variables, scale)
        if steps:
            for total in self._state["gradient_accumulator"]:
                ops.fill(total.array, 0)

    def _update_variables(self, arrays, variables, scale) -> None:
        if type(self).update_step is not Optimizer.update_step:
            apply_by_variable(self, arrays, variables, scale)
            return
        groups = self._grouped(variables)
        if self.global_clipnorm and len(groups) > 1:
            if scale is not None:
                arrays = [ops.multiply(a, scale) for a in arrays]
            arrays, scale = clipped_together(arrays, self.global_clipnorm), None
        step = self._step_count()
        for positions, decay, options in groups:
            self._update(
                [variables[i].array for i in positions],
                [arrays[i] for i in positions],
                step=step,
                weight_decay=decay,
                gradient_scale=scale,
                **options,
            )

    def _step_count(self):
        """The number of this update, counting from 1, as an array."""
        steps = self.gradient_accumulation_steps
        return self._iterations.array if not steps else _whole_parts(self._iterations.array, steps)

    def _average_share(self):
        """How far the averages move towards the variables: all the way in the first update."""
        begun = ops.greater_equal(self._iterations.array, self.gradient_accumulation_steps or 1)
        return ops.subtract(1.0, ops.multiply(ops.cast(begun, "float64"), float(self.ema_momentum)))

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
            self._get_variable_index(variable)
            groups.setdefault((variable.dtype, self._decays(variable)), []).append(position)
        limits = {"clip_value": self.clipvalue or 0.0, "clip_norm": self.clipnorm or 0.0}
        if self.global_clipnorm and len(groups) == 1:
            limits["global_clip_norm"] = float(self.global_clipnorm)
        names = [name for group in self.state_groups for name in group]
        self._groups = []
        for (_, decays), positions in groups.items():
            rows = [self._index[id(variables[i])] for i in positions]
            state = {name: [self._state[name][i].array for i in rows] for name in names}
            self._groups.append(
                (positions, float(self.weight_decay) if decays else 0.0, {**limits, "state": state})
            )
        self._groups_for = key
        return self._groups

    def _update(self, params, grads, *, state, step, weight_decay, **options):
        """Calls the operation that updates `params` in place. `state` holds the lists named in
        `state_groups`, `step` counts updates from 1.
        """
        raise NotImplementedError(
            f"[{type(self).__name__}] update_step(gradient, variable, learning_rate) is not defined"
        )

    def update_step(self, gradient, variable, learning_rate):
        """For optimizers of one's own: changes `variable` by `gradient`, as in Keras."""
        raise NotImplementedError(f"[{type(self).__name__}] update_step is not defined")

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
        fields = (*_COMMON, *self.config_fields)
        return {"name": self.name, "learning_rate": rate, **{field: getattr(self, field) for field in fields}}

    @classmethod
    def from_config(cls, values: dict, custom_objects: dict | None = None):
        """The optimizer that `get_config` described."""
        values = dict(values)
        if isinstance(values.get("learning_rate"), dict):
            values["learning_rate"] = serialization.deserialize_keras_object(
                values["learning_rate"], custom_objects
            )
        return cls(**values)


def _check_limits(who: str, **limits) -> None:
    if sum(limit is not None for limit in limits.values()) > 1:
        raise ValueError(f"[{who}] got {limits}, expected at most one of them")
    for argument, limit in limits.items():
        if limit is not None and limit < 0:
            raise ValueError(f"[{who}] {argument} is {limit}, expected at least 0")


def _whole(gradient):
    """The gradient without gaps or repeated elements; those of reductions are views with strides of 0."""
    return gradient if gradient.flags.c_contiguous else ops.copy(gradient)


def _whole_parts(count, steps: int):
    """count // steps, for an int64 array."""
    return ops.cast(ops.floor(ops.divide(count, float(steps))), "int64")
