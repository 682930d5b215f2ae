# SPDX-License-Identifier: Apache-2.0
"""Symbolic calls of layers: KerasTensor (a shape and dtype to come), Call (one layer called once), Graph."""

from __future__ import annotations

import numpy as np

from tilewright import nest
from tilewright.autograd import Tensor
from tilewright.dtype_names import dtype_of
from tilewright.keras import naming
from tilewright.keras.annotated import Annotated


class KerasTensor:
    """The place of a value in a model that is being described: shape (None where it is open) and dtype.

    Layers called on one give others; `Model(inputs, outputs)` follows them back.
    """

    def __init__(self, shape, dtype="float32", name: str | None = None):
        self.shape = tuple(shape)
        self.array_dtype = dtype_of(dtype)
        self.dtype = "string" if self.array_dtype.kind in "OUS" else str(dtype)
        self.name = name or naming.unique_name("keras_tensor")
        self.call: Call | None = None  # what makes it; None until a layer is called
        self.index = 0

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __repr__(self):
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def __array__(self, *_, **__):
        raise TypeError(
            f"[KerasTensor] {self.name} has no values, expected an array; call the model on data instead"
        )

    def __iter__(self):
        raise TypeError(f"[KerasTensor] {self.name} has no values and cannot be iterated over")

    def __bool__(self):
        raise TypeError(f"[KerasTensor] {self.name} has no values and cannot be true or false")


