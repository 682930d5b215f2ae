# SPDX-License-Identifier: Apache-2.0
"""Reverse-mode differentiation: Tensor (a handle: array and node), GradientTape, stop_gradient.

This module knows no operation. An operation computes on raw arrays and hands its result to `result`, together
with a function that gives the gradients of its inputs; that function is itself written in operations on
Tensors, so gradients differentiate again. An operation is noted only while a tape is open and only if one of
its inputs is tracked. (Griewank & Walther, "Evaluating Derivatives", 2008, chapter 3.)
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import numpy as np

from tilewright import backend
from tilewright.tensor_shape import TensorShape

ndarray = np.ndarray
_order = itertools.count(1)
_thread = threading.local()

# Filled by tilewright.ops, which is built on this module.
_ops: dict[str, Callable] = {}


def use_operations(**operations: Callable) -> None:
    """Gives the tape the operations it needs itself: add, ones_like, zeros_like, cast."""
    _ops.update(operations)


def _tapes() -> list[GradientTape]:
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

    `tapes` counts those that noted it and have not given their gradients yet: the last one drops what was saved.
    `gates` says of a rectifier that what flows back through it is cut to zero wherever its output is zero."""

    __slots__ = ("order", "inputs", "gradient", "outputs", "leaf", "tapes", "gates")

    def __init__(self, order=0, inputs=(), gradient=None, outputs=(), leaf=None, tapes=0):
        self.order, self.inputs, self.gradient = order, inputs, gradient
        self.outputs, self.leaf, self.tapes = outputs, leaf, tapes
        self.gates = False


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

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array: the same memory on the CPU, a copy from the GPU."""
        _read(".numpy()")
        return backend.to_host(self.array)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numpy(), dtype=dtype, copy=copy)

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
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype}, values={backend.to_host(self.array)})"

    def __format__(self, spec):
        _read("format()")
        values = backend.to_host(self.array)
        return format(values.item() if self.ndim == 0 else values, spec)


def raw(operation: str, argument: str, x):
    """The array behind a Tensor, an ndarray, or anything with `__dlpack__`."""
    if type(x) is ndarray:
        return x
    if isinstance(x, Tensor):
        return x.array
    return backend.array(operation, argument, x)


def recording() -> bool:
    """Whether a tape is open in this thread."""
    return bool(_tapes())


def tracked(x) -> bool:
    """Whether an operation on `x` would be noted by an open tape."""
    return isinstance(x, Tensor) and x.node is not None


def result(y, inputs: tuple, gradient: Callable | None):
    """Wraps what an operation computed as its inputs came: raw arrays, Tensors or foreign arrays.

    Parameters
        y : array, or tuple of arrays for several outputs
        inputs : the arguments that may need a gradient; None and numbers are allowed
        gradient : called as gradient(dy, y, needs) with Tensors; returns one Tensor or None per input, in order.
            With several outputs dy and y are tuples, and an unused output's dy is None. `needs` says which
            inputs want a gradient. None marks a result that has no gradient.
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
    if gradient is not None and _tapes():
        edges = tuple(
            (x.node, x.index) if isinstance(x, Tensor) and x.node is not None else None for x in inputs
        )
        if any(edges):
            node = Node(next(_order), edges, gradient, y if several else (y,), tapes=len(_tapes()))
    if several:
        return tuple(Tensor(part, node, i) for i, part in enumerate(y))
    return Tensor(y, node)


def stop_gradient(x):
    """`x` as a constant: the same array, no gradient flows through it."""
    return Tensor(x.array) if isinstance(x, Tensor) else x


def own_node(tape: GradientTape, operation: str, argument: str, x) -> Tensor:
    """`x` as a Tensor with a node of its own on `tape`: an array given twice is told apart, outer tapes see through.

    For gradients of gradients, which differentiate by each argument of an operation separately."""
    if tracked(x):
        return result(x.array, (x,), lambda dx, y, needs: (dx,))
    tensor = Tensor(raw(operation, argument, x))
    if tensor.dtype.kind in "fV":
        tape.watch(tensor)
    return tensor


