# SPDX-License-Identifier: Apache-2.0
"""Metric: a value gathered over batches. Its state lives in variables and is read only when shown."""

from __future__ import annotations

import numpy as np

from tilewright import backend, ops
from tilewright.autograd import Tensor, raw
from tilewright.keras import config, initializers, naming, serialization
from tilewright.keras.annotated import mask_of
from tilewright.keras.losses.functions import same_rank
from tilewright.suggestion import NamedArguments
from tilewright.variable import Variable


class Metric(NamedArguments):
    """Base: define `update_state`, `result`, and make the state with `add_variable`."""

    config_fields: tuple[str, ...] = ()
    # Where values are better, for callbacks that watch them: "up", "down" or None.
    _direction: str | None = None

    def __init__(self, dtype=None, name=None):
        self.name = name or naming.auto_name(type(self))
        self.dtype = str(dtype or config.floatx())
        self._state: list[Variable] = []

    def add_variable(
        self, shape=(), initializer="zeros", dtype=None, name="variable", aggregation=None
    ) -> Variable:
        """A piece of state; `reset_state` sets all to zero."""
        value = initializers.get(initializer)(tuple(shape), dtype=dtype or self.dtype)
        variable = Variable(value, False, name, path=f"{self.name}/{name}")
        self._state.append(variable)
        return variable

    @naming.name_may_come_first
    def add_weight(self, shape=(), initializer="zeros", dtype=None, name="variable") -> Variable:
        """`add_variable` by Keras 2's name."""
        return self.add_variable(shape, initializer, dtype, name)

    @property
    def variables(self) -> list[Variable]:
        """The state, of metrics that are attributes too."""
        inner = [v for v in self.__dict__.values() if isinstance(v, Metric)]
        return [*self._state, *(v for metric in inner for v in metric.variables)]

    def reset_state(self) -> None:
        """Starts over."""
        for variable in self.variables:
            ops.fill(variable.array, 0)

    def reset_states(self) -> None:
        """`reset_state` by Keras 2's name."""
        self.reset_state()

    def update_state(self, *args, **kwargs):
        raise NotImplementedError(f"[{self.name}] update_state is not defined")

    def result(self):
        raise NotImplementedError(f"[{self.name}] result is not defined")

    def __call__(self, *args, **kwargs):
        """Updates and gives the result so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def get_config(self) -> dict:
        fields = {f: serialization.serialize_keras_object(getattr(self, f)) for f in self.config_fields}
        return {"name": self.name, "dtype": self.dtype, **fields}

    @classmethod
    def from_config(cls, values: dict):
        return cls(**values)

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


def _array(argument: str, x, dtype):
    """Values as an array of the metric's dtype, outside any tape."""
    if isinstance(x, (bool, int, float, list, tuple)):
        return backend.on_device(np.asarray(x, dtype))
    return ops.cast(backend.on_device(raw("metric", argument, x)), dtype)


def ratio(a, b):
    """a / b, 0 where b is 0."""
    none = ops.equal(b, 0.0)
    return ops.where(none, 0.0, ops.divide(a, ops.where(none, 1.0, b)))


class Sum(Metric):
    """The weighted sum of values."""

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(name="total")

    def update_state(self, values, sample_weight=None):
        values, _ = _samplewise(_array("values", values, self.dtype), sample_weight, self.dtype, ops.sum)
        ops.add(self.total.array, ops.sum(values), out=self.total.array)

    def result(self):
        return Tensor(ops.copy(self.total.array))


class Mean(Metric):
    """The weighted mean of values."""

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def update_state(self, values, sample_weight=None):
        values = _array("values", values, self.dtype)
        total, count = self.total.array, self.count.array
        if values.ndim == 0 and isinstance(sample_weight, (int, float)):
            values, number = ops.multiply(values, float(sample_weight)), float(sample_weight)
        else:
            values, weight = _samplewise(values, sample_weight, self.dtype, ops.mean)
            number = float(values.shape[0] if values.ndim else 1) if weight is None else ops.sum(weight)
            values = ops.sum(values) if values.ndim else values
        ops.add(total, values, out=total)
        ops.add(count, number, out=count)

    def result(self):
        return Tensor(ratio(self.total.array, self.count.array))


def _samplewise(values, sample_weight, dtype, reduce):
    """A weighted value and a weight per sample: axes after the first (or without weights) are reduced."""
    weight = None
    if sample_weight is not None:
        weight = _array("sample_weight", sample_weight, dtype)
        values, weight = same_rank(values, weight)
        if values.ndim > weight.ndim:
            values = reduce(values, axis=tuple(range(weight.ndim, values.ndim)))
        weight = ops.copy(ops.broadcast_to(weight, values.shape))
        values = ops.multiply(values, weight)
        if weight.ndim > 1:
            weight = reduce(weight, axis=tuple(range(1, weight.ndim)))
    if values.ndim > 1:
        values = reduce(values, axis=tuple(range(1, values.ndim)))
    return values, weight


class MeanMetricWrapper(Mean):
    """The mean of a function of (y_true, y_pred)."""

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name or getattr(fn, "__name__", None), dtype=dtype)
        self.fn, self._arguments = fn, kwargs

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = mask_of(y_pred)
        values = self.fn(y_true, y_pred, **self._arguments)
        if mask is not None:
            mask = _array("mask", mask, self.dtype)
            if sample_weight is None:
                sample_weight = mask
            else:
                mask, weight = same_rank(mask, _array("sample_weight", sample_weight, self.dtype))
                sample_weight = ops.multiply(mask, weight)
        super().update_state(values, sample_weight)

    def get_config(self):
        values = {"name": self.name, "dtype": self.dtype, **self._arguments}
        if type(self) is MeanMetricWrapper:
            values["fn"] = serialization.serialize_keras_object(self.fn)
        return values
