# SPDX-License-Identifier: Apache-2.0
"""What reverse-mode differentiation works on: Tensor (a handle: array and node), the noting of operations.

This module knows no operation. An operation computes on raw arrays and hands its result to `result`, together
with a function that gives the gradients of its inputs; that function is itself written in operations on
Tensors, so gradients differentiate again. An operation is noted only while a GradientTape is open and only if
one of its inputs is tracked. (Griewank & Walther, "Evaluating Derivatives", 2008, chapter 3.)
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import numpy as np

from tilewright import backend, text_values
from tilewright.tensor_shape import TensorShape

ndarray = np.ndarray
_order = itertools.count(1)
_thread = threading.local()


def next_order() -> int:
    """A number above all those that nodes have so far."""
    return next(_order)


def open_tapes() -> list:
    """The GradientTapes open in this thread, the innermost last."""
    try:
        return _thread.tapes
    except AttributeError:
        _thread.tapes = []
        return _thread.tapes


_read_watcher: Callable | None = None


def watch_reads(watcher: Callable | None) -> None:
    """`watcher(how)` is called whenever Python reads the values of a Tensor."""
    global _read_watcher
    _read_watcher = watcher


def _read(how: str) -> None:
    if _read_watcher is not None:
        _read_watcher(how)


class Node:
    """One noted operation, or a leaf (order 0). `inputs` holds (node, output index) pairs, or None per input.

    `tapes` counts those that noted it and have not given their gradients yet: the last one drops what was
    saved. `gates` says of a rectifier that what flows back through it is cut to zero wherever its output is
    zero; `uses` counts what flows back to it in a pass."""

    __slots__ = ("order", "inputs", "gradient", "outputs", "leaf", "tapes", "gates", "uses")

    def __init__(self, order=0, inputs=(), gradient=None, outputs=(), leaf=None, tapes=0):
        self.order, self.inputs, self.gradient = order, inputs, gradient
        self.outputs, self.leaf, self.tapes = outputs, leaf, tapes
        self.gates, self.uses = False, 0

    def let_outputs_go(self) -> None:
        """For the one operation behind a rectifier that has cut the gradient: nobody reads them any more."""
        if self.uses == 1 and self.tapes == 1:
            self.outputs = (None,) * len(self.outputs)


class Tensor:
    """A NumPy or CuPy array that operations can be traced through. Owns no storage of its own.

    Parameters
        array : numpy.ndarray or cupy.ndarray, shared, not copied
    """

    # `gated` marks a gradient that was cut to zero already where the rectifier it flows to has given zero.
    __slots__ = ("array", "node", "index", "gated", "__weakref__")
    __array_priority__ = 1000  # ndarray + Tensor asks the Tensor

    def __init__(self, array, node: Node | None = None, index: int = 0):
        if type(array) is not ndarray:
            array = array.array if isinstance(array, Tensor) else backend.array("Tensor", "array", array)
        self.array, self.node, self.index, self.gated = array, node, index, False

    shape = property(lambda self: TensorShape(self.array.shape), doc="tuple of int")
    dtype = property(lambda self: self.array.dtype, doc="numpy.dtype")
    ndim = property(lambda self: self.array.ndim, doc="number of axes")
    size = property(lambda self: self.array.size, doc="number of elements")

    def numpy(self) -> np.ndarray | np.generic:
        """The values as a NumPy array: the same memory on the CPU, a copy from the GPU. A single value of no
        dimension comes as a NumPy scalar; texts come as str that `decode()` leaves as they are."""
        _read(".numpy()")
        values = backend.to_host(self.array)
        if values.dtype.kind in "UO":
            values = text_values.decodable(values)
        return values if values.ndim else values[()]

    def __array__(self, dtype=None, copy=None):
        _read("__array__")
        return np.array(backend.to_host(self.array), dtype=dtype, copy=copy)

    def set_shape(self, shape) -> None:
        """Says what the shape is, as pipelines of TensorFlow do; None stands for any size.

        Raises    ValueError: it is another
        """
        if not self.shape.is_compatible_with(shape):
            raise ValueError(
                f"[Tensor.set_shape] shape is {tuple(shape)}, expected {self.shape} as the Tensor has"
            )

    def ref(self):
        """The Tensor as a key of a dict, which `==` on Tensors does not allow; `ref().deref()` gives it."""
        return Reference(self)

    def __dlpack__(self, **options):
        _read("__dlpack__")
        return backend.exported(self.array, **options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def item(self):
        """The only element as a Python scalar."""
        _read(".item()")
        return backend.to_host(self.array).item()

    def __float__(self):
        _read("float()")
        return float(backend.to_host(self.array).item())

    def __int__(self):
        _read("int()")
        return int(backend.to_host(self.array).item())

    def __index__(self):
        _read("index()")
        return backend.to_host(self.array).item().__index__()

    def __bool__(self):
        _read("bool()")
        return bool(backend.to_host(self.array))

    def __len__(self):
        return len(self.array)

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("[Tensor] a tensor with no dimensions cannot be iterated over")
        return (self[i] for i in range(len(self)))

    def __hash__(self):
        return id(self)

    def __repr__(self):
        _read("repr()")
        values = backend.to_host(self.array)
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype}, values={values!s})"

    def __format__(self, spec):
        _read("format()")
        values = backend.to_host(self.array)
        return format(values.item() if self.ndim == 0 else values, spec)


class Reference:
    """A Tensor that is equal to itself alone."""

    def __init__(self, tensor: Tensor):
        self._tensor = tensor

    def deref(self) -> Tensor:
        """The Tensor."""
        return self._tensor

    def __hash__(self):
        return id(self._tensor)

    def __eq__(self, other):
        return isinstance(other, Reference) and self._tensor is other._tensor


def raw(operation: str, argument: str, x):
    """The array behind a Tensor, an ndarray, or anything with `__dlpack__`."""
    if type(x) is ndarray:
        return x
    if isinstance(x, Tensor):
        return x.array
    return backend.array(operation, argument, x)


def recording() -> bool:
    """Whether a tape is open in this thread."""
    return bool(open_tapes())


def tracked(x) -> bool:
    """Whether an operation on `x` would be noted by an open tape."""
    return isinstance(x, Tensor) and x.node is not None


def result(y, inputs: tuple, gradient: Callable | None):
    """Wraps what an operation computed as its inputs came: raw arrays, Tensors or foreign arrays.

    Parameters
        y : array, or tuple of arrays for several outputs
        inputs : the arguments that may need a gradient; None and numbers are allowed
        gradient : called as gradient(dy, y, needs) with Tensors; returns one Tensor or None per input, in
            order. With several outputs dy and y are tuples, and an unused output's dy is None. `needs` says
            which inputs want a gradient. None marks a result that has no gradient.
    """
    foreign = None
    for x in inputs:
        if type(x) is ndarray or x is None:
            continue
        if isinstance(x, Tensor):
            return _traced(y, inputs, gradient)
        if foreign is None and hasattr(x, "__dlpack__"):
            foreign = x
    if foreign is None:
        return y
    if isinstance(y, tuple):
        return tuple(backend.as_kind_of(foreign, part) for part in y)
    return backend.as_kind_of(foreign, y)


def _traced(y, inputs, gradient):
    several = isinstance(y, tuple)
    node = None
    if gradient is not None and open_tapes():
        edges = tuple(
            (x.node, x.index) if isinstance(x, Tensor) and x.node is not None else None for x in inputs
        )
        if any(edges):
            node = Node(next(_order), edges, gradient, y if several else (y,), tapes=len(open_tapes()))
    if several:
        return tuple(Tensor(part, node, i) for i, part in enumerate(y))
    return Tensor(y, node)


def stop_gradient(x):
    """`x` as a constant: the same array, no gradient flows through it."""
    return Tensor(x.array) if isinstance(x, Tensor) else x
