# SPDX-License-Identifier: Apache-2.0
"""Learning rates that follow the step count. Called with a step (a number, or an array of many) they give a
Tensor, by operations on it alone: a recorded training step computes its rate itself when replayed.
"""

from __future__ import annotations

import math

import numpy as np

from tilewright import backend, ops
from tilewright.autograd import Tensor, raw
from tilewright.keras import config, serialization
from tilewright.suggestion import NamedArguments, missing


class LearningRateSchedule(NamedArguments):
    """Base: called with the number of steps taken, gives the rate of the next one as a number or a Tensor.

    A schedule of one's own is asked by Python before each step, recorded or not.
    """

    config_fields: tuple[str, ...] = ()

    def __call__(self, step):
        raise NotImplementedError(f"[{type(self).__name__}] __call__(step) is not defined")

    def get_config(self) -> dict:
        return {field: getattr(self, field) for field in self.config_fields}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


class ScheduleByOperations(LearningRateSchedule):
    """A schedule within the recorded step: operations alone, in float64; gives the layers' float dtype."""

    def __call__(self, step):
        steps = (
            Tensor(backend.on_device(np.asarray(step)))
            if isinstance(step, (int, float, list))
            else Tensor(raw("schedule", "step", step))
        )
        return ops.cast(self.rate(ops.cast(steps, "float64")), config.floatx())

    def rate(self, step):
        """The rate at a float64 Tensor of steps."""
        raise NotImplementedError


def _positive_steps(schedule, decay_steps, argument="decay_steps") -> None:
    if decay_steps <= 0:
        raise ValueError(f"[{type(schedule).__name__}] {argument} is {decay_steps}, expected more than 0")


def _power(base: float, exponent):
    """base^exponent for a number and a Tensor."""
    return ops.power(ops.full_like(exponent, float(base)), exponent)


class ExponentialDecay(ScheduleByOperations):
    """initial * decay_rate^(step / decay_steps), in whole powers if `staircase`."""

    config_fields = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"
    ):
        _positive_steps(self, decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.decay_rate, self.staircase, self.name = decay_rate, staircase, name

    def _periods(self, step):
        periods = step / float(self.decay_steps)
        return ops.floor(periods) if self.staircase else periods

    def rate(self, step):
        return _power(self.decay_rate, self._periods(step)) * float(self.initial_learning_rate)


class InverseTimeDecay(ExponentialDecay):
    """initial / (1 + decay_rate * step / decay_steps), in whole steps if `staircase`."""

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def rate(self, step):
        return float(self.initial_learning_rate) / (self._periods(step) * float(self.decay_rate) + 1.0)


class PiecewiseConstantDecay(ScheduleByOperations):
    """values[i] up to and including step boundaries[i], the last value after them all."""

    config_fields = ("boundaries", "values", "name")

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"[PiecewiseConstantDecay] boundaries has {len(boundaries)} entries, expected "
                f"{len(values) - 1}, one less than values"
            )
        self.boundaries, self.values, self.name = list(boundaries), list(values), name

    def rate(self, step):
        found = ops.full_like(step, float(self.values[0]))
        for boundary, value in zip(self.boundaries, self.values[1:], strict=True):
            found = ops.where(step > float(boundary), float(value), found)
        return found


class PolynomialDecay(ScheduleByOperations):
    """From initial to end by (1 - step / decay_steps)^power; longer and longer periods if `cycle`."""

    config_fields = ("initial_learning_rate", "decay_steps", "end_learning_rate", "power", "cycle", "name")

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        _positive_steps(self, decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.end_learning_rate, self.power, self.cycle, self.name = end_learning_rate, power, cycle, name

    def rate(self, step):
        length = float(self.decay_steps)
        if self.cycle:
            share = step / (ops.maximum(ops.ceil(step / length), 1.0) * length)
        else:
            share = ops.minimum(step, length) / length
        fall = float(self.initial_learning_rate) - float(self.end_learning_rate)
        return ops.power(1.0 - share, float(self.power)) * fall + float(self.end_learning_rate)


def _half_cosine(share):
    """From 1 at share 0 to 0 at share 1."""
    return (ops.cos(share * math.pi) + 1.0) * 0.5


class CosineDecay(ScheduleByOperations):
    """Half a cosine from the rate down to alpha times it, after a straight warm-up where one is asked for.

    Notes   Loshchilov & Hutter, "SGDR", arXiv:1608.03983; Goyal et al., arXiv:1706.02677 (warm-up).
    """

    config_fields = ("initial_learning_rate", "decay_steps", "alpha", "name", "warmup_target", "warmup_steps")

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        alpha=0.0,
        name="CosineDecay",
        warmup_target=None,
        warmup_steps=0,
    ):
        _positive_steps(self, decay_steps)
        self.initial_learning_rate, self.decay_steps = initial_learning_rate, decay_steps
        self.alpha, self.name = alpha, name
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def rate(self, step):
        first = float(self.initial_learning_rate)
        if self.warmup_target is None:
            return self._decayed(step, first)
        top, warmup = float(self.warmup_target), float(self.warmup_steps)
        decayed = self._decayed(step - warmup, top)
        if not warmup:
            return decayed
        return ops.where(step < warmup, step * ((top - first) / warmup) + first, decayed)

    def _decayed(self, step, top: float):
        share = ops.minimum(step, float(self.decay_steps)) / float(self.decay_steps)
        return (_half_cosine(share) * (1.0 - self.alpha) + float(self.alpha)) * top


class CosineDecayRestarts(ScheduleByOperations):
    """Cosine decays one after the other, each t_mul times as long and from m_mul times as high."""

    config_fields = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(
        self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"
    ):
        _positive_steps(self, first_decay_steps, "first_decay_steps")
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def rate(self, step):
        time, factor = step / float(self.first_decay_steps), float(self.t_mul)
        if factor == 1:
            restarts = ops.floor(time)
            share = time - restarts
        else:
            # A logarithm just below a whole number at the very step of a restart counts as that number.
            restarts = ops.floor(ops.log(1.0 - time * (1.0 - factor)) * (1.0 / math.log(factor)) + 1e-12)
            length = _power(factor, restarts)
            share = (time - (1.0 - length) * (1.0 / (1.0 - factor))) / length
        cosine = _half_cosine(share) * _power(self.m_mul, restarts)
        return (cosine * (1.0 - self.alpha) + float(self.alpha)) * float(self.initial_learning_rate)


CLASSES = (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

serialize = serialization.serialize_keras_object
deserialize = serialization.deserialize_keras_object

__getattr__ = missing(__name__)
