# SPDX-License-Identifier: Apache-2.0
"""Operations as nodes of functional models: what `x + 1` or `operation("Mean", x, axis=1)` give for a
KerasTensor. Names and arguments are those of Keras's classes, so that models that hold them are exchanged.
"""

from __future__ import annotations

from tilewright import ops
from tilewright.keras import registration
from tilewright.keras.graph import KerasTensor
from tilewright.keras.layers import operation_functions
from tilewright.keras.layers.layer import Layer


class Operation(Layer):
    """A function of Tensors without weights, by class one of `_FUNCTIONS`. Models do not count it as a layer.

    Parameters   those named in `options` (axis, keepdims ...);  name
    """

    function = None
    options: tuple[str, ...] = ()

    def __init__(self, *args, name=None, **kwargs):
        super().__init__(name=name, autocast=False)
        if len(args) > len(self.options):
            raise TypeError(
                f"[{type(self).__name__}] got {len(args)} arguments, expected at most {len(self.options)}"
            )
        given = {**dict(zip(self.options, args, strict=False)), **kwargs}
        unknown = [key for key in given if key not in self.options]
        if unknown:
            raise registration.unknown(f"{type(self).__name__}, argument", unknown[0], self.options)
        self._given = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
        self.built = True

    def call(self, *args):
        return type(self).function(*args, **self._given)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {"name": self.name, **self._given}


def _getitem(x, key):
    return x[tuple(key) if isinstance(key, list) else key]


def _reshape(x, newshape):
    return ops.reshape(x, newshape)


def _concatenate(xs, axis=0):
    return ops.concat(xs, axis=axis)


def _clip(x, x_min, x_max):
    return ops.clip(x, x_min, x_max)


def _extreme(function):
    def reduce(x, axis=None, keepdims=False, initial=None):
        if initial is not None:
            raise ValueError(f"[{function.__name__}] initial is {initial}, expected None")
        return function(x, axis=axis, keepdims=keepdims)

    return reduce


def _gelu(x, approximate=True):
    return ops.gelu_tanh(x) if approximate else ops.gelu(x)


_NUMPY, _NN, _CORE = "keras.src.ops.numpy", "keras.src.ops.nn", "keras.src.ops.core"
_AXES = ("axis", "keepdims")
# Keras's class: its module, the function, and the arguments that its constructor takes.
_FUNCTIONS = {
    "Absolute": (_NUMPY, ops.abs, ()),
    "Add": (_NUMPY, ops.add, ()),
    "All": (_NUMPY, ops.all, _AXES),
    "Any": (_NUMPY, ops.any, _AXES),
    "Cast": (_CORE, ops.cast, ("dtype",)),
    "Clip": (_NUMPY, _clip, ("x_min", "x_max")),
    "Concatenate": (_NUMPY, _concatenate, ("axis",)),
    "Divide": (_NUMPY, ops.divide, ()),
    "Equal": (_NUMPY, ops.equal, ()),
    "Exp": (_NUMPY, ops.exp, ()),
    "ExpandDims": (_NUMPY, ops.expand_dims, ("axis",)),
    "Gelu": (_NN, _gelu, ("approximate",)),
    "GetItem": (_NUMPY, _getitem, ()),
    "Greater": (_NUMPY, ops.greater, ()),
    "GreaterEqual": (_NUMPY, ops.greater_equal, ()),
    "Less": (_NUMPY, ops.less, ()),
    "LessEqual": (_NUMPY, ops.less_equal, ()),
    "Log": (_NUMPY, ops.log, ()),
    "LogSoftmax": (_NN, ops.log_softmax, ("axis",)),
    "LogicalAnd": (_NUMPY, ops.logical_and, ()),
    "LogicalNot": (_NUMPY, ops.logical_not, ()),
    "LogicalOr": (_NUMPY, ops.logical_or, ()),
    "Matmul": (_NUMPY, ops.matmul, ()),
    "Max": (_NUMPY, _extreme(ops.max), (*_AXES, "initial")),
    "Maximum": (_NUMPY, ops.maximum, ()),
    "Mean": (_NUMPY, ops.mean, _AXES),
    "Min": (_NUMPY, _extreme(ops.min), (*_AXES, "initial")),
    "Minimum": (_NUMPY, ops.minimum, ()),
    "Multiply": (_NUMPY, ops.multiply, ()),
    "Negative": (_NUMPY, ops.negative, ()),
    "NotEqual": (_NUMPY, ops.not_equal, ()),
    "Power": (_NUMPY, ops.power, ()),
    "Relu": (_NN, ops.relu, ()),
    "Reshape": (_NUMPY, _reshape, ("newshape",)),
    "Sigmoid": (_NN, ops.sigmoid, ()),
    "Silu": (_NN, ops.silu, ()),
    "Softmax": (_NN, ops.softmax, ("axis",)),
    "Softplus": (_NN, ops.softplus, ()),
    "Sqrt": (_NUMPY, ops.sqrt, ()),
    "Square": (_NUMPY, ops.square, ()),
    "Squeeze": (_NUMPY, ops.squeeze, ("axis",)),
    "Stack": (_NUMPY, ops.stack, ("axis",)),
    "Subtract": (_NUMPY, ops.subtract, ()),
    "Sum": (_NUMPY, ops.sum, _AXES),
    "Tanh": (_NUMPY, ops.tanh, ()),
    "Transpose": (_NUMPY, ops.transpose, ("axes",)),
    "TrueDivide": (_NUMPY, ops.divide, ()),
    "Where": (_NUMPY, ops.where, ()),
}
_MORE = (operation_functions.ONE, operation_functions.TWO, operation_functions.ANY_NUMBER)
_FUNCTIONS.update({name: rest for table in _MORE for name, *rest in table.values()})
OPERATIONS = {
    name: type(name, (Operation,), {"function": staticmethod(function), "options": options, "__doc__": name})
    for name, (_, function, options) in _FUNCTIONS.items()
}
for _name, (_module, _, _) in _FUNCTIONS.items():
    registration.exported(_module, (OPERATIONS[_name],))


def operation(name: str, *args, **options):
    """The KerasTensor that an operation of `OPERATIONS` gives for args that hold KerasTensors."""
    return OPERATIONS[name](**options)(*args)


def _left(name):
    return lambda self, other: operation(name, self, other)


def _right(name):
    return lambda self, other: operation(name, other, self)


for _method, _name in (
    ("add", "Add"),
    ("sub", "Subtract"),
    ("mul", "Multiply"),
    ("truediv", "TrueDivide"),
    ("pow", "Power"),
    ("matmul", "Matmul"),
):
    setattr(KerasTensor, f"__{_method}__", _left(_name))
    setattr(KerasTensor, f"__r{_method}__", _right(_name))
for _method, _name in (("lt", "Less"), ("le", "LessEqual"), ("gt", "Greater"), ("ge", "GreaterEqual")):
    setattr(KerasTensor, f"__{_method}__", _left(_name))
KerasTensor.__getitem__ = _left("GetItem")
KerasTensor.__neg__ = lambda self: operation("Negative", self)
KerasTensor.__abs__ = lambda self: operation("Absolute", self)
# NumPy arrays on the left leave the operators to the KerasTensor on the right.
KerasTensor.__array_ufunc__ = None
