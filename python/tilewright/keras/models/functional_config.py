# SPDX-License-Identifier: Apache-2.0
"""Configurations of models made of inputs and outputs, in Keras's format of layers, calls and histories."""

from __future__ import annotations

from tilewright.keras import nest, serialization
from tilewright.keras.graph import KerasTensor


def describe(model) -> dict:
    """The model as plain data."""
    graph = model._graph
    position: dict[int, int] = {}  # of each call among those of its layer that belong to the model
    inbound: dict[int, list] = {}
    for call in graph.calls:
        calls = inbound.setdefault(id(call.layer), [])
        position[id(call)] = len(calls)
        calls.append(call)

    def history(tensor: KerasTensor) -> list:
        return [tensor.call.layer.name, position.get(id(tensor.call), 0), tensor.index]

    def encode(leaf):
        if isinstance(leaf, KerasTensor):
            return {
                "class_name": "__keras_tensor__",
                "config": {"shape": list(leaf.shape), "dtype": leaf.dtype, "keras_history": history(leaf)},
            }
        return serialization.serialize_keras_object(leaf)

    layers = []
    for layer in graph.layers:
        nodes = [
            {
                "args": [nest.map_structure(encode, a) for a in call.args],
                "kwargs": {k: nest.map_structure(encode, v) for k, v in call.kwargs.items()},
            }
            for call in inbound.get(id(layer), [])
        ]
        layers.append(
            {**serialization.serialize_keras_object(layer), "name": layer.name, "inbound_nodes": nodes}
        )
    return {
        "name": model.name,
        "trainable": model._trainable,
        "layers": layers,
        "input_layers": nest.map_structure(history, graph.inputs),
        "output_layers": nest.map_structure(history, graph.outputs),
    }


def build(cls, values: dict):
    """The model that `describe` wrote down."""
    layers = {entry["name"]: serialization.deserialize_keras_object(entry) for entry in values["layers"]}
    made: dict[tuple, list] = {}
    waiting = []
    for entry in values["layers"]:
        layer = layers[entry["name"]]
        if not entry["inbound_nodes"]:
            made[entry["name"], 0] = [layer.output]
        waiting += [(entry["name"], i, node) for i, node in enumerate(entry["inbound_nodes"])]

    def decode(leaf):
        if isinstance(leaf, dict) and leaf.get("class_name") == "__keras_tensor__":
            name, index, output = leaf["config"]["keras_history"]
            return made[name, index][output]
        if isinstance(leaf, dict):
            return (
                serialization.deserialize_keras_object(leaf)
                if "class_name" in leaf
                else {k: decode(v) for k, v in leaf.items()}
            )
        if isinstance(leaf, (list, tuple)):
            return type(leaf)(decode(part) for part in leaf)
        return leaf

    while waiting:
        later = []
        for name, index, node in waiting:
            try:
                args, kwargs = decode(list(node["args"])), decode(node["kwargs"])
            except KeyError:
                later.append((name, index, node))
                continue
            made[name, index] = nest.flatten(layers[name](*args, **kwargs))
        if len(later) == len(waiting):
            raise ValueError(
                f"[from_config] layers {sorted({n for n, _, _ in later})} have inputs that nothing makes"
            )
        waiting = later

    def tensor(history):
        return made[history[0], history[1]][history[2]]

    def tensors(structure):
        if isinstance(structure, (list, tuple)) and len(structure) == 3 and isinstance(structure[0], str):
            return tensor(structure)
        if isinstance(structure, dict):
            return {k: tensors(v) for k, v in structure.items()}
        return [tensors(part) for part in structure]

    model = cls(
        inputs=tensors(values["input_layers"]),
        outputs=tensors(values["output_layers"]),
        name=values.get("name"),
    )
    if not values.get("trainable", True):
        model.trainable = False
    return model
