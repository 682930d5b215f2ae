# SPDX-License-Identifier: Apache-2.0
"""Constraints: what weights are brought back to after each update."""

from __future__ import annotations

from tilewright import ops
from tilewright.keras import config, serialization
from tilewright.suggestion import NamedArguments, missing


class Constraint(NamedArguments):
    """Base: called with a Tensor, gives the Tensor that takes its place."""

    def __call__(self, w):
        raise NotImplementedError(f"[{type(self).__name__}] __call__(w) is not defined")

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, values: dict):
        return cls(**values)


def _norms(w, axis):
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


def _rescaled(w, norms, wanted):
    return ops.multiply(w, ops.divide(wanted, ops.add(norms, config.epsilon())))


class MaxNorm(Constraint):
    """Norms along `axis` are at most `max_value`."""

    def __init__(self, max_value=2, axis=0):
        self.max_value, self.axis = max_value, axis

    def __call__(self, w):
        norms = _norms(w, self.axis)
        return _rescaled(w, norms, ops.clip(norms, 0.0, float(self.max_value)))

    def get_config(self):
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """No element is negative."""

    def __call__(self, w):
        return ops.maximum(w, 0.0)


class UnitNorm(Constraint):
    """Norms along `axis` are 1."""

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return ops.divide(w, ops.add(_norms(w, self.axis), config.epsilon()))

    def get_config(self):
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Norms along `axis` move, by the share `rate`, into [min_value, max_value]."""

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w):
        norms = _norms(w, self.axis)
        inside = ops.clip(norms, float(self.min_value), float(self.max_value))
        wanted = ops.add(ops.multiply(inside, float(self.rate)), ops.multiply(norms, 1.0 - self.rate))
        return _rescaled(w, norms, wanted)

    def get_config(self):
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


_CLASSES = (MaxNorm, MinMaxNorm, NonNeg, UnitNorm)
_TABLE = {
    **{cls.__name__: cls for cls in _CLASSES},
    "max_norm": MaxNorm,
    "min_max_norm": MinMaxNorm,
    "non_neg": NonNeg,
    "unit_norm": UnitNorm,
}
serialization.exported("keras.constraints", _CLASSES)
max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm


def get(identifier):
    """The constraint a name, configuration, class or callable stands for."""
    return serialization.get("constraint", identifier, _TABLE)


serialize = serialization.serialize_keras_object
deserialize = serialization.deserialize_keras_object

__getattr__ = missing(__name__)
