# SPDX-License-Identifier: Apache-2.0
"""Configurations of models made of inputs and outputs, in Keras's format of layers, calls and histories."""

from __future__ import annotations

import inspect

from tilewright import nest
from tilewright.keras import serialization
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

    def end(tensor: KerasTensor) -> list:
        # Keras counts the calls of functional models from 1 here, and from 0 in the calls.
        name, index, output = history(tensor)
        return [name, index + is_functional(tensor.call.layer), output]

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
                "args": [nest.map_leaves(encode, a) for a in call.args],
                "kwargs": {k: nest.map_leaves(encode, v) for k, v in call.kwargs.items()},
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
        "input_layers": nest.map_leaves(end, graph.inputs),
        "output_layers": nest.map_leaves(end, graph.outputs),
    }


def is_functional(layer) -> bool:
    """Whether a layer is a model made of inputs and outputs, and no Sequential."""
    return getattr(layer, "_graph", None) is not None and not hasattr(layer, "_stack")


def build(cls, values: dict):
    """The model that `describe`, or Keras, wrote down."""
    layers = {}
    for entry in values["layers"]:
        layers[entry["name"]] = serialization.deserialize_keras_object(
            {k: v for k, v in entry.items() if k not in ("name", "inbound_nodes")}
        )
    made = _called(values["layers"], layers)

    def tensor(name, index, output):
        return _look_up(made, name, index - is_functional(layers.get(name)), output)

    def tensors(structure):
        if isinstance(structure, dict):
            return {k: tensors(v) for k, v in structure.items()}
        if len(structure) == 3 and isinstance(structure[0], str):
            return tensor(*structure)
        return [tensors(part) for part in structure]

    model = cls(
        inputs=tensors(values["input_layers"]),
        outputs=tensors(values["output_layers"]),
        name=values.get("name"),
    )
    model._trainable = values.get("trainable") is not False  # each layer knows of itself already
    return model


def _called(entries: list, layers: dict) -> dict[tuple, list]:
    """Calls every layer as the entries say; gives the outputs by layer and number of the call."""
    made: dict[tuple, list] = {}
    waiting = []
    for entry in entries:
        name, nodes = entry["name"], entry["inbound_nodes"]
        if not nodes:
            made[name, 0] = [layers[name].output]
        waiting += [(name, i, node) for i, node in enumerate(nodes)]
    while waiting:
        later = []
        for name, index, node in waiting:
            try:
                args, kwargs = _arguments(node, made)
            except KeyError:
                later.append((name, index, node))
                continue
            kwargs = _accepted(layers[name], kwargs)
            made[name, index] = nest.leaves(layers[name](*args, **kwargs))
        if len(later) == len(waiting):
            raise ValueError(
                f"[from_config] layers {sorted({n for n, _, _ in later})} have inputs that nothing makes"
            )
        waiting = later
    return made


def _look_up(made: dict, name: str, index: int, output: int):
    outputs = made.get((name, index))
    if outputs is None or not 0 <= output < len(outputs):
        raise KeyError(f"{name}, call {index}, output {output}")
    return outputs[output]


def _arguments(node, made: dict):
    """Positional and named arguments of a call. Raises KeyError where an input is not made yet."""
    if isinstance(node, list):  # as Keras 2 wrote it: [[layer, call, output, arguments], ...]
        tensors = [_look_up(made, *entry[:3]) for entry in node]
        return [tensors[0] if len(tensors) == 1 else tensors], dict(node[0][3]) if len(node[0]) > 3 else {}

    def decode(leaf):
        if isinstance(leaf, dict) and leaf.get("class_name") == "__keras_tensor__":
            return _look_up(made, *leaf["config"]["keras_history"])
        if isinstance(leaf, dict) and "class_name" in leaf:
            return serialization.deserialize_keras_object(leaf)
        if isinstance(leaf, dict):
            return {k: decode(v) for k, v in leaf.items()}
        if isinstance(leaf, (list, tuple)):
            return [decode(part) for part in leaf]
        return leaf

    return decode(list(node["args"])), decode(node["kwargs"])


def _accepted(layer, kwargs: dict) -> dict:
    """Arguments without those that Keras fills in for every layer, where this one's `call` does not take
    them: flags that are None, and masks, which travel with the values here.
    """
    parameters = inspect.signature(layer.call).parameters
    if any(p.kind == p.VAR_KEYWORD for p in parameters.values()):
        return kwargs
    return {
        name: value
        for name, value in kwargs.items()
        if name in parameters or not (value is None or name == "mask" or name.endswith("_mask"))
    }
