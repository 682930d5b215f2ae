# SPDX-License-Identifier: Apache-2.0
"""Learning rates that follow the step count."""

from __future__ import annotations

import math


class LearningRateSchedule:
    """Base: called with the number of steps taken, gives the rate of the next one."""

    config_fields: tuple[str, ...] = ()

    def __call__(self, step):
        raise NotImplementedError(f"[{type(self).__name__}] __call__(step) is not defined")

    def get_config(self) -> dict:
        return {field: getattr(self, field) for field in self.config_fields}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


def _positive_steps(schedule, decay_steps) -> None:
    if decay_steps <= 0:
        raise ValueError(f"[{type(schedule).__name__}] decay_steps is {decay_steps}, expected more than 0")


class ExponentialDecay(LearningRateSchedule):
    """initial * decay_rate^(step / decay_steps), in whole powers if `staircase`."""

    config_fields = ("initial_learning_rate", "decay_steps", "decay_rate", "staircase", "name")

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="ExponentialDecay"
    ):
        _positive_steps(self, decay_steps)
        self.initial_learning_rate, self.decay_steps, self.decay_rate = (
            initial_learning_rate,
            decay_steps,
            decay_rate,
        )
        self.staircase, self.name = staircase, name

    def __call__(self, step):
        power = float(step) / self.decay_steps
        return self.initial_learning_rate * self.decay_rate ** (
            math.floor(power) if self.staircase else power
        )


class InverseTimeDecay(ExponentialDecay):
    """initial / (1 + decay_rate * step / decay_steps), in whole steps if `staircase`."""

    def __init__(
        self, initial_learning_rate, decay_steps, decay_rate, staircase=False, name="InverseTimeDecay"
    ):
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def __call__(self, step):
        time = float(step) / self.decay_steps
        return self.initial_learning_rate / (
            1 + self.decay_rate * (math.floor(time) if self.staircase else time)
        )


class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and including step boundaries[i], the last value after them all."""

    config_fields = ("boundaries", "values", "name")

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"[PiecewiseConstantDecay] boundaries has {len(boundaries)} entries, expected "
                f"{len(values) - 1}, one less than values"
            )
        self.boundaries, self.values, self.name = list(boundaries), list(values), name

    def __call__(self, step):
        return self.values[sum(float(step) > b for b in self.boundaries)]


class PolynomialDecay(LearningRateSchedule):
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

    def __call__(self, step):
        step, length = float(step), self.decay_steps
        if self.cycle:
            length *= max(1, math.ceil(step / length))
        share = min(step, length) / length
        return (self.initial_learning_rate - self.end_learning_rate) * (
            1 - share
        ) ** self.power + self.end_learning_rate


class CosineDecay(LearningRateSchedule):
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
        self.initial_learning_rate, self.decay_steps, self.alpha, self.name = (
            initial_learning_rate,
            decay_steps,
            alpha,
            name,
        )
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps

    def __call__(self, step):
        step, top = float(step), self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            step, top = step - self.warmup_steps, self.warmup_target
        cosine = 0.5 * (1 + math.cos(math.pi * min(step, self.decay_steps) / self.decay_steps))
        return top * ((1 - self.alpha) * cosine + self.alpha)


class CosineDecayRestarts(LearningRateSchedule):
    """Cosine decays one after the other, each t_mul times as long and from m_mul times as high."""

    config_fields = ("initial_learning_rate", "first_decay_steps", "t_mul", "m_mul", "alpha", "name")

    def __init__(
        self, initial_learning_rate, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0, name="SGDRDecay"
    ):
        _positive_steps(self, first_decay_steps)
        self.initial_learning_rate, self.first_decay_steps = initial_learning_rate, first_decay_steps
        self.t_mul, self.m_mul, self.alpha, self.name = t_mul, m_mul, alpha, name

    def __call__(self, step):
        time = float(step) / self.first_decay_steps
        if self.t_mul == 1:
            restarts = math.floor(time)
            share = time - restarts
        else:
            restarts = math.floor(math.log(1 - time * (1 - self.t_mul)) / math.log(self.t_mul) + 1e-12)
            begun = (1 - self.t_mul**restarts) / (1 - self.t_mul)
            share = (time - begun) / self.t_mul**restarts
        cosine = 0.5 * self.m_mul**restarts * (1 + math.cos(math.pi * share))
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)


CLASSES = (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
