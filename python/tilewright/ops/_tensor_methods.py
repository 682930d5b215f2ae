# SPDX-License-Identifier: Apache-2.0
"""Gives Tensor its operators and methods, and the tape the operations it needs itself."""

from __future__ import annotations

import operator

import numpy as np

from tilewright import backend
from tilewright.autograd import Tensor
from tilewright.gradient_tape import use_operations
from tilewright.ops import elementwise
from tilewright.ops._operands import beside


def _module(name: str):
    """A family's module, found when first used: families import each other in a circle."""
    from importlib import import_module

    return import_module(f"tilewright.ops.{name}")


def _method(family: str, function: str, doc: str):
    def method(self, *args, **kwargs):
        return getattr(_module(family), function)(self, *args, **kwargs)

    method.__name__, method.__doc__ = function, doc
    return method


def _operator(function, reflected: bool = False):
    """An operator whose other side may be a list or an array, which takes the Tensor's dtype (`beside`)."""
    if reflected:
        return lambda self, other: function(beside(self, other), self)
    return lambda self, other: function(self, beside(self, other))


def _comparison(function, of_texts):
    """A comparison, whose sides may be texts: those are compared on the host."""

    def compared(self, other):
        if self.array.dtype.kind in "USO":
            return Tensor(
                np.asarray(of_texts(self.array, other.array if isinstance(other, Tensor) else other))
            )
        return function(self, beside(self, other))

    return compared


def _axis_method(function: str, doc: str):
    """A reduction as NumPy's arrays have it: axis may be given by position.

    `np.max(tensor)` calls the method with arguments of its own; it gets NumPy's result.
    """

    def method(self, axis=None, keepdims=False, **of_numpy):
        if of_numpy:
            return getattr(self.numpy(), function)(axis=axis, keepdims=keepdims, **of_numpy)
        return getattr(_module("reduce"), function)(self, axis=axis, keepdims=keepdims)

    method.__name__, method.__doc__ = function, doc
    return method


def _product(a, b):
    family = _module("matmul")
    return (family.matmul_integers if a.dtype.kind == b.dtype.kind == "i" else family.matmul)(a, b)


def _reshape(self, *shape):
    """The same elements in another shape, given as numbers or one tuple; one size may be -1."""
    return _module("shape").reshape(
        self, shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    )


def _transpose(self, *axes):
    """Axes in another order, given as numbers or one tuple; reversed by default."""
    if len(axes) == 1 and isinstance(axes[0], (tuple, list)):
        axes = tuple(axes[0])
    return _module("shape").transpose(self, axes or None)


def _getitem(self, index):
    return _module("shape").getitem(self, index)


def install() -> None:
    """Sets the operators; called once, when tilewright.ops is imported."""
    binary = {
        "add": elementwise.add,
        "sub": elementwise.subtract,
        "mul": elementwise.multiply,
        "truediv": elementwise.divide,
        "floordiv": elementwise.floor_divide,
        "mod": elementwise.remainder,
        "pow": elementwise.power,
        "and": elementwise.logical_and,
        "or": elementwise.logical_or,
        "xor": elementwise.logical_xor,
    }
    for name, function in binary.items():
        setattr(Tensor, f"__{name}__", _operator(function))
        setattr(Tensor, f"__r{name}__", _operator(function, reflected=True))
    compare = {
        "eq": elementwise.equal,
        "ne": elementwise.not_equal,
        "lt": elementwise.less,
        "le": elementwise.less_equal,
        "gt": elementwise.greater,
        "ge": elementwise.greater_equal,
    }
    for name, function in compare.items():
        setattr(Tensor, f"__{name}__", _comparison(function, getattr(operator, name)))
    Tensor.__matmul__, Tensor.__rmatmul__ = _operator(_product), _operator(_product, reflected=True)
    Tensor.__neg__ = lambda self: elementwise.negative(self)
    Tensor.__pos__ = lambda self: self
    Tensor.__abs__ = lambda self: elementwise.abs(self)
    Tensor.__invert__ = lambda self: elementwise.logical_not(self)
    Tensor.__getitem__ = _getitem
    for name in ("sum", "mean", "max", "min", "prod", "any", "all", "argmax", "argmin"):
        setattr(Tensor, name, _axis_method(name, f"`ops.{name}` of this tensor"))
    Tensor.reshape, Tensor.transpose = _reshape, _transpose
    Tensor.get_shape = lambda self: self.shape
    Tensor.device = property(
        lambda self: backend.device_of(self.array), doc="'/device:CPU:0' or '/device:GPU:0'"
    )
    Tensor.T = property(lambda self: _module("shape").transpose(self), doc="axes reversed")
    Tensor.astype = _method("elementwise", "cast", "in another dtype")
    Tensor.copy = _method("elementwise", "copy", "a copy in C order")
    use_operations(
        add=elementwise.add,
        ones_like=elementwise.ones_like,
        zeros_like=elementwise.zeros_like,
    )
