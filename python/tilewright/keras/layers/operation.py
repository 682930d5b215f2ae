# SPDX-License-Identifier: Apache-2.0
"""Operations as nodes of functional models: what `x + 1` or `operation("Mean", x, axis=1)` give for a
KerasTensor. Names and arguments are those of Keras's classes, so that models that hold them are exchanged.
"""

from __future__ import annotations

import inspect

from tilewright.keras import registration
from tilewright.keras.graph import KerasTensor
from tilewright.keras.layers.layer import Layer
from tilewright.keras.operations import NODES
from tilewright.keras.operations.declared import Node


class Operation(Layer):
    """A function of Tensors without weights, by class one of `NODES`. Models do not count it as a layer.

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

    def call(self, *args, **kwargs):
        return type(self).function(*args, **kwargs, **self._given)

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {"name": self.name, **self._given}


def _class_of(node: Node) -> type:
    """The class of a node's operations, findable when configurations are read."""
    arguments = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in (*node.options, "name")]
    members = {
        "function": staticmethod(node.call),
        "options": node.options,
        "__signature__": inspect.Signature(arguments),
        "__doc__": node.function.__doc__,
    }
    cls = type(node.class_name, (Operation,), members)
    registration.exported(node.module, (cls,))
    return cls


OPERATIONS = {node.class_name: _class_of(node) for node in NODES.values()}


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