class Call:
    """One symbolic call: the layer, its arguments (holding KerasTensors), and what came out."""

    def __init__(self, layer, args: tuple, kwargs: dict, outputs):
        self.layer, self.args, self.kwargs, self.outputs = layer, args, kwargs, outputs
        self.inputs = [x for x in nest.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
        for index, tensor in enumerate(nest.leaves(outputs)):
            tensor.call, tensor.index = self, index


def symbols(structure) -> list[KerasTensor]:
    """The KerasTensors among nested values."""
    return [leaf for leaf in nest.leaves(structure) if isinstance(leaf, KerasTensor)]


def is_symbolic(args: tuple, kwargs: dict) -> bool:
    """Whether a call's arguments hold a KerasTensor."""
    for value in args:
        if isinstance(value, KerasTensor) or (nest.is_nested(value) and symbols(value)):
            return True
    return bool(kwargs) and bool(symbols(kwargs))


class Graph:
    """The calls that lead from inputs to outputs, in an order that can be run.

    Parameters
        inputs, outputs : KerasTensor, or nested lists, tuples and dicts of them
    Raises   ValueError: an output that the inputs do not lead to, an input of no Input or layer
    """

    def __init__(self, inputs, outputs):
        self.inputs, self.outputs = inputs, outputs
        self.flat_inputs, self.flat_outputs = nest.leaves(inputs), nest.leaves(outputs)
        for role, tensors in (("inputs", self.flat_inputs), ("outputs", self.flat_outputs)):
            for tensor in tensors:
                if not isinstance(tensor, KerasTensor):
                    raise ValueError(
                        f"[Model] {role} holds a {type(tensor).__name__}, expected what Input or a layer "
                        "called on it gives"
                    )
        self.calls = self._ordered()
        names = [layer.name for layer in self.layers]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"[Model] two layers are named {twice!r}, expected unique names")
        self._plan = [self._step(call) for call in self.calls]

    def _ordered(self) -> list[Call]:
        """Calls between inputs and outputs, each after what it needs; without recursion: models are deep.

        Notes in `_visits` the calls, those of the inputs too, in the order in which they are reached from the
        outputs: Keras's order of layers follows it.
        """
        known = {id(t) for t in self.flat_inputs}
        calls: list[Call] = []
        self._visits: dict[int, Call] = {}
        done: set[int] = set()
        stack = [(t, False) for t in reversed(nest.flatten(self.outputs))]
        while stack:
            tensor, ready = stack.pop()
            call = tensor.call
            if id(tensor) in known or (call is not None and id(call) in done):
                if call is not None and not call.inputs:
                    self._visits.setdefault(id(call), call)
                continue
            if call is None or not call.inputs:
                raise ValueError(
                    f"[Model] inputs do not lead to output {tensor.name}, expected them to include its source"
                )
            if ready:
                done.add(id(call))
                calls.append(call)
            else:
                self._visits.setdefault(id(call), call)
                stack.append((tensor, True))
                stack.extend((t, False) for t in reversed(call.inputs))
        return calls

    @property
    def layers(self) -> list:
        """The layers, each once, in Keras's order: those farthest from the outputs first, and among
        equals the one reached first on the way back from the outputs.
        """
        depths: dict[int, int] = {}  # of calls
        layer_depths: dict[object, int] = {}
        for call in reversed(self.calls):
            depth = max(depths.get(id(call), 0), layer_depths.get(call.layer, 0))
            layer_depths[call.layer] = depths[id(call)] = depth
            for tensor in call.inputs:
                source = tensor.call
                if source is not None:
                    depths[id(source)] = max(depth + 1, depths.get(id(source), 0))
        for tensor in self.flat_inputs:
            if tensor.call is not None and not tensor.call.inputs:
                layer_depths[tensor.call.layer] = depths.get(id(tensor.call), 0)
        order: dict[object, int] = {}
        for call in self._visits.values():
            order.setdefault(call.layer, len(order))
        return sorted(layer_depths, key=lambda layer: (-layer_depths[layer], order.get(layer, -1)))

    @property
    def is_a_chain(self) -> bool:
        """Whether it is one input and layers one after the other, each called once."""
        sources = {id(call.inputs[0].call) for call in self.calls if len(call.inputs) == 1}
        once = len(self.layers) == len(self.calls) + 1
        return len(self.flat_inputs) == 1 and once and len(sources) == len(self.calls)

    def _step(self, call: Call):
        """A call prepared for running: (layer, id of its only input or None, call, ids of its outputs)."""
        single = len(call.args) == 1 and not call.kwargs and isinstance(call.args[0], KerasTensor)
        outputs = [id(t) for t in nest.leaves(call.outputs)]
        return call.layer, id(call.args[0]) if single else None, call, outputs

    def run(self, values: list):
        """The outputs for one value per input, in order."""
        held = {id(t): value for t, value in zip(self.flat_inputs, values, strict=True)}
        for layer, single, call, outputs in self._plan:
            if single is not None:
                result = layer(held[single])
            else:

                def given(leaf, held=held):
                    return held[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

                args = nest.map_leaves(given, call.args)
                result = layer(*args, **nest.map_leaves(given, call.kwargs))
            if len(outputs) == 1 and not nest.is_nested(result):
                held[outputs[0]] = result
            else:
                held.update(zip(outputs, nest.leaves(result), strict=True))
        if isinstance(self.outputs, KerasTensor):
            return held[id(self.outputs)]
        return nest.pack(self.outputs, (held[id(t)] for t in self.flat_outputs))


def probe_shapes(function, structure, masked: bool = False):
    """Output specification of `function`, found by two runs on zeros with different sizes for open axes.

    Open axes behind the batch are long first, so that windows fit and strides show. Where that fails they are
    short: what looks up each position in a table of its own may have few.

    `masked`: the zeros carry a mask of their first two axes, as sequences do.
    """

    def run(size, length):
        def zeros(leaf):
            if not isinstance(leaf, KerasTensor):
                return leaf
            shape = ((length if i else size) if n is None else n for i, n in enumerate(leaf.shape))
            values = np.zeros(tuple(shape), leaf.array_dtype)
            if not masked:
                return values
            return Annotated(Tensor(values), mask=Tensor(np.ones(values.shape[:2], np.bool_)))

        args, kwargs = nest.map_leaves(zeros, structure)
        return function(*args, **kwargs)

    try:
        first, second = run(2, 32), run(3, 48)
    except Exception:
        first, second = run(2, 2), run(3, 3)
    pairs = zip(nest.leaves(first), nest.leaves(second), strict=True)
    return nest.pack(
        first,
        [
            KerasTensor((n if n == m else None for n, m in zip(a.shape, b.shape, strict=True)), a.dtype)
            for a, b in pairs
        ],
    )


def specs_of(shape, dtype):
    """A KerasTensor for a shape, or a list of them for a list of shapes."""
    if isinstance(shape, tuple) and all(n is None or isinstance(n, (int, np.integer)) for n in shape):
        return KerasTensor(shape, dtype)
    return type(shape)(specs_of(s, dtype) for s in shape)
