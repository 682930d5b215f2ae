# SPDX-License-Identifier: Apache-2.0
"""Regularizers: what weights add to the loss."""

from __future__ import annotations

import math

from tilewright import ops
from tilewright.keras import serialization
from tilewright.suggestion import NamedArguments, missing


class Regularizer(NamedArguments):
    """Base: called with a Tensor, gives a scalar Tensor that is added to the loss."""

    def __call__(self, x):
        raise NotImplementedError(f"[{type(self).__name__}] __call__(x) is not defined")

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


def _factor(name: str, argument: str, value) -> float:
    value = 0.0 if value is None else float(value)
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"[{name}] {argument} is {value}, expected a finite number of at least 0")
    return value


class L1L2(Regularizer):
    """l1 * sum(abs(x)) + l2 * sum(x^2)"""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1, self.l2 = _factor("L1L2", "l1", l1), _factor("L1L2", "l2", l2)

    def __call__(self, x):
        loss = None
        for factor, size in ((self.l1, ops.abs), (self.l2, ops.square)):
            if factor:
                term = ops.multiply(ops.sum(size(x)), factor)
                loss = term if loss is None else ops.add(loss, term)
        return ops.multiply(ops.sum(x), 0.0) if loss is None else loss

    def get_config(self):
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """l1 * sum(abs(x))"""

    def __init__(self, l1=0.01):
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self):
        return {"l1": self.l1}


class L2(L1L2):
    """l2 * sum(x^2)"""

    def __init__(self, l2=0.01):
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self):
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """factor * the mean of abs(cosine) between different rows (or columns) of a matrix"""

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = _factor("OrthogonalRegularizer", "factor", factor)
        if mode not in ("rows", "columns"):
            raise ValueError(f"[OrthogonalRegularizer] mode is {mode!r}, expected 'rows' or 'columns'")
        self.mode = mode

    def __call__(self, x):
        if len(x.shape) != 2:
            raise ValueError(f"[OrthogonalRegularizer] x has shape {x.shape}, expected 2 dimensions")
        axis = 1 if self.mode == "rows" else 0
        squares = ops.sum(ops.square(x), axis=axis, keepdims=True)
        unit = ops.multiply(x, ops.rsqrt(ops.maximum(squares, 1e-12)))
        turned = ops.transpose(unit, (1, 0))
        product = ops.matmul(unit, turned) if self.mode == "rows" else ops.matmul(turned, unit)
        # All but the diagonal, which is what lies above it twice.
        above = ops.sum(ops.abs(ops.triu(product, k=1)))
        size = product.shape[0]
        return ops.multiply(above, 2.0 * self.factor / (size * (size - 1.0)) if size > 1 else 0.0)

    def get_config(self):
        return {"factor": self.factor, "mode": self.mode}


_CLASSES = (Regularizer, L1, L2, L1L2, OrthogonalRegularizer)
_TABLE = {
    **{cls.__name__: cls for cls in _CLASSES[1:]},
    "l1": L1,
    "l2": L2,
    "l1_l2": L1L2,
    "l1l2": L1L2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}
serialization.exported("keras.regularizers", _CLASSES[1:])
l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer


def get(identifier):
    """The regularizer a name, configuration, class or callable stands for."""
    return serialization.get("regularizer", identifier, _TABLE)


serialize = serialization.serialize_keras_object
deserialize = serialization.deserialize_keras_object

__getattr__ = missing(__name__)