class GradientTape:
    """Records operations on watched Tensors for differentiation, as TensorFlow's tape does.

    Parameters
        persistent : `gradient` may be called more than once
        watch_accessed_variables : trainable variables are watched by themselves

    Examples
        >>> import numpy as np, tilewright as tw
        >>> x = tw.Tensor(np.array([3.0], np.float32))
        >>> with tw.GradientTape() as tape:
        ...     tape.watch(x)
        ...     y = x * x
        >>> tape.gradient(y, x).numpy()
        array([6.], dtype=float32)
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent, self._watch_variables = persistent, watch_accessed_variables
        self._watched: dict[int, Tensor] = {}
        self._start = self._stop = None
        self._used = False

    def __enter__(self):
        if self in _tapes():
            raise RuntimeError("[GradientTape] the tape is open already")
        self._start, self._stop, self._used = self._start or next(_order), None, False
        _tapes().append(self)
        return self

    def __exit__(self, *_):
        _tapes().remove(self)
        self._stop = next(_order)

    def watch(self, tensor) -> None:
        """Tracks `tensor` (or each of a list) from here on. Raises TypeError for what is no float Tensor."""
        for t in tensor if isinstance(tensor, (list, tuple)) else (tensor,):
            if not isinstance(t, Tensor):
                raise TypeError(f"[GradientTape.watch] tensor is a {type(t).__name__}, expected a Tensor")
            if t.dtype.kind not in "fV":
                raise TypeError(f"[GradientTape.watch] tensor has dtype {t.dtype}, expected a float dtype")
            if t.node is None:
                t.node = Node(leaf=t.array.shape)
            self._watched[id(t)] = t

    def watched(self) -> tuple[Tensor, ...]:
        """The Tensors given to `watch`, in order."""
        return tuple(self._watched.values())

    def reset(self) -> None:
        """Forgets everything recorded so far."""
        self._start, self._watched = next(_order), {}

    def stop_recording(self):
        """A context in which this tape records nothing."""
        return _Paused(self)

    def gradient(self, target, sources, output_gradients=None, unconnected_gradients: str = "none"):
        """Gradients of the sum of `target` by each of `sources`.

        Parameters
            target : Tensor, or a list of Tensors whose gradients are added
            sources : Tensor, or a list, tuple or dict of Tensors
            output_gradients : array or list of arrays like `target`; ones where None
            unconnected_gradients : "none" gives None where no path leads to a source, "zero" zeros
        Returns   Tensors nested like `sources`
        Raises    RuntimeError: a second call on a tape that is not persistent.  TypeError: a target or source
                  that is no Tensor.  ValueError: an output gradient of another shape, an unknown mode.
        """
        if self._used and not self._persistent:
            raise RuntimeError(
                "[GradientTape.gradient] a tape that is not persistent gives gradients once; "
                "use GradientTape(persistent=True)"
            )
        if unconnected_gradients not in ("none", "zero"):
            raise ValueError(
                f"[GradientTape.gradient] unconnected_gradients is {unconnected_gradients!r}, expected 'none' or 'zero'"
            )
        targets = list(target) if isinstance(target, (list, tuple)) else [target]
        flat = _flatten(sources)
        for name, tensors in (("target", targets), ("sources", flat)):
            for t in tensors:
                if not isinstance(t, Tensor):
                    raise TypeError(
                        f"[GradientTape.gradient] {name} holds a {type(t).__name__}, expected a Tensor"
                    )
        self._used = True
        pending = self._seed(targets, output_gradients)
        if self in _tapes() and not self._persistent:
            with self.stop_recording():
                found = self._propagate(pending, flat)
        else:
            found = self._propagate(pending, flat)
        if unconnected_gradients == "zero":
            found = [
                _ops["zeros_like"](Tensor(s.array)) if g is None else g
                for g, s in zip(found, flat, strict=True)
            ]
        return _nest(sources, iter(found))

    def _seed(self, targets, output_gradients):
        """What flows in at the targets: {(node, index): gradient}."""
        if output_gradients is None or not isinstance(output_gradients, (list, tuple)):
            output_gradients = [output_gradients] * len(targets)
        if len(output_gradients) != len(targets):
            raise ValueError(
                f"[GradientTape.gradient] output_gradients has {len(output_gradients)} entries, "
                f"expected {len(targets)}, one per target"
            )
        pending: dict = {}
        for t, seed in zip(targets, output_gradients, strict=True):
            if t.node is None:
                continue
            if seed is None:
                seed = _ops["ones_like"](Tensor(t.array))
            else:
                seed = seed if isinstance(seed, Tensor) else Tensor(seed)
                if seed.shape != t.shape:
                    raise ValueError(
                        f"[GradientTape.gradient] output_gradients has shape {seed.shape}, expected {t.shape} like the target"
                    )
            _accumulate(pending, (t.node, t.index), seed)
        return pending

    def _recorded(self, node: Node) -> bool:
        inside = node.order > self._start and (self._stop is None or node.order < self._stop)
        return inside and node.gradient is not None

    def _watches(self, source: Tensor) -> bool:
        """Leaves count if they were watched, or are variables of a tape that watches those by itself."""
        return self._watch_variables or source.node.leaf is None or id(source) in self._watched

    def _propagate(self, pending: dict, sources: list[Tensor]) -> list[Tensor | None]:
        if self._start is None:
            raise RuntimeError(
                "[GradientTape.gradient] the tape was never opened; use it in a `with` statement"
            )
        wanted = {(s.node, s.index) for s in sources if s.node is not None and self._watches(s)}
        for node, _ in wanted:
            node.gates = False  # its gradient is asked for, uncut
        nodes, stack = set(), [node for node, _ in pending]
        while stack:
            node = stack.pop()
            if node in nodes or not self._recorded(node):
                continue
            nodes.add(node)
            stack.extend(edge[0] for edge in node.inputs if edge is not None)
        ordered = sorted(nodes, key=lambda node: node.order)
        useful = {}  # nodes from which a source can be reached: which of their inputs lead there
        for node in ordered:
            needs = tuple([e is not None and (e in wanted or e[0] in useful) for e in node.inputs])
            if True in needs:
                useful[node] = needs
        found = {}
        while ordered:
            node = ordered.pop()
            dys = []
            for index in range(len(node.outputs)):
                dy = pending.pop((node, index), None)
                if (node, index) in wanted:
                    found[node, index] = dy
                dys.append(dy)
            needs = useful.get(node)
            if needs is None or all([dy is None for dy in dys]):
                continue
            ys = tuple([Tensor(y, node, i) for i, y in enumerate(node.outputs)])
            gradients = (
                node.gradient(dys[0], ys[0], needs) if len(ys) == 1 else node.gradient(tuple(dys), ys, needs)
            )
            for edge, need, dx in zip(node.inputs, needs, gradients, strict=True):
                if need and dx is not None:
                    _accumulate(pending, edge, dx)
            if not self._persistent:
                dy = dx = dys = ys = gradients = None
                _drop_saved(node)
        found.update((key, dy) for key, dy in pending.items() if key in wanted)
        return [
            found.get((s.node, s.index)) if s.node is not None and self._watches(s) else None for s in sources
        ]


def _drop_saved(node: Node) -> None:
    """One tape fewer wants this node; without any, its arrays are let go while the pass goes on."""
    node.tapes -= 1
    if node.tapes == 0:
        node.gradient, node.outputs, node.inputs = None, (), ()


class _Paused:
    def __init__(self, tape):
        self._tape = tape

    def __enter__(self):
        self._at = _tapes().index(self._tape)
        _tapes().pop(self._at)

    def __exit__(self, *_):
        _tapes().insert(self._at, self._tape)


def _accumulate(pending: dict, key, dx: Tensor) -> None:
    before = pending.get(key)
    pending[key] = dx if before is None else _ops["add"](before, dx)


def _flatten(sources) -> list:
    if isinstance(sources, dict):
        return [t for value in sources.values() for t in _flatten(value)]
    if isinstance(sources, (list, tuple)):
        return [t for value in sources for t in _flatten(value)]
    return [sources]


def _nest(sources, gradients):
    if isinstance(sources, dict):
        return {key: _nest(value, gradients) for key, value in sources.items()}
    if isinstance(sources, (list, tuple)):
        return type(sources)([_nest(value, gradients) for value in sources])
    return next(gradients)
