# SPDX-License-Identifier: Apache-2.0
"""Models that begin inside another: they get inputs of their own."""

from __future__ import annotations

from tilewright import nest
from tilewright.keras.graph import Call, Graph, KerasTensor
from tilewright.keras.layers.input import Input


def with_own_inputs(inputs, outputs):
    """Inputs that are all of `Input`, and the outputs that follow from them.

    Where an input is what some layer gives, a new Input takes its place and the calls after it are noted
    anew; the layers are the same ones.
    """
    inside = [t for t in nest.leaves(inputs) if isinstance(t, KerasTensor) and _is_inside(t)]
    if not inside:
        return inputs, outputs
    graph = Graph(inputs, outputs)
    new: dict[int, KerasTensor] = {id(t): t for t in graph.flat_inputs}
    for tensor in inside:
        new[id(tensor)] = Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{tensor.name}CLONE")

    def place(leaf):
        return new[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

    for call in graph.calls:
        results = nest.map_leaves(lambda t: KerasTensor(t.shape, t.dtype), call.outputs)
        Call(call.layer, *(nest.map_leaves(place, part) for part in (call.args, call.kwargs)), results)
        new.update(zip(map(id, nest.leaves(call.outputs)), nest.leaves(results), strict=True))
    return nest.map_leaves(place, inputs), nest.map_leaves(place, outputs)


def _is_inside(tensor: KerasTensor) -> bool:
    return tensor.call is not None and bool(tensor.call.inputs)
